-- Keep a request that leaves.
-- expect: the request is on its way
local P = {}
function P:arrive(req) self.sim:reject(req) end
function P:finish(req) self.sim.queue:push(req) end
function P:schedule() end
return P
