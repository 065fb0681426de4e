-- scorpio: two guards for unequal promises. TTFT guard: the earliest deadline (arrival + slo.ttft) first, and whoever cannot
-- have its first token in time even if its prompt is computed at once is rejected. TPOT guard: a request that may be k times as
-- slow as the tightest of those that run counts as 1/k (its relative promise), in the batch whose step the tightest must bear
-- when a request is admitted, and in the batches: it is in every k-th step (credit).
-- Source: Tang et al., "Scorpio: serving the right requests at the right time for heterogeneous SLOs in LLM inference", arXiv
-- 2505.23022, 2025. Open there, and chosen here: requests with the same promise share their credit, and with it their steps;
-- prompts come in chunks of what is left of `chunk`; the guard of the first token looks at the first in line only; who has no
-- slo.tbt is in every step.
local lanes = require "mbsand.lanes"

local huge = math.huge

local function order(req)
  local slo = req.slo
  return slo and slo.ttft and req.arrival + slo.ttft or huge
end

local Scorpio = { order = order, signal = lanes.signal, params = {
  chunk = 512,                                 -- tokens of a step
  max_requests = 128,
} }

function Scorpio:init()
  lanes.open(self)
end

-- Whether the tightest promise holds with one more.
local function bearable(set, replica, gap)
  if not set.promised and gap == huge then return true end
  local tightest, share, count = gap, 0, 1
  for _, lane in ipairs(set.list) do
    if lane.count > 0 then tightest = math.min(tightest, lane.gap) end
  end
  if tightest == huge then return true end
  for _, lane in ipairs(set.list) do
    share, count = share + lane.count * lanes.share(tightest, lane.gap), count + lane.count
  end
  for _, entry in ipairs(set.prefills) do share, count = share + lanes.share(tightest, entry.gap), count + 1 end
  share = share + lanes.share(tightest, gap)
  local context = replica.decodes > 0 and replica.context / replica.decodes or 0
  return count == 1 or replica:estimate{ decodes = math.ceil(share), context = share * context } <= tightest
end

-- New ones, while both guards let them in.
local function admit(sim, set, replica, step, queue)
  local head = queue:peek()
  while head do
    local slo = head.slo
    if slo and slo.ttft and head:generated() == 0
       and sim.now + replica:estimate{ prefill = replica.prefill_left + head.prompt_tokens } > head.arrival + slo.ttft then
      sim:reject(head, "ttft")
    elseif bearable(set, replica, slo and slo.tbt or huge) and step:add(head) then
      lanes.admitted(set, head)
    else
      return
    end
    head = queue:peek()
  end
end

function Scorpio:serve(replica, step, queue)
  local set, now = self.sets[replica.id], self.sim.now
  lanes.settle(set, now)
  local all, steps = lanes.turns(set)
  if all or not lanes.serve(set, replica, step) then
    if lanes.carry(set, replica, step) > 0 then return end
  else
    for _, entry in ipairs(set.prefills) do step:add(entry.req) end
  end
  admit(self.sim, set, replica, step, queue)
  if steps then step:quantum(steps) end
end

function Scorpio:schedule(replica, step) self:serve(replica, step, self.queue) end

function Scorpio:stepped(replica, step) lanes.stepped(self.sets[replica.id], step) end

function Scorpio.finish(_, req) lanes.left(req) end

return Scorpio
