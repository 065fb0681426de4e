-- Turn away a request that runs.
-- expect: sim:reject: the request runs already
local P = {}
function P:schedule(replica, step)
  local req = self.sim.queue:peek()
  step:add(req)
  self.sim:reject(req)
end
return P
