-- multi_bin_slo: a bin for each promise. Requests wait in bins by `slo.tbt` (or what `by` names), one for each value that has
-- come; an idle replica takes up to b_SLA requests of one bin, so that a batch bears the gaps that its own class allows, and
-- nobody who may be slow keeps somebody else's batch small. Sources: bins of Guldogan et al., arXiv 2412.04504, 2024; b_SLA of
-- Pang, Li, Wang, arXiv 2503.05248, 2025, Algorithm 2, with a controller for each bin's own bound. Bins by promise instead of
-- by length are ours.
local sla = require "mbsand.sla"

local MultiBinSlo = { params = {
  by = "tbt",                                  -- or "ttft", "e2e", "gap"; b_SLA is of slo.tbt in any case
  selection = "oldest_head",                   -- or "round_robin", "longest_queue"
  min_batch = 1, max_batch = 128,              -- requests
  sla_width = 16, sla_step = 4,                -- alpha and delta, requests
  sla_aim = 0.95, sla_tolerance = 0.05,        -- D_SLA and eps_D, as shares of slo.tbt
  sla_window = 20,                             -- batches averaged
} }

function MultiBinSlo:init()
  local by = self.params.by
  self.promise = function(req) return req.slo and req.slo[by] or 1e9 end
  self.promises, self.known, self.controls, self.last, self.serving = {}, {}, {}, 0, {}
  self.bins = self.sim:bins{ key = self.promise, edges = {} }
  local bins = self.bins -- each is called with the bins and the last one served
  local choices = { round_robin = bins.next, longest_queue = bins.longest, oldest_head = bins.oldest }
  self.choose = assert(choices[self.params.selection], "selection: oldest_head, round_robin or longest_queue")
end

-- A bin for a promise that has not been met before, between those that are tighter and those that are looser.
function MultiBinSlo:open(req, promise)
  local params, at, edges = self.params, 1, {}
  while self.promises[at] and self.promises[at] < promise do at = at + 1 end
  table.insert(self.promises, at, promise)
  local target = req.slo and req.slo.tbt
  table.insert(self.controls, at, target and sla.controller{
    target = params.sla_aim * target, tolerance = params.sla_tolerance * target, width = params.sla_width,
    step = params.sla_step, window = params.sla_window, min = params.min_batch, max = params.max_batch,
  } or false)
  for i = 2, #self.promises do edges[i - 1] = self.promises[i] end
  self.bins:set_edges(edges)
  self.known[promise] = true
end

function MultiBinSlo:arrive(req)
  local promise = self.promise(req)
  if not self.known[promise] then self:open(req, promise) end
  self.bins:push(req)
end

function MultiBinSlo:schedule(replica, step)
  if replica.running > 0 then return end
  local bin = self.choose(self.bins, self.last)
  if not bin then return end
  local control = self.controls[bin]
  local size = control and control:batch_size() or self.params.max_batch
  self.last, self.serving[replica.id] = bin, control
  step:admit(self.bins[bin], size, size < self.params.max_batch and "b_sla" or "cap")
  step:barrier()
end

function MultiBinSlo:stepped(replica, step)
  local control = self.serving[replica.id]
  if control then control:observe(step.tbt, step.requests) end
end

return MultiBinSlo
