-- least_loaded: a router. Each arrival goes to the own queue of the replica with the fewest requests, running and waiting; of
-- equals to the first. Each replica serves its queue as vllm_v1 does. Parameters are those of vllm_v1.
-- Source: join the shortest queue (Winston 1977), as in the "least outstanding requests" routers of serving gateways.
local VllmV1 = require "vllm_v1"

local LeastLoaded = { params = VllmV1.params, init = VllmV1.init, serve = VllmV1.serve }

function LeastLoaded:arrive(req)
  self.sim:least("load").queue:push(req)
end

function LeastLoaded:schedule(replica, step)
  self:serve(replica, step, replica.queue)
end

return LeastLoaded
