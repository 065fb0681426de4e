-- The second simulator: replicas that come, go and fail (docs/clusters.md).
--
--   local life = lifecycle.open(world)    world: what steps.lua shares with it
--   life.offer(offer): its events;  life.follow_up(): who drained to the end is off

local why = require "why"
local lifecycle = {}

function lifecycle.open(w)
  local sim, life, failures = w.sim, {}, {}
  for i, failure in ipairs(w.failures or {}) do failures[i] = failure end

  local function tell(replica, kind, records)
    local list
    for i, record in ipairs(records or {}) do list = list or {} list[i] = record.req end
    w.general_news()
    w.notify{ kind = kind, replica = replica, requests = records and (list or {}) }
  end

  local function serves(replica) return replica.state == "up" or replica.state == "draining" end

  local function rise(replica)
    replica.state, replica.up_at, replica.ended, replica.deliberate = "up", nil, true, nil
    tell(replica, "up")
  end

  local function rise_at(replica, time)
    if time > sim.now then replica.up_at = time else rise(replica) end
  end

  -- Those that step together come, go and fail together.
  local function each_rank(replica, call)
    for _, rank in ipairs(w.ranks_of(replica)) do call(rank) end
  end

  -- --- going -----------------------------------------------------------------------------------------------------------

  -- What waits in its own queue goes to another, but for who can go on nowhere else.
  local function empty_queue(replica)
    local list = {}
    for i = 1, #replica.queue do
      local record = w.record_of[replica.queue[i]]
      if not (record.state == "paused" and record.home == replica) then table.insert(list, record) end
    end
    for _, record in ipairs(list) do
      w.unqueue(record.req)
      w.put_back(record, replica.drain_to, "back")
    end
    return list
  end

  local function go_off(replica)
    w.moves.leave_alone(replica)
    replica.state, replica.up_at, replica.deliberate = "off", nil, nil
    empty_queue(replica)
    tell(replica, "off")
  end

  local function may_go(replica)
    local empty = true
    each_rank(replica, function(rank)
      if rank.running > 0 or rank.run or w.moves.aside(rank) > 0 or rank.building then empty = false end
    end)
    return empty
  end

  function life.drain(replica, to)
    each_rank(replica, function(rank)
      rank.drain_to, rank.served = to or sim.queue, serves(rank)
      if rank.served then rank.state = "draining" end
      tell(rank, "draining", empty_queue(rank))
    end)
    if not replica.served or may_go(replica) then each_rank(replica, go_off) end
  end

  function life.undrain(replica)
    each_rank(replica, function(rank)
      rank.state = "up"
      tell(rank, "up")
    end)
  end

  function life.remove(replica)
    each_rank(replica, function(rank)
      w.moves.leave_alone(rank)
      rank.state, rank.up_at = "off", nil
      tell(rank, "off")
    end)
  end

  function life.follow_up()
    for _, replica in ipairs(sim.replicas) do
      if replica.state == "draining" and may_go(replica) then each_rank(replica, go_off) end
    end
  end

  -- --- coming ----------------------------------------------------------------------------------------------------------

  function sim:add(options)
    local id, first, there = #self.replicas + 1, nil, 0
    for _, replica in ipairs(self.replicas) do
      if replica.group == options.group then
        first = first or replica
        if replica.state ~= "off" then there = there + 1 end
      end
    end
    if there + w.ranks > (first.kind.most or math.huge) then return nil, "limit" end
    for next_id = id, id + w.ranks - 1 do
      local replica = w.new_replica(next_id, first.kind)
      for _, name in ipairs{ "max_requests", "token_budget", "chunked", "reserve", "watermark" } do
        replica[name] = first[name]
      end
      if first.queue.order then self.queue(self.queue, { by = first.queue.order, of = replica }) end
      replica.state, self.replicas[next_id] = "starting", replica
      w.general_news()
    end
    each_rank(self.replicas[id], function(rank)
      rise_at(rank, self.now + (options.delay or first.kind.start_delay or 0))
    end)
    return self.replicas[id]
  end

  -- --- failures --------------------------------------------------------------------------------------------------------

  -- Who had memory there: in order of admission, then what was on its way to it, in the order in which it was sent.
  local function find_lost(replica)
    local lost = {}
    for _, record in ipairs(w.alive) do
      local state, here = record.state, record.home == replica
      if here and (state == "running" or state == "paused" or state == "handoff") or w.moves.concerns(record, replica) then
        table.insert(lost, record)
      end
    end
    local function before(a, b)
      local here, there = a.home == replica, b.home == replica
      if here ~= there then return here end
      if here then return a.order < b.order end
      return a.transfer.number < b.transfer.number
    end
    table.sort(lost, before)
    return lost
  end

  local function lose(record, replica)
    local to = record.origin or sim.queue
    if record.state == "moving" then w.moves.lose(record, replica) end
    if record.state == "running" then
      why.fail(record, sim.now, replica.under_way)
      record.in_flight = nil
      record.attained, record.since = record.attained + sim.now - record.since, sim.now
    else
      w.unqueue(record.req)
    end
    record.state, record.computed, record.home, record.blocks = "waiting", 0, nil, {}
    record.failures = (record.failures or 0) + 1
    w.put_back(record, to.owner and (to.owner == replica or to.owner.state == "off") and sim.queue or to)
  end

  -- The step under way never was, and all that the memory held is gone.
  local function go_down(replica, repair)
    local run, line = replica.run, replica.line
    w.moves.lose_migrations(replica)
    w.moves.leave_alone(replica)
    local lost, drained = find_lost(replica), replica.state == "draining"
    if run then
      w.account(replica, function() end)
      if not replica.boundary and sim.now >= w.window.start then w.total.lost = w.total.lost + sim.now - run.step_start end
    end
    local spent = line and line.cut(sim.now) or 0
    if sim.now >= w.window.start then w.total.lost = w.total.lost + spent end
    replica.under_way = run and not replica.boundary and run.step_start or nil
    replica.run, replica.held, replica.boundary, replica.swap_s, replica.last_end = nil, nil, false, 0, nil
    for i = #lost, 1, -1 do lose(lost[i], replica) end
    replica.span = nil
    replica.pool.clear()
    replica.state, replica.deliberate = "down", nil
    w.touch()
    w.count_requests()
    tell(replica, "down", lost)
    if drained then return go_off(replica) end
    if repair then rise_at(replica, sim.now + repair) end
  end

  function life.fail(replica, repair)
    local ends = replica.line and replica.line.leaves(sim.now)
    each_rank(replica, function(rank)
      ends = ends or rank.run and not rank.boundary and rank.run.step_end == sim.now
    end)
    if ends then -- steps that end at this instant count
      replica.fails = { repair = repair }
      return
    end
    each_rank(replica, function(rank) go_down(rank, repair) end)
  end

  -- By number: each is up again, then fails. (Failures to come do not keep a run alive.)
  function life.offer(offer)
    for id, replica in ipairs(sim.replicas) do
      offer(3, replica.up_at, function() rise(replica) end)
      local fails = replica.fails
      offer(3, fails and sim.now, function()
        replica.fails = nil
        if serves(replica) then life.fail(replica, fails.repair) end
      end)
      for i, failure in ipairs(failures) do
        if failure.replica == id then
          offer(3, failure.at, function()
            table.remove(failures, i)
            if serves(replica) then life.fail(replica, failure.repair) end
          end, true)
        end
      end
    end
  end

  return life
end

return lifecycle
