-- The second simulator: KV memory that moves from replica to replica (docs/clusters.md). A wire keeps all that ever went
-- over it, and the fluid is computed anew whenever somebody asks.
--
--   local moves = transfers.open(world)    world: what steps.lua shares with it
--   moves.next(): time of the next arrival, or nil;  moves.arrive(): all that arrives now
--   moves.hand_over(list), moves.send_on(): requests of replicas that only prefill
--   moves.leave_alone(replica): what is copied to or from one that goes is given up

local through = require "fluid"
local transfers = {}

function transfers.open(w)
  local sim, links, open = w.sim, w.links or {}, {} -- open: in the order in which they began
  local moves, begun, wires, handoffs = {}, 0, {}, {}

  local function link_between(from, to)
    for _, link in ipairs(links) do
      if (not link.from or link.from == from.group) and (not link.to or link.to == to.group) then return link end
    end
  end

  -- --- wires -----------------------------------------------------------------------------------------------------------

  local function wire_of(link, from, to)
    local name = link.per == "replica" and from.id or (from.group or "") .. ">" .. (to.group or "")
    wires[name] = wires[name] or { share = link.share or "fifo", list = {} }
    return wires[name]
  end

  local function date(wire)
    local live = false
    for _, passenger in ipairs(wire.list) do live = live or passenger.on end
    if not live then wire.list = {} end
    through[wire.share](wire.list)
  end

  local function time_of(transfer)
    local passenger = transfer.passenger
    return passenger and math.max(sim.now, passenger.through + transfer.link.latency)
  end

  -- layers: its memory went layer by layer during the step that ends now.
  local function depart(transfer, tokens, layers)
    local from, link = transfer.from, transfer.link
    local work = tokens * link.seconds_per_token
    if (layers or 1) > 1 and from.last_end == sim.now and (not from.run or from.run.start == sim.now) then
      work = math.max(work / layers, work - (from.last_end - from.last_start))
    end
    transfer.tokens = transfer.tokens + tokens
    transfer.wire = wire_of(link, from, transfer.to)
    date(transfer.wire)
    transfer.passenger = { start = sim.now, work = work, on = true }
    table.insert(transfer.wire.list, transfer.passenger)
    date(transfer.wire)
  end

  local function new_transfer(record, to)
    begun = begun + 1
    local transfer = { number = begun, record = record, from = record.home, to = to, begun = sim.now, tokens = 0,
                       link = link_between(record.home, to), hold = { blocks = {}, computed = 0 }, before = record.state }
    assert(transfer.link, "no link between these replicas")
    record.transfer = transfer
    table.insert(open, transfer)
    return transfer
  end

  local function leave_wire(transfer)
    if transfer.passenger then
      transfer.passenger.gone, transfer.passenger.on = sim.now, false
      date(transfer.wire)
    end
    transfer.passenger = nil
  end

  local function close(transfer)
    for i, other in ipairs(open) do if other == transfer then table.remove(open, i) break end end
    if transfer.kind ~= "copy" then transfer.record.transfer = nil end
  end

  -- --- room ------------------------------------------------------------------------------------------------------------

  -- Requests that have memory there and do not run: each may need a block to go on.
  function moves.aside(replica)
    local count = 0
    for _, record in ipairs(w.alive) do
      local state = record.state
      local held = state == "paused" or state == "handoff" or (state == "moving" and record.transfer.before ~= "swapped")
      if held and record.home == replica then count = count + 1 end
    end
    for _, transfer in ipairs(open) do if transfer.to == replica then count = count + 1 end end
    return count
  end

  local function fits(replica, blocks, aside)
    local pool = replica.pool
    local spare = pool.total < math.huge and math.floor(replica.watermark * pool.total) or 0
    return blocks + spare + aside <= pool.count()
  end

  local function take_room(transfer)
    local to, hold = transfer.to, transfer.hold
    local need = to.pool.blocks(transfer.record.computed) - #hold.blocks
    if need > 0 and not fits(to, need, moves.aside(to) - 1) then return false end
    if need > 0 then w.account(to, function() to.pool.take(hold, need) end) end
    return true
  end

  local function refused_by(to)
    return to.state == "draining" and "draining" or to.state ~= "up" and "down" or nil
  end

  -- --- sending -----------------------------------------------------------------------------------------------------------

  local function come(record, from, to, queue, place, since)
    if place == "front" and not queue.order then queue:push_front(record.req) else queue:push(record.req) end
    w.notify{ kind = "arrived", request = record.req, from = from, to = to, seconds = sim.now - since }
  end

  local function send(record, to, how)
    how = how or {}
    local queue = how.queue or to.queue
    if record.home == to and record.state ~= "swapped" then
      w.unqueue(record.req)
      record.news, record.state = -1, "paused"
      w.touch()
      come(record, to, to, queue, how.place, sim.now)
      return true
    end
    local why = refused_by(to)
    if why then return false, why end
    local transfer = new_transfer(record, to)
    if not take_room(transfer) then
      close(transfer)
      return false, "memory"
    end
    w.unqueue(record.req)
    w.touch()
    record.news, record.state = -1, "moving"
    transfer.kind, transfer.queue, transfer.place = "send", queue, how.place
    depart(transfer, record.computed, how.layers)
    return true
  end

  function sim:send(req, to, how)
    local record = w.record_of[req]
    assert(record.state == "handoff" or record.state == "paused" or record.state == "swapped", "it has no memory to send")
    assert(self)
    return send(record, to, how)
  end

  local function leave_source(transfer)
    local record = transfer.record
    if transfer.before == "swapped" then
      w.free_host(record.computed)
    else
      w.account(transfer.from, function() transfer.from.pool.release(record, false) end)
      w.change_one(transfer.from)
    end
  end

  local function abort(transfer)
    local record, to = transfer.record, transfer.to
    leave_wire(transfer)
    close(transfer)
    w.account(to, function() to.pool.release(transfer.hold, false) end)
    w.change_one(to)
    if record.state == "moving" and transfer.kind ~= "copy" then record.state = transfer.before end
    w.touch()
  end

  function sim:abort(req)
    local transfer = w.record_of[req].transfer
    assert(self)
    if transfer then abort(transfer) end
    return transfer ~= nil
  end

  -- --- copies ----------------------------------------------------------------------------------------------------------

  -- Of a request that waits: what is known of it, and what names its prompt. It may be gone when they arrive.
  function sim:copy(req, from, to)
    local record = w.record_of[req]
    assert(self and record.state == "waiting", "it does not wait with nothing in memory")
    local known = record.prompt + record.emitted
    local tokens = from.pool.find(record, known, true) * from.pool.size
    local there = to.pool.find(record, known) * to.pool.size
    local why = refused_by(to) or tokens <= there and "cached"
    if why then return false, why end
    local need = to.pool.blocks(tokens) - there / to.pool.size
    if not fits(to, need, moves.aside(to)) then return false, "memory" end
    begun = begun + 1
    local transfer = { number = begun, kind = "copy", record = record, from = from, to = to, begun = sim.now, tokens = 0,
                       link = link_between(from, to), hold = { blocks = {}, computed = 0 }, known = tokens, there = there }
    assert(transfer.link, "no link between these replicas")
    table.insert(open, transfer)
    w.account(to, function() to.pool.take(transfer.hold, need) end)
    depart(transfer, tokens - there)
    return true
  end

  -- As if the request had been computed there.
  local function store_copy(transfer)
    local pool, record = transfer.to.pool, transfer.record
    local like = { id = record.id, prompt = record.prompt, output = record.output, prefix = record.prefix, blocks = {},
                   computed = transfer.known }
    local found, shared = pool.find(like, transfer.known + 1, true)
    pool.reuse(like, found, shared)
    for _, block in ipairs(transfer.hold.blocks) do table.insert(like.blocks, block) end
    -- Behind what has been lost since, it is of no use.
    pool.store(like, found * pool.size < transfer.there and found * pool.size or transfer.known)
    pool.release(like, false)
  end

  local function come_copied(transfer)
    leave_wire(transfer)
    close(transfer)
    w.account(transfer.to, function() store_copy(transfer) end)
    w.change_one(transfer.to)
    local record = transfer.record
    w.notify{ kind = "copied", request = record.state ~= "gone" and record.req or nil, from = transfer.from, to = transfer.to,
              seconds = sim.now - transfer.begun }
  end

  function moves.leave_alone(replica)
    for _, transfer in ipairs{ (table.unpack or unpack)(open) } do -- luacheck: ignore (5.1)
      if transfer.kind == "copy" and (transfer.from == replica or transfer.to == replica) then abort(transfer) end
    end
  end

  -- What is given up when the request leaves, is preempted or loses its replica. leaves: it is told at once.
  function moves.give_up(record, why, leaves)
    local transfer = record.transfer
    if not transfer then return end
    local live = record.state ~= "moving"
    abort(transfer)
    if not live then return end
    local event = { kind = "aborted", request = record.req, from = transfer.from, to = transfer.to, why = why }
    if not leaves then w.notify(event) elseif w.policy.signal then w.policy:signal(event) end
  end

  -- --- a replica failed ----------------------------------------------------------------------------------------------------

  function moves.lose_migrations(failed)
    for _, transfer in ipairs{ (table.unpack or unpack)(open) } do -- luacheck: ignore (5.1)
      if (transfer.kind == "live" or transfer.kind == "stay") and (transfer.from == failed or transfer.to == failed) then
        moves.give_up(transfer.record, "down")
      end
    end
  end

  function moves.concerns(record, replica)
    local transfer = record.state == "moving" and record.transfer
    return transfer and (transfer.from == replica or transfer.to == replica)
  end

  function moves.lose(record, failed)
    local transfer = record.transfer
    abort(transfer)
    if transfer.from ~= failed or transfer.before == "swapped" then leave_source(transfer) end
  end

  -- --- live migration --------------------------------------------------------------------------------------------------------

  local function stands(record)
    if record.home.line then return not record.in_flight end
    return not record.home.run
  end

  local function leave(transfer)
    local record = transfer.record
    if not take_room(transfer) then return false end
    transfer.kind, transfer.before, transfer.queue = "send", "paused", transfer.to.queue
    w.hand_out(record, "moving")
    depart(transfer, record.computed - transfer.tokens)
    return true
  end

  local function next_stage(transfer)
    local record, from = transfer.record, transfer.from
    local left = record.computed - transfer.tokens
    if transfer.stages > 1 and from.pool.blocks(left) > transfer.last then
      transfer.stages, transfer.kind = transfer.stages - 1, "live"
      if not take_room(transfer) then return false end
      depart(transfer, left)
      return true
    end
    if stands(record) then return leave(transfer) end
    transfer.kind = "stay"
    w.change_one(from)
    return true
  end

  function sim:migrate(req, to, how)
    local record = w.record_of[req]
    assert(self and record.state == "running" and record.emitted > 0 and not record.transfer, "it does not decode here")
    if record.home == to then return true end
    local why = refused_by(to)
    if why then return false, why end
    local transfer = new_transfer(record, to)
    transfer.kind, transfer.stages, transfer.last = "live", how and how.stages or 3, how and how.last or 16
    if next_stage(transfer) then return true end
    abort(transfer)
    return false, "memory"
  end

  -- The replica stands between two steps: those that only waited for that leave it.
  function moves.leave(replica)
    for _, transfer in ipairs{ (table.unpack or unpack)(open) } do -- luacheck: ignore (5.1)
      if transfer.kind == "stay" and transfer.from == replica and stands(transfer.record) and not leave(transfer) then
        moves.give_up(transfer.record, "memory")
      end
    end
  end

  -- --- arrivals --------------------------------------------------------------------------------------------------------------

  function moves.next()
    local first
    for _, transfer in ipairs(open) do
      local time = time_of(transfer)
      if time and (not first or time < first) then first = time end
    end
    return first
  end

  function moves.arrive()
    for _, transfer in ipairs(open) do
      if time_of(transfer) == sim.now then
        local record, to = transfer.record, transfer.to
        if transfer.kind == "copy" then return come_copied(transfer) end
        transfer.passenger.on, transfer.passenger = false, nil
        if transfer.kind ~= "send" then
          if not next_stage(transfer) then moves.give_up(record, "memory") end
          return
        end
        close(transfer)
        leave_source(transfer)
        record.blocks, record.home, record.replica, record.state = transfer.hold.blocks, to, to.id, "paused"
        w.account(to, function() to.pool.store(record, record.computed) end)
        w.touch()
        return come(record, transfer.from, to, transfer.queue, transfer.place, transfer.begun)
      end
    end
  end

  -- --- handed over -------------------------------------------------------------------------------------------------

  function moves.hand_over(list)
    table.sort(list, function(a, b) return a.order < b.order end)
    for _, record in ipairs(list) do
      w.hand_out(record, "handoff")
      table.insert(handoffs, { record = record, unasked = true })
    end
  end

  -- Of the replicas that decode and have room, the one with most.
  local function roomiest(record)
    local best, most
    for _, replica in ipairs(sim.replicas) do
      local pool = replica.pool
      local room = pool.total < math.huge and pool.count() * pool.size or 1e15 - pool.used * pool.size
      if replica.role == "decode" and replica.state == "up" and replica ~= record.home and link_between(record.home, replica)
        and fits(replica, pool.blocks(record.computed), moves.aside(replica)) and (not best or room > most) then
        best, most = replica, room
      end
    end
    return best
  end

  local function is_gone(replica) return replica.state == "off" or replica.state == "down" and not replica.up_at end

  -- Will there be nobody any more who decodes?
  local function nobody(record)
    for _, replica in ipairs(sim.replicas) do
      if replica.role == "decode" and link_between(record.home, replica) and not is_gone(replica) then return false end
    end
    return true
  end

  -- In order; who finds no room is not passed by others that want to go there.
  function moves.send_on()
    local list, full, any_full = handoffs, {}, false
    handoffs = {}
    for _, one in ipairs(list) do
      local record, later = one.record, false
      if record.state == "handoff" then
        if one.unasked and sim.routes.decode then
          one.to = w.least_of_role(sim.routes.decode)
          one.unasked = not one.to
        elseif one.unasked and w.policy.handoff then
          one.to, one.unasked = w.policy:handoff(record.req, record.home), false
          later = not one.to or record.state ~= "handoff"
        end
        local stays = not later
        if stays and not (one.to and full[one.to] or not one.to and any_full) then
          local to = one.to
          if not to or is_gone(to) then to = roomiest(record) or nobody(record) and record.home end
          stays = not (to and send(record, to))
        end
        if stays then
          table.insert(handoffs, one)
          if one.to then full[one.to] = true else any_full = true end
        end
      end
    end
  end

  return moves
end

return transfers
