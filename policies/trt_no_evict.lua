-- trt_no_evict: first come, first served, and nobody who runs is ever set aside: admission takes memory for the prompt and the
-- longest answer that the caller allows (`req.max_output`; `bound`, where it says nothing).
-- Source: TensorRT-LLM, capacity scheduler policy GUARANTEED_NO_EVICT (its default). An answer without a caller's bound that
-- becomes longer than `bound` can still run out of memory here; there its request would end.
local reserve = require "mbsand.reserve"

local NoEvict = { params = { bound = 2048 } }

function NoEvict:init()
  for _, replica in ipairs(self.sim.replicas) do
    replica.reserve = reserve(self.sim, "expected")
    replica:plain{ queue = self.sim.queue }
  end
end

function NoEvict:arrive(req)
  req:expect(req.max_output or self.params.bound)
  self.sim.queue:push(req)
end

return NoEvict
