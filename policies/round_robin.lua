-- round_robin: a router. Arrivals go to the replicas' own queues in turn; each replica serves its queue as vllm_v1 does.
-- Parameters are those of vllm_v1.
local VllmV1 = require "vllm_v1"

local RoundRobin = { params = VllmV1.params, serve = VllmV1.serve }

function RoundRobin:init()
  VllmV1.init(self)
  self.last = 0
end

function RoundRobin:arrive(req)
  local replicas = self.sim.replicas
  self.last = self.last % #replicas + 1
  replicas[self.last].queue:push(req)
end

function RoundRobin:schedule(replica, step)
  self:serve(replica, step, replica.queue)
end

return RoundRobin
