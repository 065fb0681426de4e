-- NaN requests.
-- expect: admit: the number of requests is NaN
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue, 0 / 0) end
return P
