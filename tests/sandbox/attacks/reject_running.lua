-- Turn away a request that runs.
-- expect: sim:reject: the request runs, and a whole batch is served to its end
local P = {}
function P:schedule(replica, step)
  local req = self.sim.queue:peek()
  step:add(req)
  self.sim:reject(req)
end
return P
