-- prefix_affinity: a router. Exploitation: a request of whose prompt more than half is in some replica's cache goes to the one
-- that has most of it, of equals to the least loaded. Exploration: any other goes where its cost is least, the load of the
-- replica and the time to compute what its cache lacks. The load is what was sent there lately, in seconds: prompt tokens that
-- were not cached, and a step for each token of the answer. A replica whose load is more than `balance` times the least is not
-- exploited once `warm` requests per replica have come: who would go there explores. Each serves its queue as `engine` does.
-- Source: Srivatsa et al., "Preble: efficient distributed prompt scheduling for LLM serving", arXiv 2407.00023, its E2. There
-- the load is that of the last three minutes; here it fades in such a time. What an assignment would evict is not visible here.
local router = require "mbsand.router"

local PrefixAffinity = router.new{
  window = 180,                                -- s in which the load fades to 1/e
  balance = 1.5,
  warm = 50,
}
local init = PrefixAffinity.init

function PrefixAffinity:init()
  init(self)
  self.loads, self.seen, self.count = {}, 0, 0 -- by replica, as of `seen`; requests that came
  for i in ipairs(self.sim.replicas) do self.loads[i] = 0 end
end

local function prefill(replica, req, cached)
  return replica:estimate{ prefill = req.prompt_tokens - cached, prefix = cached }
end

-- Where it costs least; `known`: how much of its prompt each replica has.
function PrefixAffinity:explore(req, known)
  local best, least = nil, math.huge
  for i, replica in ipairs(self.sim.replicas) do
    local cost = self.loads[i] + prefill(replica, req, known[i])
    if cost < least then best, least = i, cost end
  end
  return best
end

function PrefixAffinity:arrive(req)
  local loads, params, now = self.loads, self.params, self.sim.now
  local factor, known, best, most, least = math.exp((self.seen - now) / params.window), {}, nil, -1, math.huge
  self.seen, self.count = now, self.count + 1
  for i, replica in ipairs(self.sim.replicas) do
    local cached, load = replica:cached(req), loads[i] * factor
    loads[i], known[i] = load, cached
    if cached > most or cached == most and load < loads[best] then best, most = i, cached end
    if load < least then least = load end
  end
  local heavy = self.count > params.warm * #loads and loads[best] > params.balance * least
  if 2 * most <= req.prompt_tokens or heavy then best = self:explore(req, known) end
  local replica = self.sim.replicas[best]
  local step = replica:estimate{ decodes = replica.decodes + 1, context = replica.context + req.prompt_tokens }
  loads[best] = loads[best] + prefill(replica, req, known[best]) + req.predicted_output * step
  replica.queue:push(req)
end

return PrefixAffinity
