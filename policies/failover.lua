-- failover: a router that learns late that a replica is down, or up again: `detect` s after. Until then it sends requests
-- there, which wait; what the failure interrupted is sent once more at once. Each request goes to the replica with the fewest
-- requests, running and waiting, of those that are taken to be up; when one is found to be down, all that waits there goes to
-- others. Each replica serves its queue as `engine` does.
-- Source: health checks, as load balancers have them: `detect` is their period times the checks that must fail.
local router = require "mbsand.router"

local Failover = router.new{ detect = 10 }

function Failover:init()
  self.down = {}                               -- by replica: taken to be down
end

function Failover:arrive(req)
  local best, least = nil, math.huge
  for i, replica in ipairs(self.sim.replicas) do
    local load = replica.running + replica.waiting
    if not self.down[i] and load < least then best, least = replica, load end
  end
  local queue = best and best.queue or self.sim.queue
  queue:push(req)
end

-- All that waits in a queue goes where it would now.
function Failover:empty(queue)
  for _ = 1, #queue do self:arrive(queue:pop()) end
end

function Failover:signal(event)
  local kind, replica = event.kind, event.replica
  if kind ~= "down" and kind ~= "up" then return end
  self.sim:after(self.params.detect, function()
    self.down[replica.id] = kind == "down" or nil
    self:empty(kind == "down" and replica.queue or self.sim.queue)
  end)
end

return Failover
