-- A budget that falls below what the step holds.
-- expect: left 0
local P = {}
function P:schedule(replica, step)
  step:admit(self.sim.queue)
  replica.token_budget = 1
  error("left " .. string.format("%.0f", step.budget))
end
return P
