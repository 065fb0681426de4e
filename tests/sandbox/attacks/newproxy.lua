-- LuaJIT's userdata with a finalizer.
-- expect: 'newproxy' is not available to policies
local P = {}
function P:schedule() newproxy(true) end
return P
