-- fcfs: continuous batching, first come, first served: go on with what runs, then admit from the head while it fits.
-- The smallest policy of its kind, to be copied. Limits and admission are the cluster's (token_budget, max_requests,
-- reserve, watermark).
local Fcfs = {}

function Fcfs:schedule(_, step)
  if step:carry() == 0 then step:admit(self.sim.queue) end -- nobody new while memory is short
end

-- The same from a queue that a router fills.
function Fcfs.serve(_, _, step, queue)
  if step:carry() == 0 then step:admit(queue) end
end

return Fcfs
