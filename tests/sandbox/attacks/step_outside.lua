-- Fill a step when none is open.
-- expect: a step can only be filled while `schedule` runs
local P = {}
function P:arrive(req)
  self.sim.queue:push(req)
  if self.step then self.step:admit(self.sim.queue) end
end
function P:schedule(replica, step) self.step = step end
return P
