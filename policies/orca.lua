-- orca: iteration-level scheduling as first published. Each iteration serves every running request, and admits waiting ones in
-- order of arrival up to max_requests, each with memory for the longest possible sequence (cluster.kv_max_length) set aside,
-- so that nobody is ever preempted. Prompts are computed whole.
-- Source: Yu et al., "Orca: a distributed serving system for Transformer-based generative models", OSDI 2022, Algorithm 1.
local reserve = require "mbsand.reserve"

local Orca = { params = { max_requests = 128 } }

function Orca:init()
  for _, replica in ipairs(self.sim.replicas) do
    replica.max_requests = math.min(replica.max_requests, self.params.max_requests)
    replica.reserve, replica.chunked = reserve(replica, "maximum"), false
  end
end

function Orca.serve(_, _, step, queue)
  step:carry()
  step:admit(queue)
end

function Orca.plain(_, queue) return { queue = queue, after_preemption = true } end

function Orca:schedule(replica, step)
  replica:plain(self:plain(self.sim.queue)) -- it is not asked again
  self:serve(replica, step, self.sim.queue)
end

return Orca
