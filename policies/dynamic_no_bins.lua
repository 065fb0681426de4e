-- dynamic_no_bins: one queue in arrival order, batches of up to b* = min(b_mem, b_SLA). b_SLA holds the observed time between
-- tokens at slo.tbt. b_mem keeps the probability that a batch overflows the KV memory at `overflow`; it is off by default: a
-- whole batch reserves its memory to the end and cannot overflow, so b_mem could only make it smaller than what fits.
-- Source: Pang, Li, Wang, arXiv 2503.05248, 2025, Algorithms 1 and 2 (mbsand.memory, mbsand.sla).

local batch_limit = require "mbsand.batch_limit"

local DynamicNoBins = { params = {
  min_batch = 1, max_batch = 128,              -- requests
  memory_rule = "off",                         -- or "exact", "linear", "margin": b_mem besides what the pool refuses
  overflow = 0.05,                             -- eps_M of "exact" and "linear"
  margin = 0.1,                                -- share of the pool left free by "margin"
  sla_width = 16, sla_step = 4,                -- alpha and delta, requests
  sla_aim = 0.95,                              -- D_SLA, as a share of slo.tbt
  sla_tolerance = 0.05,                        -- eps_D, likewise: sla_aim + sla_tolerance = 1 stays inside the objective
  sla_window = 20,                             -- batches averaged
} }

function DynamicNoBins:init()
  self.limit = batch_limit.new(self.sim, self.params)
end

function DynamicNoBins:schedule(_, step)
  local sim = self.sim
  local size, b_mem, b_sla, why = self.limit:size()
  if sim.observing then
    sim:observe("b_mem", b_mem)
    sim:observe("b_sla", b_sla)
  end
  step:admit(sim.queue, size, why)
  step:barrier()
end

function DynamicNoBins:stepped(_, step)
  self.limit:observe(step)
end

return DynamicNoBins
