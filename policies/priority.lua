-- priority: the waiting request with the largest priority first, equal ones in order of arrival. With `preempt`, where it
-- does not fit, running requests of lower priority make room, the lowest and newest first.
-- Source: vLLM 0.19, scheduling policy "priority" (where a smaller number is more urgent; here a larger one is).
local Priority = { order = "priority", params = { preempt = true } }

function Priority:init()
  self.queue = self.sim:queue{ by = self.order }
  self.sim.inbox = self.queue
end

local function lowest(replica, below)
  local victim
  for req in replica:each_running() do -- in order of admission: of equals, the last is the newest
    if req.priority < below and (not victim or req.priority <= victim.priority) then victim = req end
  end
  return victim
end

function Priority:serve(replica, step, queue)
  if step:carry() > 0 then return end
  local _, why = step:admit(queue)
  while self.params.preempt and (why == "requests" or why == "memory") do
    local victim = lowest(replica, queue:peek().priority)
    if not victim then return end
    step:preempt(victim)
    _, why = step:admit(queue)
  end
end

function Priority:schedule(replica, step)
  self:serve(replica, step, self.queue)
end

return Priority
