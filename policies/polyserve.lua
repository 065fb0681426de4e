-- polyserve: replicas for each promise. A request goes to the fullest replica of its tier - those that serve its slo.tbt - that
-- can take it and keep what it promises; else to an empty one, which joins the tier until it is empty again; else to the
-- fullest of a tighter tier that can take it, the nearest first; else to the least loaded of its own tier, or of all. So load
-- gathers, and what is empty could be switched off. Chunks of prompts are as long as the tier's promise lets a step be.
-- Source: Zhu et al., "PolyServe: efficient multi-SLO serving at scale", arXiv 2507.17769, 2025. Open there, and chosen here:
-- an empty replica before a tighter tier; who waits for its first token is taken to get a chunk in every step of its tier.
local chunk, router = require "mbsand.chunk", require "mbsand.router"

local PolyServe = router.new{ least = 64, most = 4096 } -- tokens of a chunk

local function gap_of(req) return req.slo and req.slo.tbt or math.huge end

function PolyServe:init()
  self.tier = {}                               -- by replica: the promise that it keeps; nil: empty
end

function PolyServe:tokens(replica)
  return chunk.longest(replica, self.tier[replica.id] or math.huge, self.params.least, self.params.most)
end

-- Whether it can take the request and keep all promises: memory, the time between tokens, the first token.
function PolyServe:fits(replica, req)
  local queue, tier = replica.queue, self.tier[replica.id]
  local whole = req.prompt_tokens + req.predicted_output
  if replica.kv.free < queue.tokens + whole then return false end
  if tier == math.huge then return true end
  local load = { decodes = replica.running + #queue + 1, context = replica.context + queue.tokens + whole }
  if replica:estimate(load) > tier then return false end
  local ttft = req.slo.ttft
  local steps = math.ceil((replica.prefill_left + queue.tokens + req.prompt_tokens) / self:tokens(replica))
  return not ttft or steps * tier <= ttft
end

-- The fullest replica of a tier that can take it.
function PolyServe:fullest(tier, req)
  local best, most = nil, -1
  for _, replica in ipairs(self.up) do
    local load = replica.running + #replica.queue
    if self.tier[replica.id] == tier and load > most and self:fits(replica, req) then best, most = replica, load end
  end
  return best
end

function PolyServe:place(req)
  local gap, empty, least, tiers = gap_of(req), nil, nil, {}
  for _, replica in ipairs(self.up) do
    local tier, load = self.tier[replica.id], replica.running + #replica.queue
    if not tier then empty = empty or replica
    elseif tier < gap then tiers[#tiers + 1] = tier
    elseif tier == gap and (not least or load < least.running + #least.queue) then least = replica end
  end
  local found = self:fullest(gap, req) or empty
  table.sort(tiers, function(a, b) return a > b end)
  for _, tier in ipairs(tiers) do found = found or self:fullest(tier, req) end
  return found or least or self.sim:least "load"
end

function PolyServe:arrive(req)
  local replica = self:place(req)
  self.tier[replica.id] = self.tier[replica.id] or gap_of(req)
  replica.queue:push(req)
end

function PolyServe:schedule(replica, step)
  local queue = replica.queue
  if #queue + replica.running == 0 then self.tier[replica.id] = nil end
  if #queue + replica.prefills > 0 then replica.token_budget = replica.decodes + self:tokens(replica) end
  self.engine.serve(self, replica, step, queue)
end

return PolyServe
