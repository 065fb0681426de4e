-- multi_bin_dynamic: requests wait in bins by predicted length; an idle replica takes up to b* = min(b_mem, b_SLA) of one
-- bin, so that a batch holds requests of similar length and little is padded.
-- Sources: bins from Guldogan et al., arXiv 2412.04504, 2024; b* from Pang, Li, Wang, arXiv 2503.05248, 2025, Algorithms 1
-- (off by default, see dynamic_no_bins) and 2. Putting the two together, without waiting for full batches, is the idea of the
-- simulator mb_dyn_sim.

local batch_limit = require "mbsand.batch_limit"

local MultiBinDynamic = { params = {
  bins = 4,
  key = "predicted_total",                     -- or "predicted_output", "prompt_tokens": what service time follows
  rule = "equal_mass",                         -- a file of policies/bins, or a path
  edges = {},                                  -- if given, these instead of rule and bins
  batch_size = 8,                              -- that rule "optimal" assumes
  selection = "round_robin",                   -- or "longest_queue", "oldest_head"
  controller = "per_bin",                      -- or "global": one b* for all bins
  min_batch = 1, max_batch = 128,              -- requests
  memory_rule = "off",                         -- or "exact", "linear", "margin": b_mem besides what the pool refuses
  overflow = 0.05,                             -- eps_M of "exact" and "linear"
  margin = 0.1,                                -- share of the pool left free by "margin"
  sla_width = 16, sla_step = 4,                -- alpha and delta, requests
  sla_aim = 0.95,                              -- D_SLA, as a share of slo.tbt
  sla_tolerance = 0.05,                        -- eps_D, likewise: sla_aim + sla_tolerance = 1 stays inside the objective
  sla_window = 20,                             -- batches averaged
} }

function MultiBinDynamic:init()
  local sim, params, given = self.sim, self.params, #self.params.edges > 0
  assert(params.controller == "per_bin" or params.controller == "global", "controller: per_bin or global")
  self.bins = sim:bins{
    key = params.key, count = params.bins, batch_size = not given and params.batch_size or nil,
    edges = given and params.edges or nil, rule = not given and params.rule or nil,
  }
  sim.inbox = self.bins
  self.queues, self.limits, self.limit_of, self.last, self.observing = {}, {}, {}, 0, sim.observing
  for i = 1, #self.bins do
    self.queues[i] = self.bins[i]
    self.limits[i] = params.controller == "global" and self.limits[1] or batch_limit.new(sim, params)
  end
  local bins = self.bins -- each is called with the bins and the last one served
  local choices = { round_robin = bins.next, longest_queue = bins.longest, oldest_head = bins.oldest }
  self.choose = assert(choices[params.selection], "selection: round_robin, longest_queue or oldest_head")
end

function MultiBinDynamic:schedule(replica, step)
  local bin = self.choose(self.bins, self.last)
  if not bin then return end
  local limit = self.limits[bin]
  local size, b_mem, b_sla, why = limit:size()
  if self.observing then
    local sim = self.sim
    sim:observe("bin", bin)
    sim:observe("b_mem", b_mem)
    sim:observe("b_sla", b_sla)
  end
  self.last, self.limit_of[replica] = bin, limit
  step:admit(self.queues[bin], size, why)
  step:barrier()
end

function MultiBinDynamic:stepped(replica, step)
  self.limit_of[replica]:observe(step)
end

return MultiBinDynamic
