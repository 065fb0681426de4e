-- A policy that mentions the scenario in a comment, in a text and as a key.
local P = { scenario = "the scenario says", notes = { scenario = 1 } }
function P:schedule(replica, step)
  assert(self.notes.scenario == 1, "scenario")
  step:admit(self.sim.queue)
end
return P
