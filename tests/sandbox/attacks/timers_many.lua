-- Timers without end.
-- expect: the policy used more than 64 MiB of memory
local P = {}
function P:init() while true do self.sim:after(1, function() end) end end
function P:schedule() end
return P
