-- fcfs: continuous batching, first come, first served: go on with what runs, then admit from the head while it fits.
-- The smallest policy of its kind, to be copied. Limits and admission are the cluster's (token_budget, max_requests,
-- reserve, watermark).
local Fcfs = {}

-- One step from a queue, which may be one that a router fills; and what it is, said once.
function Fcfs.serve(_, _, step, queue)
  if step:carry() == 0 then step:admit(queue) end -- nobody new while memory is short
end

function Fcfs.plain(_, queue) return { queue = queue } end

function Fcfs:schedule(replica, step)
  replica:plain(self:plain(self.sim.queue)) -- this replica is not asked again
  self:serve(replica, step, self.sim.queue)
end

return Fcfs
