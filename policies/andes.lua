-- andes: served is whose reader gains most, by the KV memory that it takes. Every `look` seconds, if somebody waits, a
-- request's gain is what being served for the next `horizon` seconds, instead of waiting, adds to its quality of experience;
-- requests are served in the order of gain / context, and where memory is missing the last that runs is set aside - but not
-- more often than `preemptions` times for each request that came.
-- Source: Liu et al., "Andes: defining and enhancing quality-of-experience in LLM-based text streaming services", arXiv
-- 2404.16283, 2024: greedy packing by gain / context, triggered by shortage, cap on preemptions. Open there, and chosen here:
-- the area that waiting costs is v (h - b)^2 / 2 for a reader of v tokens/s with b seconds of text left to read, of the v x^2 /
-- 2 expected x seconds after the first token should have come; the length is unknown, so it bounds neither area.
local Andes = { params = {
  horizon = 10, look = 0.5,                    -- s
  preemptions = 1,
  preempt = "swap",                            -- or "recompute", "pause"
  speed = 10, ttft = 1,                        -- of a reader that the scenario's qoe does not describe
} }

function Andes:init()
  self.queue = self.sim:queue{ by = "rank" }
  self.ranking = { from = self.queue, by = "rank", preempt = self.params.preempt }
  self.gain = { horizon = self.params.horizon, speed = self.params.speed, ttft = self.params.ttft }
  self.count, self.preempted = 0, 0
  self.sim:every(self.params.look, function() self:look() end)
end

function Andes:arrive(req)
  self.count = self.count + 1
  self.sim:rank(req, "qoe_gain", self.gain)
  self.queue:push(req)
end

function Andes:look()
  if #self.queue == 0 then return end
  self.sim:rank(self.queue, "qoe_gain", self.gain)
  for _, replica in ipairs(self.sim.replicas) do self.sim:rank(replica, "qoe_gain", self.gain) end
end

function Andes:schedule(_, step)
  if self.preempted >= self.params.preemptions * self.count then
    if step:carry() == 0 then step:admit(self.queue) end
    return
  end
  local _, preempted = step:rank(self.ranking)
  self.preempted = self.preempted + preempted
end

return Andes
