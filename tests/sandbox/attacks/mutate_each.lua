-- Take requests out of a queue while it is walked through.
-- expect: the queue changed while it was walked through
local P = {}
function P:schedule()
  local queue = self.sim.queue
  if #queue < 3 then return end
  for req in queue:each() do
    if #queue > 1 then queue:pop() queue:pop() end
  end
end
return P
