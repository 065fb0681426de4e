-- trail: srpt with predictions that are made anew as the answer comes. Where the first in line does not fit, every running
-- request's expected answer becomes what the predictor says now, and those with more left than it make room (recompute),
-- longest first; but a request that has generated the share `age` of its first prediction is left alone. While somebody waits,
-- all that is looked at again every `renew` steps.
-- Source: Shahout et al., "Don't stop me now: embedding based scheduling for LLMs" (TRAIL), arXiv 2410.01035, ICLR 2025: c =
-- 0.8, and predictions at each step, from the model's own layers (`predict.refined` stands in for them); every tenth here, for
-- speed.
local srpt = require "srpt"

local Trail = { order = "expected_remaining", init = srpt.init, params = {
  age = 0.8,                                   -- c; 1: plain SRPT on predictions; 0: never preempt
  renew = 10,                                  -- steps
  weight = 0.2,                                -- of a new prediction against those before
} }

function Trail:serve(replica, step, queue)
  if step:carry() > 0 then return end
  step:admit(queue)
  if #queue == 0 then return end
  replica:foresee(self.params.weight)
  step:displace(queue, "oldest", self.params.age)
  step:quantum(self.params.renew)
end

function Trail:schedule(replica, step) self:serve(replica, step, self.queue) end

return Trail
