-- mbsand.batch_limit: b* = min(b_mem, b_SLA), the two rules of Pang, Li, Wang (arXiv 2503.05248, 2025) together.
--
--   local limit = batch_limit.new(sim, params)       -- params as in policies/dynamic_no_bins.lua
--   limit:observe(step)                              -- in `stepped`
--   local size, b_mem, b_sla, why = limit:size(replica.running) -- in `schedule`: N_decode; none between whole batches
--   step:admit(queue, size, why)                     -- why: "b_mem", "b_sla" or "cap", whichever is the least
--
-- Algorithm 2 rests anywhere in its band D_SLA - eps_D .. D_SLA + eps_D, and coming from above it rests at the upper end. So
-- D_SLA is aimed below the objective (sla_aim); aimed at the objective itself, nearly every token would miss it by a little.
-- Without a TBT objective (sim.slo.tbt) b_sla is max_batch; with an unlimited pool b_mem is.

local memory = require "mbsand.memory"
local sla = require "mbsand.sla"

local batch_limit = {}

-- Only what a rule uses is asked for: a look at the step costs as much as the rule itself.
function batch_limit.new(sim, params)
  local target, most = sim.slo.tbt, params.max_batch
  local limit = memory.limit{
    rule = rawget(params, "memory_rule") or "off", capacity = sim.replicas[1].kv.capacity, overflow = params.overflow,
    margin = params.margin, min = params.min_batch, max = most,
  }
  local limited, control = limit.limited, nil
  if target then control = sla.controller{
    target = params.sla_aim * target, tolerance = params.sla_tolerance * target,
    width = params.sla_width, step = params.sla_step, window = params.sla_window,
    min = params.min_batch, max = most,
  } end
  local both = { memory = limit, sla = control }
  local observe, batch_size = control and control.observe, control and control.batch_size

  function both:observe(step) -- luacheck: ignore self
    if limited then limit:observe(step.requests, step.prefill_tokens, step.decode_tokens) end
    if observe then observe(control, step.tbt, step.requests) end
  end

  function both:size(decoding) -- luacheck: ignore self
    local b_sla = batch_size and batch_size(control, decoding) or most
    if not limited then return b_sla, most, b_sla, b_sla < most and "b_sla" or "cap" end
    local b_mem = limit:batch_size(decoding)
    local least = b_mem < b_sla and b_mem or b_sla
    return least, b_mem, b_sla, least >= most and "cap" or b_mem < b_sla and "b_mem" or "b_sla"
  end

  return both
end

return batch_limit
