-- Take the time limit's hook away.
-- expect: 'debug' is not available to policies
local P = {}
function P:schedule() debug.sethook() while true do end end
return P
