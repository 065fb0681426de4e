-- mbsand.lanes: the running requests of one replica, for policies that decide at each step whose next token is due: prompts
-- under way in the order of their admission, and decodes in lanes, one for each gap between tokens (`slo.tbt`) that is
-- promised; within a lane who waits longest for a token stands first. A policy keeps one set for each replica:
--   settle(set, now) first in `schedule`; admitted(set, req) for each request that it adds; left(req) in `finish`; carry(set,
--   replica, step), or set `latest` of each lane and serve(set, replica, step); stepped(set, step) in `stepped`; the hook
--   `signal` is this one's. Who comes or goes with its memory (handoff, migration) is not noticed.
local lanes = {}

local huge = math.huge
local phase, rank, carry -- methods of a request or step, which are those of all: looked up once, instead of at each call

-- nobody: a queue that stays empty.
function lanes.new(nobody)
  return { prefills = {}, list = {}, by_gap = {}, steps = 0, promised = false,
    ranking = { from = nobody, by = "rank", most = 0 } }
end

-- For `init`: one queue in the policy's `order`, and a set for each replica, within the parameters `chunk`, tokens of a step,
-- and `max_requests`.
function lanes.open(policy)
  local sim, params = policy.sim, policy.params
  policy.queue, policy.sets = sim:queue{ by = policy.order }, {}
  sim.inbox = policy.queue
  for _, replica in ipairs(sim.replicas) do
    replica.token_budget = math.min(replica.token_budget, params.chunk)
    replica.max_requests = math.min(replica.max_requests, params.max_requests)
    policy.sets[replica.id] = lanes.new(sim:queue())
  end
end

