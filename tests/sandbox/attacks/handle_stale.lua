-- A request kept after it left.
-- expect: request 0 has left the system
local P = {}
function P:arrive(req) self.first = self.first or req self.sim.queue:push(req) end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
function P:stepped() return self.first:waited() end
return P
