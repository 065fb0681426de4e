-- sarathi: stall-free batching. Every step first gives each decode its token, then the rest of a small budget to the prompts
-- under way, chunk by chunk, then admits in order of arrival while memory for the whole prompt is free. So a long prompt
-- never holds up the decodes for longer than a chunk.
-- Source: Agrawal et al., "Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve", OSDI 2024; defaults are
-- those of its code, where a decode goes on only if a block is free (can_append_slot: > 0), whether it needs one or not.
local reserve = require "mbsand.reserve"

local Sarathi = { params = {
  chunk = 512,                                 -- tokens of a step; smaller: steadier decodes, more steps per prompt
  max_requests = 128,
  watermark = 0.01,                            -- share of the blocks that admission leaves free, or the cluster's if larger
  decode_needs = "spare",                      -- a free block; "needed": only if it fills one
} }

function Sarathi:init()
  for _, replica in ipairs(self.sim.replicas) do
    replica.token_budget = math.min(replica.token_budget, self.params.chunk)
    replica.max_requests = math.min(replica.max_requests, self.params.max_requests)
    replica.watermark = math.max(replica.watermark, self.params.watermark)
    replica.reserve = reserve(replica, "prompt")
  end
end

function Sarathi:serve(_, step, queue)
  step:carry(self.params.decode_needs)
  step:admit(queue)
end

function Sarathi:plain(queue) return { queue = queue, carry = self.params.decode_needs, after_preemption = true } end

function Sarathi:schedule(replica, step)
  replica:plain(self:plain(self.sim.queue)) -- it is not asked again
  self:serve(replica, step, self.sim.queue)
end

return Sarathi
