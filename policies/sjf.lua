-- sjf: the waiting request with the shortest predicted answer is admitted first; what runs is not interrupted.
-- Source: the classic rule (Smith 1956; Conway, Maxwell & Miller 1967) on predicted lengths, as in Zheng et al., "Response
-- length perception and sequence scheduling", NeurIPS 2023. Long requests may starve.
local Sjf = {}

function Sjf:init()
  self.queue = self.sim:queue{ by = "predicted_output" }
  self.sim.inbox = self.queue
end

function Sjf:schedule(_, step)
  if step:carry() == 0 then step:admit(self.queue) end
end

return Sjf
