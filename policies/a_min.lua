-- a_min: only the shortest possible answer is known. Each request counts as long as its lower bound (`req:predict("low")`), the
-- least first, and is admitted while the peak of memory, if all end so, fits. Where answers run on and memory is out, those of
-- the least bound start again, and what they had generated is their new bound: so bounds grow to what is true.
-- Source: Chen, Ye & Zhou, "Adaptively robust LLM inference optimization under prediction uncertainty", arXiv 2508.14544,
-- algorithm A_min; with `bound` "high" its A_max. Of equal bounds the newest starts again, which the paper leaves open.
local AMin = { params = { bound = "low", preempt = "restart" } }

function AMin:init()
  self.queue = self.sim:queue{ by = "rank" }
end

-- A request is believed to become so long, at least.
local function believe(req, tokens)
  req.user = tokens
  req:rank(tokens)
  req:expect(tokens)
end

function AMin:arrive(req)
  believe(req, req:predict(self.params.bound))
  self.queue:push(req)
end

-- The newest of those that run with the least bound starts again.
function AMin:evict(replica, step)
  local victim, least = nil, math.huge
  for req in replica:each_running() do
    local bound = math.max(req.user, req:generated())
    if bound <= least then victim, least = req, bound end
  end
  believe(victim, least)
  step:preempt(victim, self.params.preempt, self.queue)
end

function AMin:schedule(replica, step)
  while replica.running > 1 and replica.due > replica.kv.free do self:evict(replica, step) end
  if step:carry() > 0 then return end
  local most, head = replica.kv.capacity, self.queue:peek()
  while head and (replica.running == 0 or replica:peak{ with = head } <= most) and step:add(head) do
    head = self.queue:peek()
  end
  if head then step:quantum(1) end             -- it may fit behind those that run before one has ended
end

return AMin
