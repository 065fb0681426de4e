-- multi_bin: a bin forms a batch whenever it holds batch_size requests; formed batches are served first formed first.
-- Source: Guldogan, Kunde, Lee, Pedarsani, "Multi-Bin Batching for Increasing LLM Inference Throughput", arXiv 2412.04504,
-- 2024, Algorithm 1. Batches are full, except that max_wait (s) sends a bin's requests when the first of them has
-- waited so long, and that after the last arrival the rest is served, oldest bin first.

local MultiBin = { params = {
  bins = 4,
  key = "predicted_output",                    -- or "prompt_tokens", "predicted_total", "output_tokens" (oracle)
  rule = "equal_mass",                         -- a file of policies/bins, or a path
  edges = {},                                  -- if given, these instead of rule and bins
  batch_size = 8,                              -- B, requests
  max_wait = false,                            -- s; false: full batches only
}, replicas_alike = true }                     -- where one idle replica finds no batch, no other does

function MultiBin:init()
  local params, given = self.params, #self.params.edges > 0
  self.bins = self.sim:bins{
    key = params.key, count = params.bins, batch_size = not given and params.batch_size or nil,
    edges = given and params.edges or nil, rule = not given and params.rule or nil,
  }
  self.filling, self.group = {}, {}            -- per bin: requests not in a formed batch; number of that group
  for i = 1, #self.bins do self.filling[i], self.group[i] = 0, 0 end
  self.formed_bin, self.formed_size = {}, {}   -- formed batches, first .. last
  self.first, self.last = 1, 0
end

-- The requests filling a bin become a batch at the end of the line.
function MultiBin:form(bin, size)
  self.last = self.last + 1
  self.formed_bin[self.last], self.formed_size[self.last] = bin, size
  self.filling[bin] = self.filling[bin] - size
  self.group[bin] = self.group[bin] + 1
end

function MultiBin:arrive(req)
  local params, bin = self.params, self.bins:push(req)
  local filling = self.filling[bin] + 1
  self.filling[bin] = filling
  if filling >= params.batch_size then
    self:form(bin, params.batch_size)
  elseif filling == 1 and params.max_wait then
    local group = self.group[bin]
    self.sim:after(params.max_wait, function()
      if self.group[bin] == group then self:form(bin, self.filling[bin]) end
    end)
  end
end

function MultiBin:schedule(_, step)
  if self.first > self.last then
    if not self.sim.arrivals_ended then return step:idle() end -- every bin is still filling
    local oldest = self.bins:oldest()
    if not oldest then return step:idle() end
    self:form(oldest, self.filling[oldest])
  end
  local bin, size = self.formed_bin[self.first], self.formed_size[self.first]
  self.formed_bin[self.first], self.formed_size[self.first] = nil, nil
  self.first = self.first + 1
  local left = size - step:admit(self.bins[bin], size) + step:barrier()
  if left > 0 then -- memory is full: the others stay first in their bin, and join the batch that it forms next
    self.filling[bin] = self.filling[bin] + left
    if self.filling[bin] >= self.params.batch_size then self:form(bin, self.params.batch_size) end
  end
end

return MultiBin
