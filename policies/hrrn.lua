-- hrrn: highest response ratio next. The waiting request with the largest (time waited + service) / service is admitted first,
-- its predicted answer standing for its service: short answers go first, and long ones do not starve, since every ratio grows.
-- What runs is not interrupted.
-- Source: Brinch Hansen, "Analysis of response ratio scheduling", IFIP Congress 1971; as a queue whose order the core ages
-- (`age = "ratio"`). No parameters.
local Hrrn = { order = "predicted_output", age = "ratio" }

function Hrrn:init()
  self.queue = self.sim:queue{ by = self.order, age = self.age }
  self.sim.inbox = self.queue
end

function Hrrn.serve(_, _, step, queue)
  if step:carry() == 0 then step:admit(queue) end
end

function Hrrn.plain(_, queue) return { queue = queue } end

function Hrrn:schedule(replica, step)
  replica:plain(self:plain(self.queue)) -- it is not asked again
  self:serve(replica, step, self.queue)
end

return Hrrn
