-- Serve a finished request again.
-- expect: only a waiting one can be queued
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
function P:finish(req) self.sim.queue:push(req) end
return P
