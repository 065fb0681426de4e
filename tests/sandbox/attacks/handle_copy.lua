-- A copy of a request without its metatable: the same request to the core, added twice.
-- expect: the request runs already
local P = {}
function P:arrive(req)
  local copy = {}
  for key, value in pairs(req) do copy[key] = value end
  self.copy = copy
  self.sim.queue:push(req)
end
function P:schedule(replica, step)
  if not self.copy then return end
  step:admit(self.sim.queue, 8)
  step:add(self.copy)
end
return P
