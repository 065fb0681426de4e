-- The origin's multi_bin_only, newest state (December 2025): bins by predicted length, fixed batches of up to 32 from one
-- bin. It never looks at memory: run it with an unlimited pool. Scenario: oracle (see multi_bin_dynamic).

local origin = require "mbsand.origin"

local MultiBinOnly = { params = {
  bins = 4, edges = {},
  selection = "round_robin",                   -- or "longest_queue"
  batch_size = 32, max_batch = 128,
}, python_ties = true }

function MultiBinOnly:init()
  origin.make_bins(self)
end

MultiBinOnly.arrive = origin.file

function MultiBinOnly:schedule(_, step)
  local bin = origin.choose(self)
  if bin then step:admit(self.bins[bin], math.min(self.params.batch_size, self.params.max_batch)) end
end

return MultiBinOnly
