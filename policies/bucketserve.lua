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
  self.longest, self.bins = sample[#sample] + 1, self.sim:bins{ key = "prompt_tokens", edges = {} }
  self:cut{}
end

-- These edges from now on; of each bucket, its middle, and how many that wait in it are below that.
function BucketServe:cut(edges)
  self.edges, self.middles, self.below = edges, {}, {}
  for i = 1, #edges + 1 do
    self.middles[i], self.below[i] = math.floor(((edges[i - 1] or 1) + (edges[i] or self.longest)) / 2), 0
    for req in self.bins[i]:each() do self:count(req, 1) end
  end
end

function BucketServe:count(req, by)
  local length, i = req.prompt_tokens, 1
  while self.edges[i] and self.edges[i] <= length do i = i + 1 end
  if length < self.middles[i] then self.below[i] = self.below[i] + by end
end

function BucketServe:arrive(req)
  self:count(req, 1)
  self.bins:push(req)
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
  return self.below[i] > self.params.split * #queue and self.middles[i] or nil
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
    self.bins:set_edges(edges)
    self:cut(edges)
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
  for req in replica:each_running() do self:count(req, -1) end
end

return BucketServe
