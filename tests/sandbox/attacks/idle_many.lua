-- Wake-ups without end.
-- expect: step:idle: called more than 100 times in one step
local P = {}
function P:schedule(replica, step) while true do step:idle(1e9) end end
return P
