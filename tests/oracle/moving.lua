-- Replicas that come and go, for the random policy: added, drained, taken back, removed and let fail by chance, from any hook
-- but `finish`. Nobody is left without a replica to come.
local moving = {}

-- Those that step together come, go and fail together.
local function goes_with(replica, other)
  return other and math.floor((other.id - 1) / other.ranks) == math.floor((replica.id - 1) / other.ranks)
end

local function others(sim, replica)
  local count = 0
  for _, other in ipairs(sim.replicas) do
    if not goes_with(replica, other) and (other.state == "up" or other.state == "starting") then count = count + 1 end
  end
  return count
end

-- It, and what goes with it, stands empty, and is not the one whose step is being filled.
local function stands_empty(sim, replica, building)
  local first = replica.id - (replica.id - 1) % replica.ranks
  for id = first, first + replica.ranks - 1 do
    local one = sim.replicas[id]
    if one == building or one.running > 0 or one.waiting > 0 then return false end
  end
  return true
end

-- building: the replica whose step is being filled.
function moving.change(asker, queue, building)
  local sim, draw = asker.sim, asker.draw
  local what, replica = draw(), sim.replicas[1 + math.floor(draw() * #sim.replicas)]
  local state = replica.state
  if what < 0.2 then
    if #sim.replicas < 9 then sim:add{ group = replica.group, delay = draw() < 0.3 and 0 or draw() * 0.3 } end
  elseif what < 0.5 then
    if (state == "up" or state == "draining") and not goes_with(replica, building) then
      replica:fail(draw() < 0.2 and 0 or draw() * 0.2)
    end
  elseif state == "draining" then
    if draw() < 0.5 then replica:undrain() end
  elseif state ~= "off" and others(sim, replica) > 0 then
    if what < 0.8 then
      replica:drain(queue)
    elseif state ~= "up" and stands_empty(sim, replica, building) then
      replica:remove()
    end
  end
end

-- Who lost a replica waits in the simulation's own queue, which nobody may look at.
function moving.collect(asker, inbox)
  local queue = asker.sim.queue
  if inbox == queue then return end
  for _ = 1, #queue do inbox:push(queue:pop()) end
end

-- Everything that there is to see.
function moving.signal(self, event)
  local sum = #event.kind + 10 * event.replica.id + (event.requests and #event.requests or 0) * 1000
  for _, req in ipairs(event.requests or {}) do sum = sum + req:failures() * 7 + req:generated() end
  self.sim:observe(event.kind, sum)
end

return moving
