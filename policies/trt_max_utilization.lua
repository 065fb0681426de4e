-- trt_max_utilization: first come, first served, as many as memory holds now. Where a step finds too little the newest are
-- paused: they give their memory up, stand first in line, and compute prompt and answer so far again.
-- Source: TensorRT-LLM, capacity scheduler policy MAX_UTILIZATION.
local reserve = require "mbsand.reserve"

local MaxUtilization = {}

function MaxUtilization:init()
  for _, replica in ipairs(self.sim.replicas) do
    replica.reserve = reserve(self.sim, "chunk")
    replica:plain{ queue = self.sim.queue }
  end
end

return MaxUtilization
