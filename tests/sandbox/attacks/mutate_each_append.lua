-- Append for ever to the queue that is walked through.
-- expect: schedule ran longer than 0.3 s
local P = {}
function P:schedule()
  local queue = self.sim.queue
  if #queue < 3 then return end
  for req in queue:each() do queue:push(req) end
  while true do end
end
return P
