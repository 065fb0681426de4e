-- Changes of every kind, for the random policy: requests are moved, turned away and filed again, edges and limits changed,
-- timers set, from any hook. And, now and then, what is not allowed there: it must be refused with a sentence, no more.

-- The queue of a replica that is off takes nothing.
local function open_queue(asker)
  local at = 1 + math.floor(asker.draw() * #asker.queues)
  local owner = asker.owners and asker.owners[asker.queues[at]]
  return owner and owner.state == "off" and asker.queues[1] or asker.queues[at]
end

local function pick(draw, list) return list[1 + math.floor(draw() * #list)] end

-- A request that waits, or nil. (One that the hook `finish` is told of has been taken off the list.)
local function waiting(asker)
  local req = #asker.requests > 0 and pick(asker.draw, asker.requests)
  if not req then return nil end
  local phase = req:phase()
  return (phase == "waiting" or phase == "paused" or phase == "swapped") and req or nil
end

local CHANGES = {
  function(asker) -- move one from queue to queue; what pauses stays where it is
    local req = pick(asker.draw, asker.queues):peek()
    if req and req:phase() == "waiting" then open_queue(asker):push(req) end
  end,
  function(asker)
    local queue = open_queue(asker)
    local req = queue:pop()
    if req then queue:push(req) end
  end,
  function(asker)
    local req = waiting(asker)
    if req and asker.draw() < 0.3 then asker.sim:reject(req, "meddled with") end
  end,
  function(asker)
    local req = waiting(asker)
    if req and pick(asker.draw, asker.queues):remove(req) then asker.queues[1]:push(req) end
  end,
  function(asker)
    local low = math.floor(asker.draw() * 15)
    if not asker.bins then return end
    local edges = {}
    for i = 1, math.floor(asker.draw() * 5) do edges[i] = low + 6 * i end
    asker.bins:set_edges(edges)
  end,
  function(asker)
    local req = #asker.requests > 0 and pick(asker.draw, asker.requests)
    local list = asker.draw() < 0.3 and { asker.draw() * 9, asker.draw() * 90 }
    if req then req:expect(list or asker.draw() * 50) end
  end,
  function(asker)
    local req = #asker.requests > 0 and pick(asker.draw, asker.requests)
    if req then req:rank(asker.draw() * 9) end
  end,
  function(asker)
    local list = asker.draw() < 0.3 and { 3, asker.draw() * 30, 60 }
    pick(asker.draw, asker.sim.replicas):foresee(list or asker.draw())
  end,
  function(asker) -- ranks of all in a queue, all that run somewhere, all in the system
    local whom = ({ pick(asker.draw, asker.queues), pick(asker.draw, asker.sim.replicas), asker.requests })[
      1 + math.floor(asker.draw() * 3)]
    local by = ({ "predicted_output", "expected_remaining", "qoe_gain", 9 * asker.draw() })[1 + math.floor(asker.draw() * 4)]
    asker.sim:rank(whom, by, by == "qoe_gain" and { horizon = 1, speed = 30 } or nil)
  end,
  function(asker)
    local req = #asker.requests > 0 and pick(asker.draw, asker.requests)
    if req then req:clock(asker.draw(), asker.draw()) end
  end,
  function(asker) pick(asker.draw, asker.sim.replicas).max_requests = 1 + math.floor(asker.draw() * 9) end,
  function(asker) pick(asker.draw, asker.sim.replicas).token_budget = 4 + math.floor(asker.draw() * 60) end,
  function(asker) pick(asker.draw, asker.sim.replicas).watermark = asker.draw() * 0.05 end,
  function(asker) asker.sim:after(asker.draw() * 0.1, function() end) end,
  function(asker) if #asker.queues < 12 then table.insert(asker.queues, asker.sim:queue{}) end end,
}

-- Not from everywhere.
local FORBIDDEN = {
  function(step) step:carry() end,
  function(step, asker) step:admit(pick(asker.draw, asker.queues)) end,
  function(step, asker) if asker.requests[1] then step:add(asker.requests[1]) end end,
  function(step, asker) if asker.requests[1] then step:preempt(asker.requests[1]) end end,
  function(step) step:barrier() end,
  function(step) step:rank{} end,
  function(step) step:quantum(3) end,
  function(step) step:idle() end,
}

local meddling = {}

-- asker: as questions.ask; where: the hook. A `by` function may change nothing, so there anything is out of place.
function meddling.change(asker, where)
  local share = where == "by" and 0.1 or 0.01
  if asker.step and asker.draw() < share then return pick(asker.draw, FORBIDDEN)(asker.step, asker) end
  if where ~= "by" or asker.draw() < share then pick(asker.draw, CHANGES)(asker) end
end

return meddling
