-- Something else as the inbox.
-- expect: sim.inbox must be a queue or bins
local P = {}
function P:schedule(replica) self.sim.inbox = replica end
return P
