-- sjf: the waiting request with the shortest predicted answer is admitted first; what runs is not interrupted.
-- Source: the classic rule (Smith 1956; Conway, Maxwell & Miller 1967) on predicted lengths, as in Zheng et al., "Response
-- length perception and sequence scheduling", NeurIPS 2023. Long requests may starve.
local Sjf = { order = "predicted_output" }

function Sjf:init()
  self.queue = self.sim:queue{ by = self.order }
  self.sim.inbox = self.queue
end

function Sjf.serve(_, _, step, queue)
  if step:carry() == 0 then step:admit(queue) end
end

function Sjf.plain(_, queue) return { queue = queue } end

function Sjf:schedule(replica, step)
  replica:plain(self:plain(self.queue)) -- it is not asked again
  self:serve(replica, step, self.queue)
end

return Sjf
