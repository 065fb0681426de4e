-- Queues live outside the policy's memory.
-- expect: more than 65536 queues
local P = {}
function P:init() while true do self.sim:queue{} end end
function P:schedule() end
return P
