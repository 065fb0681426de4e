-- The same in the reason for turning a request away.
-- expect: request 0: ?[2J
-- exit: 2
-- reject: control
local P = {}
function P:arrive(req) self.sim:reject(req, "\27[2J\nmbsand: lies \194\155") end
function P:schedule() end
return P
