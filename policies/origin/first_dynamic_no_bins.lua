-- The origin's dynamic_no_bins, first state (November 2025): one queue, batches of min(b_mem, b_SLA) from the first 64,
-- the rest of them to the tail. Pool: "tokens" with 1,800,000 = (12 - 1 - 2) / 5e-6. The controller holds the service
-- time of whole batches at 1 s.

local origin = require "mbsand.origin"

local DynamicNoBins = { params = {
  target = 1.0, tolerance = 0.05,              -- s per batch
  max_batch = 128, max_candidates = 64,
  gpu_gb = 12, model_gb = 2, token_gb = 5e-6,
}, python_ties = true }

function DynamicNoBins:init()
  local params = self.params
  self.eta = (params.gpu_gb - params.model_gb) / params.token_gb
  self.state = origin.state(params.max_batch, 1)
  self.candidates = {}
end

function DynamicNoBins:schedule(_, step)
  local queue, params, state = self.sim.queue, self.params, self.state
  if #queue == 0 then return end
  local b_mem = math.max(1, math.min(origin.memory_size(state, self.eta), params.max_batch))
  local b_sla = origin.first_sla_size(state, params.target, params.tolerance)
  origin.take_to_tail(self, step, queue, math.min(b_mem, b_sla, params.max_candidates), params.max_candidates)
end

function DynamicNoBins:stepped(_, step)
  origin.learn(self.state, step, step.duration, 0)
end

return DynamicNoBins
