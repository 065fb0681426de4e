-- static_sjf: batches of a fixed size, shortest predicted answer first, run to completion. Neighbours in a sorted queue are of
-- similar length, so little is padded, as in bins, and short requests wait less; long ones may starve under overload.
-- Source: shortest job first (Smith 1956; Conway, Maxwell & Miller 1967) on predicted lengths, in batches as in Zheng et al.,
-- "Response length perception and sequence scheduling", NeurIPS 2023.

local StaticSjf = { params = {
  batch_size = 8,
  key = "predicted_output",                    -- or "predicted_total", "prompt_tokens": what service time follows
} }

function StaticSjf:init()
  self.queue = self.sim:queue{ by = self.params.key }
  self.sim.inbox = self.queue
end

function StaticSjf:schedule(replica, step)
  if replica.running == 0 then
    step:admit(self.queue, self.params.batch_size)
    step:barrier()
  end
end

return StaticSjf
