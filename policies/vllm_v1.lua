-- vllm_v1: no phases. Every step goes on with the running requests (one token per decode, the next chunk of a prompt) within a
-- budget of tokens, and only if nobody had to be preempted admits from the head of the queue, stopping at the first that
-- does not fit. Out of memory, the newest is preempted (recompute) to the front of the queue.
-- Source: vLLM 0.19, v1/core/sched/scheduler.py, policy "fcfs", scheduler_reserve_full_isl = true; defaults are those of its
-- API server on a GPU of 70 GiB or more (others: 2048 tokens, 256 requests).
local reserve = require "mbsand.reserve"

local VllmV1 = { params = {
  max_tokens = 8192,                           -- max_num_batched_tokens
  max_requests = 1024,                         -- max_num_seqs
  reserve = false,                             -- cluster.reserve, or "sequence"; "chunk": before the whole sequence had to fit
  watermark = 0,                               -- share of the blocks that admission leaves free, or the cluster's if larger
  long_prefill = 0,                            -- long_prefill_token_threshold: most tokens of one prompt in a step; 0: off
} }

function VllmV1:init()
  local params = self.params
  for _, replica in ipairs(self.sim.replicas) do
    replica.token_budget = math.min(replica.token_budget, params.max_tokens)
    replica.max_requests = math.min(replica.max_requests, params.max_requests)
    replica.reserve = reserve(replica, params.reserve, "sequence")
    replica.watermark = math.max(replica.watermark, params.watermark)
  end
end

-- With a threshold, prompts get their chunks one by one.
local function carry_short(self, replica, step)
  for req in replica:each_running() do
    if req:phase() == "prefill" then step:add(req, self.params.long_prefill) end
  end
  return step:carry()
end

local function admit_short(self, step, queue)
  local req = queue:peek()
  while req and step.budget > 0 and step:add(req, math.min(self.params.long_prefill, step.budget)) do
    req = queue:peek()
  end
end

-- One step of the engine, fed from `queue`; the routers use it too.
function VllmV1:serve(replica, step, queue)
  local short = self.params.long_prefill > 0
  local preempted = short and carry_short(self, replica, step) or step:carry()
  if preempted > 0 then return end
  if short then admit_short(self, step, queue) else step:admit(queue) end
end

-- That step, said once; with a threshold the hook is asked each time.
function VllmV1:plain(queue) return self.params.long_prefill == 0 and { queue = queue } end

function VllmV1:schedule(replica, step)
  replica:plain(self:plain(self.sim.queue))
  self:serve(replica, step, self.sim.queue)
end

return VllmV1
