-- least_loaded: a router. Each arrival goes to the own queue of the replica with the fewest requests, running and waiting; of
-- equals to the first. Each replica serves its queue as the policy `engine` (vllm_v1) does. Parameters are those of it.
-- Source: join the shortest queue (Winston 1977), as in the "least outstanding requests" routers of serving gateways.
local LeastLoaded = require "mbsand.router".new()
LeastLoaded.route = "load"
return LeastLoaded
