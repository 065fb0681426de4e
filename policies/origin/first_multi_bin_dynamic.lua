-- The origin's multi_bin_dynamic, first state (November 2025): bins by predicted length, one controller for all bins, else
-- as first_dynamic_no_bins. Scenario: oracle, since the origin cuts its bins over the whole run.

local origin = require "mbsand.origin"

local MultiBinDynamic = { params = {
  bins = 4, edges = {},
  selection = "round_robin",                   -- or "longest_queue"
  target = 1.0, tolerance = 0.05,              -- s per batch
  max_batch = 128, max_candidates = 64,
  gpu_gb = 12, model_gb = 2, token_gb = 5e-6,
}, python_ties = true }

function MultiBinDynamic:init()
  local params = self.params
  self.eta = (params.gpu_gb - params.model_gb) / params.token_gb
  self.state = origin.state(params.max_batch, 1)
  self.candidates = {}
  origin.make_bins(self)
end

MultiBinDynamic.arrive = origin.file

function MultiBinDynamic:schedule(_, step)
  local params, state = self.params, self.state
  local bin = origin.choose(self)
  if not bin then return end
  local b_mem = math.max(1, math.min(origin.memory_size(state, self.eta), params.max_batch))
  local b_sla = origin.first_sla_size(state, params.target, params.tolerance)
  local size = math.min(b_mem, b_sla, params.max_candidates)
  origin.take_to_tail(self, step, self.bins[bin], size, params.max_candidates)
end

function MultiBinDynamic:stepped(_, step)
  origin.learn(self.state, step, step.duration, 0)
end

return MultiBinDynamic
