-- random: a router. Each arrival goes to the own queue of a replica drawn at random; each replica serves its queue as vllm_v1
-- does. Parameters are those of vllm_v1.
local VllmV1 = require "vllm_v1"

local Random = { params = VllmV1.params, init = VllmV1.init, serve = VllmV1.serve }

function Random:arrive(req)
  local replicas = self.sim.replicas
  replicas[math.random(#replicas)].queue:push(req)
end

function Random:schedule(replica, step)
  self:serve(replica, step, replica.queue)
end

return Random
