-- The origin's dynamic_no_bins, newest state (December 2025): one queue, batches of min(b_mem, b_SLA).
-- Pool: "tokens" with 37,333 = int((12 - 1 - 4) / 1.875e-4); the default tolerance is the origin's, its published tables
-- use 0.001. Kept oddities: both sizes rise to the requests in flight elsewhere, the controller observes only its own choice.

local origin = require "mbsand.origin"

local DynamicNoBins = { params = {
  target = 0.010, tolerance = 0.005,           -- D_SLA and LATENCY_EPSILON, s per token
  max_batch = 128,
  gpu_gb = 12, model_gb = 4, token_gb = 1.875e-4,
}, python_ties = true }

function DynamicNoBins:init()
  local params = self.params
  self.eta = (params.gpu_gb - params.model_gb) / params.token_gb
  self.state = origin.state(params.max_batch, math.floor((1 + params.max_batch) / 2))
end

function DynamicNoBins:schedule(_, step)
  local sim, params, state = self.sim, self.params, self.state
  if #sim.queue == 0 then return end
  local b_mem = origin.newest_memory_size(state, self.eta, sim.running, params.max_batch)
  local b_sla = origin.newest_sla_size(state, params.target, params.tolerance)
  if sim.observing then
    sim:observe("b_mem", b_mem)
    sim:observe("b_sla", b_sla)
  end
  step:admit(sim.queue, math.min(b_mem, b_sla))
end

function DynamicNoBins:stepped(_, step)
  origin.learn(self.state, step, step.tbt, self.sim.running)
end

return DynamicNoBins
