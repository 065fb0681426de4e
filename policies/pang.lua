-- pang: continuous batching with a limit on the running requests that moves: b = min(b_mem, b_SLA). b_mem keeps the probability
-- low that the requests' final lengths overflow the KV memory, b_SLA holds the time between tokens at slo.tbt. The limit is
-- renewed only after a step that had both prefill and decode, and never falls below what decodes already.
-- Source: Pang, Li, Wang, arXiv 2503.05248, 2025, Algorithms 1 and 2 (mbsand.memory, mbsand.sla).
local batch_limit = require "mbsand.batch_limit"

local Pang = { params = {
  min_batch = 1, max_batch = 256,              -- requests
  memory_rule = "exact",                       -- or "linear", "margin", "off"
  overflow = 0.05,                             -- eps_M of "exact" and "linear"
  margin = 0.1,                                -- share of the pool left free by "margin"
  sla_width = 16, sla_step = 4,                -- alpha and delta, requests
  sla_aim = 0.95,                              -- D_SLA, as a share of slo.tbt
  sla_tolerance = 0.05,                        -- eps_D, likewise
  sla_window = 20,                             -- runs of equal steps averaged
} }

function Pang:init()
  self.limits, self.mixed, self.most, self.why = {}, {}, {}, {}
  for i, replica in ipairs(self.sim.replicas) do
    self.limits[i] = batch_limit.new(self.sim, self.params)
    self.most[i] = math.min(replica.max_requests, self.params.max_batch) -- the cluster's limit holds as well
    replica.max_requests = self.most[i]
  end
end

function Pang:serve(replica, step, queue)
  if self.mixed[replica.id] then
    local limit, b_mem, b_sla, why = self.limits[replica.id]:size(replica.running)
    replica.max_requests = math.max(1, math.min(limit, self.most[replica.id]))
    self.why[replica.id] = limit < self.most[replica.id] and why or "cap"
    self.sim:observe("b_mem", b_mem)
    self.sim:observe("b_sla", b_sla)
  end
  if step:carry() == 0 then step:admit(queue, nil, self.why[replica.id]) end
end

function Pang:schedule(replica, step)
  self:serve(replica, step, self.sim.queue)
end

function Pang:stepped(replica, step)
  local limit = self.limits[replica.id]
  self.mixed[replica.id] = step.prefill_tokens > 0 and step.decode_tokens > 0
  if limit.sla then limit.sla:observe(step.tbt, step.requests) end
end

function Pang:finish(req, why)                 -- moments of prompt + output, request by request
  if why ~= "done" then return end
  for _, limit in ipairs(self.limits) do limit.memory:observe(1, req.prompt_tokens, req.output_tokens) end
end

return Pang
