-- dynamo_kv: a router. Each request goes to the replica where it costs least, in blocks of KV memory: `overlap` times the
-- blocks of prompts still to be computed there, its own among them, and the blocks that are in use there, with its own. What
-- the replica's cache holds of a prompt counts in neither. With a `temperature` the replica is drawn: costs are scaled to 0
-- for the least and 1 for the highest, and weigh exp(-cost / temperature). Each replica serves its queue as `engine` does.
-- Source: NVIDIA Dynamo, its KV router (kv_overlap_score_weight 1, router_temperature 0).
local router = require "mbsand.router"

local DynamoKv = router.new{ overlap = 1, temperature = 0 }

function DynamoKv:init()
  self.sent = {}                               -- by replica: how many were sent, and sums of what its cache lacked, by number
end

-- Tokens to be computed for those that wait there: the last that were sent, as many as wait.
local function waiting(sent, count)
  local first = math.max(sent.first, sent.count - count)
  for i = sent.first, first - 1 do sent[i] = nil end
  sent.first = first
  return sent[sent.count] - sent[first]
end

function DynamoKv:cost(replica, id, req)
  local sent = self.sent[id] or { count = 0, first = 0, [0] = 0 }
  self.sent[id] = sent
  local missing = req.prompt_tokens - replica:cached(req) + waiting(sent, replica.waiting)
  local kv = replica.kv
  return (self.params.overlap * (replica.prefill_left + missing) + kv.used + missing) / kv.block
end

-- One drawn by its cost.
function DynamoKv:draw(costs, least, most)
  local weights, sum = {}, 0
  for i, cost in ipairs(costs) do
    weights[i] = most > least and math.exp((least - cost) / (most - least) / self.params.temperature) or 1
    sum = sum + weights[i]
  end
  local left = self.sim:random() * sum
  for i = 1, #costs - 1 do
    left = left - weights[i]
    if left < 0 then return i end
  end
  return #costs
end

function DynamoKv:arrive(req)
  local costs, least, most, best = {}, math.huge, 0, nil
  for i, replica in ipairs(self.up) do
    local cost = self:cost(replica, self.ids[i], req)
    if cost < least then least, best = cost, i end
    costs[i], most = cost, math.max(most, cost)
  end
  if self.params.temperature > 0 then best = self:draw(costs, least, most) end
  local replica, sent = self.up[best], self.sent[self.ids[best]]
  sent.count = sent.count + 1
  sent[sent.count] = sent[sent.count - 1] + req.prompt_tokens - replica:cached(req)
  replica.queue:push(req)
end

return DynamoKv
