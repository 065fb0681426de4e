-- vllm_v0: prefills first. A step computes whole prompts from the head of the queue while they fit, and no decodes then; only
-- when no prompt can be admitted do the running requests decode. Out of memory, the newest is preempted (recompute) to the
-- front of the queue. An admitted prompt takes its memory at once, and 1 % of the blocks stay free.
-- Source: vLLM 0.4 scheduler in its default mode (no chunked prefill); Kwon et al., SOSP 2023. Defaults are vLLM's. Its block
-- manager v1 (can_append_slots) lets a decode go on only if a block is free, whether it needs one or not.
local reserve = require "mbsand.reserve"

local VllmV0 = { params = {
  max_tokens = 2048,                           -- max_num_batched_tokens; a longer prompt goes alone
  max_requests = 256,                          -- max_num_seqs
  watermark = 0.01,                            -- share of the blocks that admission leaves free, or the cluster's if larger
  decode_needs = "spare",                      -- a free block; "needed": only if it fills one (block manager v2)
} }

function VllmV0:init()
  for _, replica in ipairs(self.sim.replicas) do
    replica.token_budget = math.min(replica.token_budget, self.params.max_tokens)
    replica.max_requests = math.min(replica.max_requests, self.params.max_requests)
    replica.watermark = math.max(replica.watermark, self.params.watermark)
    replica.reserve, replica.chunked = reserve(replica, "prompt"), false
  end
end

function VllmV0:serve(replica, step, queue)
  if step:admit(queue) > 0 and replica.prefills > 0 then return end -- (who comes back with its memory is no prompt)
  if step:carry(self.params.decode_needs) > 0 then step:quantum(1) end -- who made room may fit again after this step
  if step.requests == 0 then step:admit(queue) end -- the last one made room for itself: the next round
end

function VllmV0:schedule(replica, step)
  self:serve(replica, step, self.sim.queue)
end

return VllmV0
