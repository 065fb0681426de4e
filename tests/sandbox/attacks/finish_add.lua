-- Start a request that leaves.
-- expect: the request is on its way
local P = {}
function P:schedule(replica, step)
  self.step = step
  self.sim:reject(self.sim.queue:peek())
end
function P:finish(req) self.step:add(req) end
return P
