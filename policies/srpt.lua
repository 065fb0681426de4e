-- srpt: shortest predicted remaining answer first. Where the first in line does not fit, running requests with more left
-- than it are preempted (recompute), longest first - but only while they are young: a request that has generated `age` of
-- its prediction is left alone, since starting it again would cost more than it frees.
-- Source: Shahout et al., "Don't stop me now: embedding based scheduling for LLMs" (TRAIL), arXiv 2410.01035, ICLR 2025,
-- with its age limit c = 0.8; predictions are made once here, not again at every step.
local Srpt = { order = "predicted_remaining", params = { age = 0.8 } } -- 1: plain SRPT on predictions; 0: never preempt

function Srpt:init()
  self.queue = self.sim:queue{ by = self.order }
  self.sim.inbox = self.queue
end

function Srpt:serve(_, step, queue)
  if step:carry() == 0 then step:displace(queue, "oldest", self.params.age) end
end

function Srpt:plain(queue) return { queue = queue, displace = "oldest", age = self.params.age } end

function Srpt:schedule(replica, step)
  replica:plain(self:plain(self.queue)) -- it is not asked again
  self:serve(replica, step, self.queue)
end

return Srpt