-- The lane of a promise; without one, the last.
local function lane_of(set, gap)
  gap = gap or huge
  local lane = set.by_gap[gap]
  if lane then return lane end
  lane = { gap = gap, count = 0, share = 1, credit = 0, turn = true, all = 0, latest = 0, first = nil, last = nil }
  set.by_gap[gap] = lane
  if gap < huge then set.promised = true end -- somebody was
  set.list[#set.list + 1] = lane
  table.sort(set.list, function(a, b) return a.gap < b.gap end)
  return lane
end

-- What is kept of a request, as its `user`; a policy may keep more there.
function lanes.entry(req)
  local entry = req.user
  if not entry then
    local slo = req.slo
    entry = { req = req, gap = slo and slo.tbt, gone = false, last = 0, from = 0 } -- and lane, previous, next
    req.user = entry
  end
  return entry
end

-- Returns what is kept of it.
function lanes.admitted(set, req)
  local entry, prefills = lanes.entry(req), set.prefills
  entry.gone = false
  prefills[#prefills + 1] = entry
  rank = rank or req.rank
  rank(req, huge)
  return entry
end

local function append(lane, entry)
  local last = lane.last
  entry.previous, entry.next = last, nil
  if last then last.next = entry else lane.first = entry end
  lane.last = entry
end

local function unlink(lane, entry)
  local previous, next = entry.previous, entry.next
  if previous then previous.next = next else lane.first = next end
  if next then next.previous = previous else lane.last = previous end
end

-- Into its lane, after its first token.
local function join(set, entry, now)
  local lane, req = lane_of(set, entry.gap), entry.req
  entry.lane, entry.last = lane, now
  if entry.gap then
    entry.from = req:first_token_at() - (set.steps + 1 - req:generated()) * lane.gap
    if lane.least and entry.from < lane.least.from then lane.least = entry end
    rank = rank or req.rank
    rank(req, lane.gap)                        -- before those without a token, see admitted
  end
  lane.count = lane.count + 1
  append(lane, entry)
end

-- What the last step brought: new decodes, and what became of who was in it.
function lanes.settle(set, now)
  local list, prefills, kept = set.list, set.prefills, 0
  for i = 1, #list do
    local lane = list[i]
    if lane.served then                        -- from here on all were in it
      local entry = lane.served
      while entry do entry.last, entry = now, entry.next end
      lane.served = nil
    end
    if lane.whole then lane.all, lane.whole = now, false end
  end
  for i = 1, #prefills do
    local entry = prefills[i]
    local stays = false
    if not entry.gone then
      phase = phase or entry.req.phase
      stays = phase(entry.req) ~= "decode"
      if not stays then join(set, entry, now) end
    end
    if stays then kept = kept + 1 end
    if not stays or kept < i then
      prefills[i] = nil
      if stays then prefills[kept] = entry end
    end
  end
end

-- Who leaves its lane, or the prompts under way (which settle looks through).
local function leave(entry)
  local lane = entry.lane
  entry.gone = true
  if not lane then return end
  entry.lane, lane.count = nil, lane.count - 1
  if lane.served == entry then lane.served = entry.next end
  if lane.least == entry then lane.least = nil end
  unlink(lane, entry)
end

-- Those whom the step has set aside leave.
local function part(set, step)
  local aside, prefills = step:preempted(), set.prefills
  for i = 1, #aside do leave(lanes.entry(aside[i])) end
  for i = #prefills, 1, -1 do
    if prefills[i].gone then table.remove(prefills, i) end
  end
end

-- Everybody; returns how many had to be preempted.
function lanes.carry(set, _, step)
  carry = carry or step.carry
  local preempted = carry(step)
  if preempted > 0 then part(set, step) end
  local list = set.list
  for i = 1, #list do list[i].whole = true end
  return preempted
end

-- Those of a lane whose last token came at lane.latest or before; false where memory did not suffice.
local function serve_some(lane, step)
  local entry, latest, stop = lane.first, lane.latest, lane.served
  while entry and entry ~= stop and entry.last <= latest do
    local next = entry.next
    local good, why = step:add(entry.req)
    if not good then return why ~= "memory" end
    unlink(lane, entry)
    append(lane, entry)
    lane.served = lane.served or entry
    stop = lane.served
    entry = next
  end
  return true
end

-- Of each lane, the tightest first, those whose last token came at lane.latest or before; false where memory did not suffice.
-- Lanes that are due as a whole, from the first on, are left to step:rank.
function lanes.serve(set, _, step)
  local list, whole, rows = set.list, 0, 0
  for i = 1, #list do
    local lane = list[i]
    local last, latest = lane.last, lane.latest
    if last and (lane.served or lane.all > latest or last.last > latest) then break end
    whole, rows = i, rows + lane.count
  end
  if rows > 0 and step.requests > 0 then whole, rows = 0, 0 end
  if rows > 0 then
    set.ranking.most = rows
    if step:rank(set.ranking) < rows then return false end
    for i = 1, whole do list[i].whole = true end
  end
  for i = whole + 1, #list do
    local lane = list[i]
    if lane.count > 0 and not lane.whole and lane.all <= lane.latest and not serve_some(lane, step) then return false end
  end
  return true
end

-- How much of the steps is due to a request: 1/k to one that may be k times as slow as the tightest, all without a promise.
function lanes.share(tightest, gap) return gap and gap < huge and tightest < gap and tightest / gap or 1 end

-- Whose turn it is where everybody is to be in that share of the steps; sets `latest` so that `serve` serves those. Returns
-- whether it is everybody's, and for how many steps that stays so (nil: for good).
function lanes.turns(set)
  if not set.promised then return true end
  local tightest, all, steps = nil, true, nil
  for i = 1, #set.list do
    local lane = set.list[i]
    lane.share, lane.turn = 1, true
    if lane.count > 0 then
      tightest = tightest or lane.gap
      lane.share = lanes.share(tightest, lane.gap)
      if lane.share < 1 then
        local wait = math.ceil((1 - lane.credit) / lane.share - 1e-9) - 1 -- steps without it
        lane.turn = wait <= 0
        all, steps = all and lane.turn, math.min(steps or huge, math.max(wait, 1))
      end
    end
    lane.latest = lane.turn and huge or -1
  end
  return all, steps
end

-- Who of a lane came first to its first token, as if all had made the same steps; nil: nobody is there.
local function least_of(lane)
  local entry, least = lane.first, lane.first
  while entry do
    if entry.from < least.from then least = entry end
    entry = entry.next
  end
  return least
end

-- When the first of the next tokens is due, if gaps are promised in the mean since the first token; all decodes have been in
-- every step.
function lanes.due(set)
  local due = huge
  for i = 1, #set.list do
    local lane = set.list[i]
    if lane.gap < huge and lane.count > 0 then
      lane.least = lane.least or least_of(lane)
      due = math.min(due, lane.least.from + (set.steps + 1) * lane.gap)
    end
  end
  return due
end

function lanes.left(req)
  local entry = req.user
  if entry then leave(entry) end
end

-- Steps done; what of its turns each lane has saved.
function lanes.stepped(set, step)
  local count = step.count
  local list = set.list
  for i = 1, #list do
    local lane = list[i]
    if lane.share < 1 then lane.credit = lane.credit + count * (lane.share - (lane.turn and 1 or 0)) end
  end
  set.steps = set.steps + count
end

-- The hook `signal`: who lost a replica is in no lane any more; one that is new has lanes of its own.
function lanes.signal(policy, event)
  for _, req in ipairs(event.kind == "down" and event.requests or {}) do
    lanes.left(req)
    req.user = nil
  end
  local id = event.kind == "up" and event.replica.id
  if id and not policy.sets[id] then policy.sets[id] = lanes.new(policy.sim:queue()) end
end

return lanes
