-- A comparison that never returns.
-- expect: schedule ran longer than 0.3 s
local P = {}
function P:schedule() table.sort({ 2, 1 }, function() while true do end end) end
return P
