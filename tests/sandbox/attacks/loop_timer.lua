-- An endless loop in a timer.
-- expect: loop_timer.lua:4: timer ran longer than 0.3 s
local P = {}
function P:init() self.sim:after(1, function() while true do end end) end
function P:schedule() end
return P
