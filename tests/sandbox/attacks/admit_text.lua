-- A text where a number belongs.
-- expect: number expected, got string
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue, "many") end
return P
