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

-- Called when something has changed for a replica: a request came, a step ended, a timer fired. The queue may be empty.
-- Take requests from a queue while they fit in the KV memory. Here they are served as a whole, and nobody joins before all
-- are done; for continuous batching, where requests come and go at every step, replace the three lines by
--   if step:carry() == 0 then step:admit(self.sim.queue) end
function Policy:schedule(replica, step)
  if replica.running > 0 then return end
  step:admit(self.sim.queue, self.params.batch_size)
  step:barrier()
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
