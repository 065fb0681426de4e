-- NAME: one sentence that says which requests run together, and when.
-- Try it:  mbsand scenarios/burst.lua --policy NAME.lua
-- Change a parameter:  --policy NAME.lua,batch_size=16

local Policy = { params = {
  batch_size = 16, -- requests in a batch, at most
} }

-- Called once, before time starts. Make queues or bins here, for example
--   self.sim.inbox = self.sim:bins{ rule = "equal_mass", count = 4 }
function Policy:init()
end

-- Called when a replica is free and something has changed: a request came, a batch ended, a timer fired.
-- Take requests from a queue while they fit in the KV memory.
function Policy:schedule(replica, step)
  step:admit(self.sim.queue, self.params.batch_size)
end

-- Called when a batch has ended. `step` says what it was: duration (s), requests, prefill_tokens, decode_tokens, and
-- tbt, the time between tokens (s). Delete this hook if you need no feedback: one that is absent costs nothing.
function Policy:stepped(replica, step)
  self.last_tbt = step.tbt
end

-- Called when the run has ended: say what was learned. Delete this hook too if there is nothing to say.
function Policy:done()
  self.sim:observe("last_tbt", self.last_tbt or 0)
end

return Policy
