-- State in a global variable.
-- expect: a hook may not make the global variable 'count'; write 'local count', or keep it in self.count
-- luacheck: ignore
local P = {}
function P:schedule() count = 1 end
return P
