-- The origin's multi_bin_dynamic, newest state (December 2025): bins by predicted length, batches of min(b_mem, b_SLA)
-- from one bin. Pool: "tokens" with 37,333. Scenario: oracle, since the origin cuts its bins over the whole run.
-- Kept oddities: those of dynamic_no_bins; a cap per bin (only for ends computed here, not for `edges`, which lists the
-- lower ends); below the first bin means last bin.

local origin = require "mbsand.origin"

local MultiBinDynamic = { params = {
  bins = 4, edges = {},
  selection = "round_robin",                   -- or "longest_queue"
  controller = "per_bin",                      -- or "global"
  target = 0.010, tolerance = 0.005,           -- D_SLA and LATENCY_EPSILON, s per token
  max_batch = 128,
  gpu_gb = 12, model_gb = 4, margin_gb = 1, token_gb = 1.875e-4,
}, python_ties = true }

function MultiBinDynamic:init()
  local params = self.params
  local free = params.gpu_gb - params.model_gb
  self.eta = free / params.token_gb
  self.caps = origin.make_bins(self, free - params.margin_gb, params.token_gb)
  self.states, self.bin_of = {}, {}
  local whole = origin.state(params.max_batch, math.floor((1 + params.max_batch) / 2))
  for i = 1, #self.bins do
    local cap = self.caps[i]
    self.states[i] = params.controller == "global" and whole or origin.state(cap, math.floor((1 + cap) / 2))
  end
end

MultiBinDynamic.arrive = origin.file

function MultiBinDynamic:schedule(replica, step)
  local sim, params = self.sim, self.params
  local bin = origin.choose(self)
  if not bin then return end
  local state = self.states[bin]
  local b_mem = math.min(origin.newest_memory_size(state, self.eta, sim.running, params.max_batch), self.caps[bin])
  local b_sla = origin.newest_sla_size(state, params.target, params.tolerance)
  if sim.observing then
    sim:observe("bin", bin)
    sim:observe("b_mem", b_mem)
    sim:observe("b_sla", b_sla)
  end
  self.bin_of[replica.id] = bin
  step:admit(self.bins[bin], math.min(b_mem, b_sla))
end

function MultiBinDynamic:stepped(replica, step)
  origin.learn(self.states[self.bin_of[replica.id]], step, step.tbt, self.sim.running)
end

return MultiBinDynamic
