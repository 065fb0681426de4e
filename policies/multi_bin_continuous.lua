-- multi_bin_continuous: requests wait in bins by predicted length; each round admits from one bin, and from the next ones only
-- when that is empty. Under continuous batching there is no padding to save, so bins only change who is served
-- first: what multi-bin batching gains under whole-batch service is not to be expected here (scenarios/continuous_burst.lua).
-- Source: the bins of Guldogan et al., arXiv 2412.04504, 2024; putting them before an iteration-level engine is ours.
local MultiBinContinuous = { params = {
  bins = 4,
  key = "predicted_output",                    -- or "predicted_total", "prompt_tokens"
  rule = "equal_mass",                         -- a file of policies/bins, or a path
  edges = {},                                  -- if given, these instead of rule and bins
  selection = "round_robin",                   -- or "longest_queue", "oldest_head"
} }

function MultiBinContinuous:init()
  local sim, params, given = self.sim, self.params, #self.params.edges > 0
  self.bins = sim:bins{
    key = params.key, count = params.bins, edges = given and params.edges or nil, rule = not given and params.rule or nil,
  }
  sim.inbox, self.last = self.bins, 0
  local bins = self.bins -- each is called with the bins and the last one served
  local choices = { round_robin = bins.next, longest_queue = bins.longest, oldest_head = bins.oldest }
  self.choose = assert(choices[params.selection], "selection: round_robin, longest_queue or oldest_head")
end

function MultiBinContinuous:schedule(_, step)
  if step:carry() > 0 then return end
  local bin, why = self.choose(self.bins, self.last), nil
  while bin and not why do
    self.last = bin
    _, why = step:admit(self.bins[bin])
    bin = self.choose(self.bins, self.last)
  end
end

return MultiBinContinuous
