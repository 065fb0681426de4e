-- Each rejection rejects the next, as deep as the queue is long.
-- expect: calls within calls
local P = {}
function P:arrive(req)
  self.sim.queue:push(req)
  if #self.sim.queue == 250 then self.sim:reject(self.sim.queue:peek()) end
end
function P:finish()
  local next_one = self.sim.queue:peek()
  if next_one then self.sim:reject(next_one) end
end
function P:schedule() end
return P
