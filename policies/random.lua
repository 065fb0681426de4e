-- random: a router. Each arrival goes to the own queue of a replica drawn at random; each replica serves its queue as the
-- policy `engine` (vllm_v1) does. Parameters are those of it.
local Random = require "mbsand.router".new()
Random.route = "random"
return Random
