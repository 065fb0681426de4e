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
  self.queue:push(req)
end

-- Behind who was promoted before, in front of all others.
function Ltr:promote()
  local sim, starved = self.sim, self.queue:starved(self.params.starve)
  if #starved == 0 then return end
  for _, req in ipairs(starved) do req:clock(0, 0) end
  sim:rank(starved, -1 / (1 + sim.now))
  sim:after(self.params.period, function() sim:rank(starved, "predicted_output") end)
end

function Ltr:schedule(_, step)
  step:rank(self.ranking)
end

return Ltr
