-- Look at the batch that ends from within.
-- expect: request
-- exit: 0
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
function P:finish(req)
  for _, replica in ipairs(self.sim.replicas) do
    for other in replica:each_running() do other:waited() self.last = other end
  end
  if not self.said then print(req) self.said = true end
end
return P
