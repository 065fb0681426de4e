-- priority: the waiting request with the largest priority first, equal ones in order of arrival. With `preempt`, where it
-- does not fit, running requests of lower priority make room, the lowest and newest first.
-- Source: vLLM 0.19, scheduling policy "priority" (where a smaller number is more urgent; here a larger one is).
local Priority = { order = "priority", params = { preempt = true } }

function Priority:init()
  self.queue = self.sim:queue{ by = self.order }
  self.sim.inbox = self.queue
end

function Priority:serve(_, step, queue)
  if step:carry() > 0 then return end
  if self.params.preempt then step:displace(queue, "newest") else step:admit(queue) end
end

function Priority:plain(queue) return { queue = queue, displace = self.params.preempt and "newest" or nil } end

function Priority:schedule(replica, step)
  replica:plain(self:plain(self.queue)) -- it is not asked again
  self:serve(replica, step, self.queue)
end

return Priority
