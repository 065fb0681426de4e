-- A key that has no place.
-- expect: the queue's `by` function must return a number
local P = {}
function P:init() self.sim.inbox = self.sim:queue{ by = function() return 0 / 0 end } end
function P:schedule() end
return P
