-- The simulation where a queue belongs, by '.' for ':'.
-- expect: was '.' written where ':' is meant?
local P = {}
function P:schedule(replica, step) step.admit(self.sim.queue, 8) end
return P
