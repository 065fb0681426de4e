-- A loop of one jump.
-- expect: schedule ran longer than 0.3 s
local P = {}
function P:schedule() ::again:: goto again end
return P
