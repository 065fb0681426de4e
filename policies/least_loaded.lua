-- least_loaded: a router. Each arrival goes to the own queue of the replica with the fewest requests, running and waiting; of
-- equals to the first. Each replica serves its queue as the policy `engine` (vllm_v1) does. Parameters are those of it, and
-- `signals`: "now", the requests that are there; "seen", those that the replica published last (cluster.signals); "counted",
-- those and the ones that were sent there since.
-- Source: join the shortest queue (Winston 1977), as in the "least outstanding requests" routers of serving gateways.
local router, seen = require "mbsand.router", require "mbsand.seen"

local LeastLoaded = router.new{ signals = "now" }

function LeastLoaded:init()
  if self.params.signals == "now" then return self.sim:route "load" end
  self.state = seen.new(self, self.params.signals)
end

function LeastLoaded:arrive(req) -- with `signals` only; what a failed replica left, always
  if not self.state then return self.sim:least "load".queue:push(req) end
  seen.send(self.state, seen.least(self.state), req)
end

return LeastLoaded
