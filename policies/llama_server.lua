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
  local slots = { free = math.min(self.params.slots, replica.max_requests) }
  for i = 1, slots.free do slots[i] = { left = -1, of = slots } end
  self.slots[replica.id] = slots
  return slots
end

-- The waiting get slots, if there is room for their prompts in this step or not.
function LlamaServer:assign(slots)
  for req in self.sim.queue:each() do
    if not self.of[req.id] then
      local slot = free_slot(slots)
      slot.req, slot.generates, self.of[req.id] = req, nil, slot
      slots.free = slots.free - 1
      if slots.free == 0 then return end
    end
  end
end

function LlamaServer:schedule(replica, step)
  local slots, generating, prompts = self.slots[replica.id] or self:slots_of(replica), false, 0
  if slots.free > 0 then self:assign(slots) end
  for i = 1, #slots do
    local slot, req = slots[i], slots[i].req
    if req and (slot.generates or req:phase() == "decode") then
      local added, why = step:add(req)
      generating, slot.generates = generating or added, why ~= "memory"
      if why == "memory" then step:preempt(req) end
    end
    if req and not slot.generates then prompts = prompts + 1 end
  end
  if prompts == 0 or generating and not self.params.cont_batching then return end
  for i = 1, #slots do
    local slot = slots[i]
    if slot.req and not slot.generates and step.budget >= 1 then step:add(slot.req) end
  end
end

function LlamaServer:finish(req)
  local slot = self.of[req.id]
  if slot then self.of[req.id], slot.req, slot.left, slot.of.free = nil, nil, self.sim.now, slot.of.free + 1 end
end

function LlamaServer:signal(event)             -- those who lost their replica
  for _, req in ipairs(event.requests or {}) do (self.of[req.id] or {}).generates = nil end
end

return LlamaServer
