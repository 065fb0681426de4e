-- Negative, fractional and huge numbers of requests are just limits.
-- expect: end
local P = {}
function P:schedule(replica, step)
  assert(step:admit(self.sim.queue, -1) == 0 and step:admit(self.sim.queue, -2 ^ 63) == 0)
  assert(step:admit(self.sim.queue, 0.5) == 0)
  step:admit(self.sim.queue, 2 ^ 63)
  step:admit(self.sim.queue, math.huge)
  error("end")
end
return P
