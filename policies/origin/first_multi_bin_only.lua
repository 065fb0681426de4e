-- The origin's multi_bin_only, first state (November 2025): bins by predicted length, fixed batches of up to 32 from the
-- first 64 of one bin, the rest of them to the tail. Unlimited pool. Scenario: oracle (see first_multi_bin_dynamic).

local origin = require "mbsand.origin"

local MultiBinOnly = { params = {
  bins = 4, edges = {},
  selection = "round_robin",                   -- or "longest_queue"
  batch_size = 32, max_batch = 128, max_candidates = 64,
}, python_ties = true }

function MultiBinOnly:init()
  self.candidates = {}
  origin.make_bins(self)
end

MultiBinOnly.arrive = origin.file

function MultiBinOnly:schedule(_, step)
  local params = self.params
  local bin = origin.choose(self)
  if bin then origin.take_to_tail(self, step, self.bins[bin], params.batch_size, params.max_candidates) end
end

return MultiBinOnly
