-- edf: earliest deadline first among the waiting; what runs is not interrupted. A request's deadline is its class's or the
-- scenario's slo.e2e after its arrival; requests without one come last, in order of arrival.
-- Source: Liu & Layland, "Scheduling algorithms for multiprogramming in a hard-real-time environment", J. ACM 20(1), 1973.
local Edf = { order = "deadline" }

function Edf:init()
  self.queue = self.sim:queue{ by = self.order }
  self.sim.inbox = self.queue
end

function Edf.serve(_, _, step, queue)
  if step:carry() == 0 then step:admit(queue) end
end

function Edf.plain(_, queue) return { queue = queue } end

function Edf:schedule(replica, step)
  replica:plain(self:plain(self.queue)) -- it is not asked again
  self:serve(replica, step, self.queue)
end

return Edf
