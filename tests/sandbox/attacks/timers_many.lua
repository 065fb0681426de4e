-- Timers without end.
-- expect: init ran longer than 0.3 s
local P = {}
function P:init() while true do self.sim:after(1, function() end) end end
function P:schedule() end
return P
