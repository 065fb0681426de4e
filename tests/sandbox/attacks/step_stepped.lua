-- Fill the step that has ended.
-- expect: a step can only be filled while `schedule` runs
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue) end
function P:stepped(replica, step) step:admit(self.sim.queue) end
return P
