-- srpt: shortest predicted remaining answer first. Where the first in line does not fit, running requests with more left
-- than it are preempted (recompute), longest first - but only while they are young: a request that has generated `age` of
-- its prediction is left alone, since starting it again would cost more than it frees.
-- Source: Shahout et al., "Don't stop me now: embedding based scheduling for LLMs" (TRAIL), arXiv 2410.01035, ICLR 2025,
-- with its age limit c = 0.8; predictions are made once here, not again at every step.
local Srpt = { order = "predicted_remaining", params = { age = 0.8 } } -- 1: plain SRPT on predictions; 0: never preempt

function Srpt:init()
  self.queue = self.sim:queue{ by = self.order }
  self.sim.inbox = self.queue
end

local function remaining(req) return req.predicted_output - req:generated() end

-- The running request with the most left, if that is more than `least` and it is young enough.
local function find_victim(replica, least, age)
  local victim
  for req in replica:each_running() do
    local left = remaining(req)
    if left > least and req:generated() < age * req.predicted_output then victim, least = req, left end
  end
  return victim
end

function Srpt:serve(replica, step, queue)
  if step:carry() > 0 then return end
  local _, why = step:admit(queue)
  while why == "requests" or why == "memory" do
    local victim = find_victim(replica, remaining(queue:peek()), self.params.age)
    if not victim then return end
    step:preempt(victim)
    _, why = step:admit(queue)
  end
end

function Srpt:schedule(replica, step)
  self:serve(replica, step, self.queue)
end

return Srpt
