-- mbsand.seen: how many requests each replica has, running and waiting, as it published it last (cluster.signals), for routers
-- that live outside of the engines; and, if they count, with those that were sent there since.
local seen = {}

-- Of a router (mbsand.router); `signals`: "seen", or "counted".
function seen.new(policy, signals)
  if signals ~= "seen" and signals ~= "counted" then
    error(('signals is "%s"; expected "now", "seen" or "counted"'):format(tostring(signals)), 0)
  end
  return { policy = policy, counts = signals == "counted", time = -1, loads = {}, sent = {}, first = 1, last = 0 }
end

-- The loads, by number of the replica. They are renewed when something newer has been published, or a replica came or went.
function seen.loads(state)
  local up, ids, sent = state.policy.up, state.policy.ids, state.sent
  local time = up[1].seen.time
  if time == state.time and up == state.up then return state.loads end
  local loads = {}
  state.time, state.up, state.loads, state.best = time, up, loads, nil
  for n, replica in ipairs(up) do
    local last = replica.seen
    loads[ids[n]] = last.running + last.waiting
  end
  while state.first <= state.last and sent[state.first].time <= time do
    sent[state.first], state.first = nil, state.first + 1
  end
  for n = state.first, state.last do
    local i = sent[n].replica
    if loads[i] then loads[i] = loads[i] + 1 end
  end
  return loads
end

-- The number of the replica with the least load, of equals the first.
function seen.least(state)
  local loads, ids = seen.loads(state), state.policy.ids
  if state.best then return state.best end
  local best = ids[1]
  for n = 2, #ids do
    local i = ids[n]
    if loads[i] < loads[best] then best = i end
  end
  if not state.counts then state.best = best end
  return best
end

-- A request goes to the replica with this number.
function seen.send(state, i, req)
  local sim = state.policy.sim
  if state.counts then
    state.last = state.last + 1
    state.sent[state.last] = { time = sim.now, replica = i }
    state.loads[i] = state.loads[i] + 1
  end
  sim.replicas[i].queue:push(req)
end

return seen
