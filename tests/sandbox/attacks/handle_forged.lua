-- A request with another one's handle: checked, so it is that request.
-- expect: forged ok
-- exit: 0
local P = {}
function P:arrive(req)
  self.sim.queue:push(req)
  if self.forged then return end
  rawset(req, 1, 1e9)
  self.forged = true
  print("forged ok")
end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
