-- bucketserve: buckets by prompt length that split and merge. At first there is one; before a batch is taken, a bucket that
-- holds more requests than a batch of it may have, more than the share `split` of them in its lower half, is cut in the middle,
-- and where all that waits would fit in one batch, all buckets become one. An idle replica takes from the bucket whose first
-- request is oldest as many as the share `memory` of the pool holds if all were as long as the bucket's longest.
-- Source: Zheng et al., "BucketServe: bucket-based dynamic batching for smart and efficient LLM inference serving", arXiv
-- 2507.17120, 2025, Algorithm 1 (split 0.5, 10 % of the memory kept free). There a batch of one bucket is prefilled on one
-- machine and decoded on another; here it is served as a whole, padded to its longest in both. Open there, and chosen here: the
-- longest prompt is that of the sample before the run; an answer is as long as the mean prediction of those that wait.
local BucketServe = { params = {
  split = 0.5,                                 -- theta: share of the requests in the lower half above which a bucket is cut
  memory = 0.9,                                -- of the pool that a batch may take
  max_batch = 128,                             -- requests
} }

function BucketServe:init()
  local sample = self.sim:sample "prompt_tokens"
  self.longest, self.edges = sample[#sample] + 1, {}
  self.bins = self.sim:bins{ key = "prompt_tokens", edges = {} }
  self.sim.inbox = self.bins
end

-- Requests of a batch whose prompts are below `upper`.
function BucketServe:most(queue, upper)
  local tokens = upper - 1 + math.max(queue.mean_predicted, 1)
  return math.max(1, math.floor(math.min(self.params.max_batch, self.params.memory * self.capacity / tokens)))
end

-- The middle of a bucket that is to be cut.
function BucketServe:middle(i)
  local queue, lower, upper = self.bins[i], self.edges[i - 1] or 1, self.edges[i] or self.longest
  if upper - lower < 2 or #queue <= self:most(queue, upper) then return nil end
  local middle, below = math.floor((lower + upper) / 2), 0
  for req in queue:each() do
    if req.prompt_tokens < middle then below = below + 1 end
  end
  return below > self.params.split * #queue and middle or nil
end

function BucketServe:adjust()
  local edges, waiting = {}, 0
  for i = 1, #self.bins do waiting = waiting + #self.bins[i] end
  if waiting >= self:most(self.bins[#self.bins], self.longest) then
    for i = 1, #self.bins do
      edges[#edges + 1] = self:middle(i)
      edges[#edges + 1] = self.edges[i]
    end
  end
  if #edges ~= #self.edges then
    self.edges = edges
    self.bins:set_edges(edges)
  end
end

function BucketServe:schedule(replica, step)
  if replica.running > 0 then return end
  self.capacity = replica.kv.capacity
  self:adjust()
  local bin = self.bins:oldest()
  if not bin then return end
  step:admit(self.bins[bin], self:most(self.bins[bin], self.edges[bin] or self.longest), "cap")
  step:barrier()
end

return BucketServe
