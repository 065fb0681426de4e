-- qoserve: classes of promises share an engine. All decodes go on, and the chunk of prompts is as long as the least slack of
-- their next tokens lets it be. Prompts under way and waiting ones are in one order, by arrival + slo.ttft + `alpha` times the
-- tokens of the prompt: a prompt may be interrupted, a decode is not. Who waits and cannot have its first token in time any
-- more is relegated behind all others.
-- Source: Goel et al., "Niyama: breaking the silos of LLM inference serving", arXiv 2503.22562 (QoServe, ASPLOS 2026): dynamic
-- chunking, hybrid priority, eager relegation. Open there, and chosen here: alpha is a constant, near the time of a token; the
-- n-th token is due n - 1 times slo.tbt after the first came, since slo.tbt is a bound on the mean; relegation asks for no
-- hints of the application; who has no slo.ttft comes last.
local chunk, lanes = require "mbsand.chunk", require "mbsand.lanes"

local Qoserve = { signal = lanes.signal, params = {
  alpha = 4e-5,                                -- s per token of the prompt; 0: earliest deadline first
  least = 64, most = 4096,                     -- tokens of a chunk
} }

local alpha = Qoserve.params.alpha

function Qoserve.order(req)
  local slo, user = req.slo, req.user
  return (user and user.late and 1e12 or 0) + req.arrival + (slo and slo.ttft or 1e9) + alpha * req.prompt_tokens
end

function Qoserve:init()
  alpha = self.params.alpha
  self.queue, self.sets = self.sim:queue{ by = self.order }, {}
  self.sim.inbox = self.queue
  for _, replica in ipairs(self.sim.replicas) do self.sets[replica.id] = lanes.new() end
end

-- The first in line, once those are relegated that come too late.
local function first(queue, replica, now)
  local head = queue:peek()
  while head do
    local slo, entry = head.slo, lanes.entry(head)
    if entry.late or not (slo and slo.ttft) or head:generated() > 0
       or now + replica:estimate{ prefill = head.prompt_tokens } <= head.arrival + slo.ttft then break end
    entry.late = true
    queue:push(head)
    head = queue:peek()
  end
  return head
end

local function prompts(set, replica, step, queue, now)
  local under_way, count, at, head = set.prefills, #set.prefills, 1, first(queue, replica, now)
  if count > 1 then table.sort(under_way, function(a, b) return a.key < b.key end) end
  while step.budget > 0 and (head or at <= count) do
    local entry, key = at <= count and under_way[at], head and Qoserve.order(head)
    if entry and not (head and key < entry.key) then
      if not step:add(entry.req) then return end
      at = at + 1
    elseif step:add(head) then
      lanes.admitted(set, head).key = key
      head = first(queue, replica, now)
    else
      head = nil
    end
  end
end

function Qoserve:serve(replica, step, queue)
  local set, now, decodes, budget = self.sets[replica.id], self.sim.now, replica.decodes, replica.token_budget
  lanes.settle(set, now)
  if #queue + #set.prefills > 0 then
    replica.token_budget = math.max(decodes, 1) -- of all that runs, only they
    if decodes == 0 or lanes.carry(set, replica, step) == 0 then
      local tokens = chunk.longest(replica, lanes.due(set) - now, self.params.least, self.params.most)
      replica.token_budget = math.min(budget, decodes + tokens)
      prompts(set, replica, step, queue, now)
    end
    replica.token_budget = budget
  end
  if step.requests == 0 then lanes.carry(set, replica, step) end
end

function Qoserve:schedule(replica, step) self:serve(replica, step, self.queue) end
function Qoserve:stepped(replica, step) lanes.stepped(self.sets[replica.id], step) end
function Qoserve.finish(_, req) lanes.left(req) end

return Qoserve
