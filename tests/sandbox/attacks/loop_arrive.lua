-- An endless loop in arrive.
-- expect: loop_arrive.lua:4: arrive ran longer than 0.3 s
local P = {}
function P:arrive() while true do end end
function P:schedule() end
return P
