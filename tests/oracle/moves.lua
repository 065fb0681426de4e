-- Moves of KV memory by chance, for the random policy: requests that were handed off, are paused or swapped are sent, running
-- ones migrated, moves given up, roles changed; from any hook, and from the signals that this makes.
-- asker: as questions.ask, with migrates and left, sets of requests' numbers, and at, where the memory of one was last seen.

local moves = {}

local function pick(draw, list) return list[1 + math.floor(draw() * #list)] end

local WAITS = { handoff = true, paused = true, swapped = true }

local function send(asker, req, to)
  local draw = asker.draw
  local how = draw() < 0.5 and {
    queue = draw() < 0.3 and asker.queues[1] or nil, place = draw() < 0.5 and "front" or "back",
    layers = draw() < 0.3 and 1 + math.floor(draw() * 40) or nil,
  } or nil
  local sent, why = asker.sim:send(req, to, how)
  asker.sim:observe("sent", sent and 1 or why == "memory" and 2 or 3)
end

local function migrate(asker, from, to)
  local draw, list = asker.draw, {}
  for req in from:each_running() do
    if req:phase() == "decode" and not asker.migrates[req.id] then list[#list + 1] = req end
  end
  if #list == 0 then return end
  local req = pick(draw, list)
  local stages = draw() < 0.5 and { stages = 1 + math.floor(draw() * 4), last = math.floor(draw() * 4) } or nil
  asker.at[req.id] = from
  local begun, why = asker.sim:migrate(req, to, stages)
  asker.migrates[req.id] = begun and from ~= to or nil
  asker.sim:observe("migrated", begun and 1 or why == "memory" and 2 or 3)
end

-- A request whose memory stays where it is waits there: any queue but that replica's own would keep it for ever.
local function keep(asker, req)
  local phase = req:phase()
  if phase == "paused" or phase == "handoff" then
    asker.sim:send(req, asker.at[req.id])
  elseif phase == "swapped" then
    local replica = asker.at[req.id];
    (replica.state == "off" and asker.queues[1] or replica.queue):push(req)
  end
end

-- From any hook: move somebody, now and then give a move up.
function moves.some(asker)
  local draw, sim = asker.draw, asker.sim
  local req = #asker.requests > 0 and pick(draw, asker.requests)
  if draw() < 0.05 then
    pick(draw, sim.replicas).role = pick(draw, { "both", "both", "prefill", "decode" })
  elseif req and draw() < 0.3 then
    if req:phase() == "waiting" then
      local copied, why = sim:copy(req, pick(draw, sim.replicas), pick(draw, sim.replicas))
      sim:observe("copied", copied and 1 or why == "memory" and 2 or 3)
    end
  elseif draw() < 0.5 then
    migrate(asker, pick(draw, sim.replicas), pick(draw, sim.replicas))
  elseif req and WAITS[req:phase()] then
    send(asker, req, pick(draw, sim.replicas))
  elseif req and draw() < 0.3 and sim:abort(req) then
    asker.migrates[req.id] = nil
    sim:observe("aborted", req.id)
    keep(asker, req)
  end
end

-- The hook `handoff`.
function moves.handoff(asker, req, replica)
  local draw, sim = asker.draw, asker.sim
  asker.at[req.id] = replica
  sim:observe("handoff", req.id + 1000 * replica.id)
  if draw() < 0.2 then
    sim:after(draw() * 0.1, function()
      if asker.left[req.id] or req:phase() ~= "handoff" then return end
      if not sim:send(req, pick(draw, sim.replicas)) then sim:send(req, replica) end
    end)
    return nil
  end
  local to = pick(draw, sim.replicas)
  return to.state == "up" and to or replica
end

-- The hook `signal`.
function moves.signal(asker, event)
  if event.kind == "copied" then return asker.sim:observe("copied.signal", event.request and event.request.id or -1) end
  local of = { arrived = 1, aborted = 2 }
  asker.sim:observe("signal", (of[event.kind] or 3) + 10 * event.to.id + 100 * event.from.id)
  asker.sim:observe("signal.request", event.request.id + (event.request:phase() == "paused" and 0.5 or 0))
  asker.migrates[event.request.id] = nil
  if event.kind == "arrived" then asker.at[event.request.id] = event.to end
end

return moves
