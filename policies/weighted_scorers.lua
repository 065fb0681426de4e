-- weighted_scorers: a router. Each request goes to the replica with the highest weighted sum of scores from 0 to 1: the share
-- of the prompt that its cache holds; how short its queue is, between the longest (0) and the shortest (1) of all; and the
-- share of its KV memory that is free. Of equals one is drawn. `signals` says of when: "now", or as the replica published them
-- last (cluster.signals), "seen". Each replica serves its queue as `engine` does.
-- Source: llm-d's scheduler, the Gateway API inference extension: precise-prefix-cache, queue and kv-cache-utilization scorers,
-- weighted 2, 1, 1, and the picker of the highest score.
local router = require "mbsand.router"

local Scorers = router.new{ prefix = 2, queue = 1, kv = 1, signals = "now" }

function Scorers:init()
  local signals = self.params.signals
  if signals ~= "now" and signals ~= "seen" then
    error(('signals is "%s"; expected "now" or "seen"'):format(signals), 0)
  end
  self.old = signals == "seen"
end

-- Requests that wait there, and the share of its memory that is used.
function Scorers:state(replica)
  if not self.old then return replica.waiting, replica.kv.used / replica.kv.capacity end
  local seen = replica.seen
  return seen.waiting, seen.kv_used / (seen.kv_used + seen.kv_free)
end

function Scorers:place(req)
  local params, replicas, waits, uses, least, most = self.params, self.up, {}, {}, math.huge, 0
  for i, replica in ipairs(replicas) do
    local waiting, used = self:state(replica)
    waits[i], uses[i], least, most = waiting, used, math.min(least, waiting), math.max(most, waiting)
  end
  local best, highest, equals = nil, -math.huge, 0
  for i, replica in ipairs(replicas) do
    local score = params.kv * (1 - uses[i]) + params.queue * (most > least and (most - waits[i]) / (most - least) or 1)
    if params.prefix > 0 then
      local view = self.old and replica.seen or replica
      score = score + params.prefix * view:cached(req) / req.prompt_tokens
    end
    if score > highest then
      best, highest, equals = replica, score, 1
    elseif score == highest then
      equals = equals + 1
      if self.sim:random(equals) == 1 then best = replica end
    end
  end
  return best
end

function Scorers:arrive(req) self:place(req).queue:push(req) end

return Scorers
