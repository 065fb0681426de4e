-- llama_server: a fixed number of slots. A request has a slot from its first chunk to its last token; who finds none waits in
-- order of arrival, and takes the free slot that was left longest ago. A step is a token for each slot that generates, then,
-- in the order of the slots and not of arrival, as much of their prompts as n_batch leaves. Without continuous batching
-- prompts are computed only where nobody generates.
-- Source: llama.cpp, tools/server/server-context.cpp (get_available_slot, pre_decode), as of 2026; defaults are those of
-- llama-server, beside which `mbsand verify --engine llama-server` runs it. Not here: prompts that a slot finds computed by
-- the one before, and what it does when the KV memory of its slots, one pool, is full: requests fail there; here the one
-- that finds none is computed again.
local LlamaServer = { params = {
  slots = 4,                                   -- --parallel
  n_batch = 2048,                              -- --batch-size: tokens of a step; kernels see --ubatch-size of them at once
  cont_batching = true,                        -- --cont-batching
} }

function LlamaServer:init()
  local params = self.params
  self.slots, self.of = {}, {}
  for _, replica in ipairs(self.sim.replicas) do
    replica.max_requests = math.min(replica.max_requests, params.slots)
    replica.token_budget = math.min(replica.token_budget, params.n_batch)
  end
end

-- Of slots that were left at the same time, or never had anybody, the last.
local function free_slot(slots)
  local best
  for _, slot in ipairs(slots) do
    if not slot.req and (not best or slot.left <= best.left) then best = slot end
  end
  return best
end

function LlamaServer:slots_of(replica)
  local slots = self.slots[replica.id]
  if not slots then
    slots = {}
    for i = 1, math.min(self.params.slots, replica.max_requests) do slots[i] = { left = -1 } end
    self.slots[replica.id] = slots
  end
  return slots
end

-- The waiting get slots, if there is room for their prompts in this step or not.
function LlamaServer:assign(slots)
  local slot = free_slot(slots)
  if not slot then return end
  for req in self.sim.queue:each() do
    if not self.of[req.id] then
      slot.req, self.of[req.id] = req, slot
      slot = free_slot(slots)
      if not slot then return end
    end
  end
end

function LlamaServer:schedule(replica, step)
  local slots, generating = self:slots_of(replica), false
  self:assign(slots)
  for _, slot in ipairs(slots) do
    if slot.req and slot.req:phase() == "decode" then
      local added, why = step:add(slot.req)
      generating = generating or added
      if why == "memory" then step:preempt(slot.req) end
    end
  end
  if generating and not self.params.cont_batching then return end
  for _, slot in ipairs(slots) do
    if step.budget < 1 then return end
    if slot.req and slot.req:phase() ~= "decode" then step:add(slot.req) end
  end
end

function LlamaServer:finish(req)
  local slot = self.of[req.id]
  self.of[req.id] = nil
  if slot then slot.req, slot.left = nil, self.sim.now end
end

return LlamaServer
