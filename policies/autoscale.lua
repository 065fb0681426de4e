-- autoscale: a router and the number of its replicas. Every `period` s it wants as many replicas as have `target` requests
-- each, running and waiting: where that is more than there are, by over `tolerance`, it adds them, which are up after their
-- group's start_delay; where it is less, and was all the time during `hold` s, it drains those with the fewest requests, down
-- to `least`. Each request goes to the replica with the fewest requests of those that are up, which serves its queue as
-- `engine` does.
-- Source: Kubernetes' horizontal pod autoscaler: ceil(replicas x metric / target), tolerance 0.1, every 15 s, down after 300 s.
local router = require "mbsand.router"

local Autoscale = router.new{
  target = 16,                                 -- requests per replica
  period = 15, hold = 300,                     -- s
  tolerance = 0.1,
  least = 1,
  group = "",                                  -- that of the replicas that are added; "": the only one
}
Autoscale.route = "load"

function Autoscale:init()
  self.ranks = self.sim.replicas[1].ranks      -- that come and go together
  self.wanted = {}                             -- what was wanted at each look of the last `hold` s
  self.sim:every(self.params.period, function() self:look() end)
end

-- Replicas that are or will be up, and the requests that are in the system.
function Autoscale:count()
  local there, requests = {}, self.sim.running + self.sim.waiting
  for _, replica in ipairs(self.sim.replicas) do
    if replica.state == "up" or replica.state == "starting" then there[#there + 1] = replica end
  end
  return there, requests
end

function Autoscale:grow(count)
  local group = self.params.group
  for _ = 1, count, self.ranks do
    if not self.sim:add{ group = group ~= "" and group or nil } then return end
  end
end

function Autoscale:shrink(there, count)
  table.sort(there, function(a, b) return a.running + a.waiting < b.running + b.waiting end)
  for _, replica in ipairs(there) do
    local stays = replica.state == "up" or replica.state == "starting" -- did not go with one before
    if stays and count > 0 then
      replica:drain()
      count = count - self.ranks
    end
  end
end

function Autoscale:look()
  local params, wanted = self.params, self.wanted
  local there, requests = self:count()
  local want = math.ceil(math.max(params.least, requests / params.target) / self.ranks) * self.ranks
  wanted[#wanted + 1] = want
  if #wanted > params.hold / params.period then table.remove(wanted, 1) end
  if want > #there * (1 + params.tolerance) then return self:grow(want - #there) end
  for _, one in ipairs(wanted) do want = math.max(want, one) end
  if want < #there * (1 - params.tolerance) then self:shrink(there, #there - want) end
end

return Autoscale
