-- Queue a request that runs.
-- expect: the request runs; only a waiting one can be queued
local P = {}
function P:schedule(replica, step)
  local req = self.sim.queue:peek()
  step:add(req)
  self.sim.queue:push(req)
end
return P
