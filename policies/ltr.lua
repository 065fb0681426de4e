-- ltr: in order of predicted length. Every step serves the requests with the shortest predicted answers first, running or not;
-- where a place or memory is missing, the longest that runs is set aside. A request that was passed over for `starve` s is
-- promoted before all others, for `period` s.
-- Source: Fu et al., "Efficient LLM scheduling by learning to rank", arXiv 2408.15792, NeurIPS 2024: all sorted at each step;
-- starvation control after 200 steps, for 10, here in seconds of steps of about 15 ms.
local Ltr = { params = {
  batch = 256,                                 -- requests that run
  preempt = "swap",                            -- or "recompute", "pause"
  starve = 3, period = 0.15,                   -- s
} }

function Ltr:init()
  self.queue = self.sim:queue{ by = "rank" }
  self.ranking = { from = self.queue, preempt = self.params.preempt }
  for _, replica in ipairs(self.sim.replicas) do
    replica.max_requests = math.min(replica.max_requests, self.params.batch)
  end
  self.sim:every(self.params.starve / 2, function() self:promote() end)
end

function Ltr:arrive(req)
  req:rank(req.predicted_output)
  req.user = { waited = 0 }
  self.queue:push(req)
end

-- Behind who was promoted before, in front of all others.
function Ltr:promote()
  local starve, promoted = self.params.starve, {}
  for req in self.queue:each() do
    local user, waited = req.user, req:waited()
    if waited - user.waited >= starve then
      user.waited = waited
      req:rank(-1 / (1 + self.sim.now))
      promoted[#promoted + 1] = req
    end
  end
  for _, req in ipairs(promoted) do self.queue:push(req) end
  if #promoted > 0 then self.sim:after(self.params.period, function() self:demote(promoted) end) end
end

function Ltr:demote(promoted)
  for _, req in ipairs(promoted) do
    if not req.user.gone then
      req:rank(req.predicted_output)
      if self.queue:remove(req) then self.queue:push(req) end
    end
  end
end

function Ltr.finish(_, req)
  if req.user then req.user.gone = true end    -- none: it never came to `arrive`
end

function Ltr:schedule(_, step)
  step:rank(self.ranking)
end

return Ltr
