-- edf: earliest deadline first among the waiting; what runs is not interrupted. A request's deadline is its class's or the
-- scenario's slo.e2e after its arrival; requests without one come last, in order of arrival.
-- Source: Liu & Layland, "Scheduling algorithms for multiprogramming in a hard-real-time environment", J. ACM 20(1), 1973.
local Edf = {}

function Edf:init()
  self.queue = self.sim:queue{ by = "deadline" }
  self.sim.inbox = self.queue
end

function Edf:schedule(_, step)
  if step:carry() == 0 then step:admit(self.queue) end
end

return Edf
