-- weighted_scorers: a router. Each request goes to the replica with the highest weighted sum of scores from 0 to 1: the share
-- of the prompt that its cache holds; how short its queue is, between the longest (0) and the shortest (1) of all; and the
-- share of its KV memory that is free. Of equals one is drawn. Each replica serves its queue as `engine` does.
-- Source: llm-d's scheduler, the Gateway API inference extension: precise-prefix-cache, queue and kv-cache-utilization scorers,
-- weighted 2, 1, 1, and the picker of the highest score.
local router = require "mbsand.router"

local Scorers = router.new{ prefix = 2, queue = 1, kv = 1 }

-- How long the queues are, the shortest and the longest.
local function queues(replicas)
  local lengths, least, most = {}, math.huge, 0
  for i, replica in ipairs(replicas) do
    local waiting = replica.waiting
    lengths[i], least, most = waiting, math.min(least, waiting), math.max(most, waiting)
  end
  return lengths, least, most
end

function Scorers:place(req)
  local params, replicas = self.params, self.up
  local lengths, least, most = queues(replicas)
  local best, highest, equals = nil, -math.huge, 0
  for i, replica in ipairs(replicas) do
    local kv, score = replica.kv, 0
    if params.prefix > 0 then score = params.prefix * replica:cached(req) / req.prompt_tokens end
    if params.queue > 0 then score = score + params.queue * (most > least and (most - lengths[i]) / (most - least) or 1) end
    if params.kv > 0 then score = score + params.kv * (1 - kv.used / kv.capacity) end
    if score > highest then best, highest, equals = replica, score, 0 end
    if score == highest then
      equals = equals + 1
      if equals > 1 and self.sim:random(equals) == 1 then best = replica end
    end
  end
  return best
end

function Scorers:arrive(req) self:place(req).queue:push(req) end

return Scorers
