-- round_robin: a router. Arrivals go to the replicas' own queues in turn; each replica serves its queue as the policy `engine`
-- does (vllm_v1; orca, vllm_v0, sarathi, sjf, srpt, edf, priority, pang, fcfs or a file of yours). Parameters are those of it.
local RoundRobin = require "mbsand.router".new()
RoundRobin.route = "turns"
return RoundRobin
