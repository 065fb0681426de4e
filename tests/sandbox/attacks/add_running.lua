-- Start a request a second time.
-- expect: step:add: the request runs already
local P = {}
function P:arrive(req) self.req = self.req or req self.sim.queue:push(req) end
function P:schedule(replica, step)
  step:add(self.req)
  step:add(self.req)
end
return P
