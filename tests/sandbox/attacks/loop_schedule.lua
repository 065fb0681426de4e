-- An endless loop in schedule.
-- expect: loop_schedule.lua:4: schedule ran longer than 0.3 s
local P = {}
function P:schedule() while true do end end
return P
