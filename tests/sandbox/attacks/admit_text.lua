-- A text where a number belongs.
-- expect: expected a number of requests, not string
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue, "many") end
return P
