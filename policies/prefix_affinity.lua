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

function PrefixAffinity:init()
  self.loads, self.seen, self.count = {}, 0, 0 -- by replica, as of `seen`; requests that came
  for i in ipairs(self.sim.replicas) do self.loads[i] = 0 end
end

local function prefill(replica, req, cached)
  return replica:estimate{ prefill = req.prompt_tokens - cached, prefix = cached }
end

-- The number, among those that are up, of the replica where it costs least; `known`: how much of its prompt each has.
function PrefixAffinity:explore(req, known)
  local best, least = nil, math.huge
  for n, replica in ipairs(self.up) do
    local cost = self.loads[self.ids[n]] + prefill(replica, req, known[n])
    if cost < least then best, least = n, cost end
  end
  return best
end

function PrefixAffinity:fade()
  local loads, now = self.loads, self.sim.now
  local factor = math.exp((self.seen - now) / self.params.window)
  self.seen, self.count = now, self.count + 1
  for i = 1, #self.sim.replicas do loads[i] = (loads[i] or 0) * factor end
end

function PrefixAffinity:arrive(req)
  local loads, ids, params, known, best, most, least = self.loads, self.ids, self.params, {}, nil, -1, math.huge
  self:fade()
  for n, replica in ipairs(self.up) do
    local cached, load = replica:cached(req), loads[ids[n]]
    known[n] = cached
    if cached > most or cached == most and load < loads[ids[best]] then best, most = n, cached end
    if load < least then least = load end
  end
  local heavy = self.count > params.warm * #ids and loads[ids[best]] > params.balance * least
  if 2 * most <= req.prompt_tokens or heavy then best = self:explore(req, known) end
  local replica = self.up[best]
  local step = replica:estimate{ decodes = replica.decodes + 1, context = replica.context + req.prompt_tokens }
  loads[ids[best]] = loads[ids[best]] + prefill(replica, req, known[best]) + req.predicted_output * step
  replica.queue:push(req)
end

return PrefixAffinity
