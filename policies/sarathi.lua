-- sarathi: stall-free batching. Every step first gives each decode its token, then the rest of a small budget to the prompts
-- under way, chunk by chunk, then admits in order of arrival while memory for the whole prompt is free. So a long prompt
-- never holds up the decodes for longer than a chunk.
-- Source: Agrawal et al., "Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve", OSDI 2024; defaults are
-- those of its code.
local Sarathi = { params = {
  chunk = 512,                                 -- tokens of a step; smaller: steadier decodes, more steps per prompt
  max_requests = 128,
  watermark = 0.01,                            -- share of the blocks that admission leaves free
} }

function Sarathi:init()
  for _, replica in ipairs(self.sim.replicas) do
    replica.token_budget = math.min(replica.token_budget, self.params.chunk)
    replica.max_requests = math.min(replica.max_requests, self.params.max_requests)
    replica.reserve, replica.watermark = "prompt", self.params.watermark
  end
end

function Sarathi:schedule(_, step)
  step:carry()
  step:admit(self.sim.queue)
end

return Sarathi
