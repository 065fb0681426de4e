-- The second simulator, step executor (docs/continuous-batching.md): every running request is visited at every iteration,
-- every block of KV memory is an object in a list, and times are added up. Queues, bins and scripts are simulator.lua's.
--
--   local steps = require "steps"
--   local result = steps.run{ policy = ..., requests = {...}, latency = steps.law(0.010, 0.001, 0.0001), blocks = 4 }
--   result.requests[i]: id, arrival, prompt, output, predicted, replica, start, first, stop (nil: never served), preemptions
--   result.runs[i]:     replica, start, stop, count, requests: what `stepped` was told
--   result.series[i]:   time, name, value: what sim:observe was told;  result.measures: by name

local promises = require "promises"
local simulator = require "simulator"
local answers = require "answers"
local stages = require "stages"
local transfers = require "transfers"
local lifecycle = require "lifecycle"
local memory = require "memory"
local beliefs = require "beliefs"
local why = require "why"
local steps = {}

-- --- latency -----------------------------------------------------------------------------------------------------------

-- step(T, K, B): seconds of a step; barrier(B, P, A, budget): seconds of a static batch, and of its prefill.
function steps.law(base, per_token, per_context, per_request, host)
  base, per_request = base + (host or 0), per_request or 0
  local law = { host = host or 0 }
  function law.step(tokens, context, rows)
    return base + per_token * tokens + per_context * context + per_request * rows
  end
  function law.barrier(rows, prompt, answer, budget)
    local chunks = budget == math.huge and 1 or math.ceil(rows * prompt / budget)
    local first = chunks * (base + per_request * rows) + per_token * rows * prompt
    local duration = first
    for j = 1, answer - 1 do
      duration = duration + base + per_request * rows + per_token * rows + per_context * rows * (prompt + j)
    end
    return duration, first
  end
  return law
end

-- --- the run -------------------------------------------------------------------------------------------------------------

local function by_admission(a, b) return a.order < b.order end

-- options: policy, requests (as simulator.run), latency; and, optional, params, replicas (1), blocks (none: no limit),
-- group (so many replicas step together), block (16), watermark (0), prefix_cache (true), async, token_budget,
-- max_requests, reserve ("chunk"), max_length, pipeline (as stages.new), swap = { tokens, seconds_per_token }, oracle,
-- slo, stop, warmup (as simulator.run), qoe, fair, failures = { { at =, replica =, repair = }, ... }, links = { { from =, to =,
-- seconds_per_token =, latency =, share =, per = }, ... }. kinds[id]: what is different about a replica of cluster.groups, of
-- latency, blocks, block, watermark, token_budget, max_requests, pipeline, role, start_delay, most of a kind; group, its name.
function steps.run(options)
  local result = { requests = {}, runs = {}, rejected = {}, series = {} }
  local sim = { now = 0, running = 0, waiting = 0, slo = options.slo or {}, replicas = {}, queues = {}, arrivals_ended = false,
                observing = false, oracle = options.oracle or false }
  local policy = setmetatable({ sim = sim, params = simulator.settings(options.policy, options.params) },
                              { __index = options.policy })
  local record_of, alive, timers, next_arrival, admissions = {}, {}, {}, 1, 0
  local version, last_general, planning = 0, 0, false -- news is numbered; the newest that concerns every replica
  local swap, host_used = options.swap, 0 -- one host memory for all
  local total = { steps = 0, rows = 0, busy = 0, memory = 0, preemptions = 0, idle = 0, gaps = 0, gap_time = 0, ends = 0,
                  peak = 0, present = 0, room = 0, lost = 0 } -- of the time of observation
  local window, stopped = promises.window(options.requests, options.warmup), false
  local service, changed, warm = answers.new_service(options.fair or { w_prompt = 1, w_output = 2 }), false, false
  local notices = {} -- for `signal`
  local building, moves, life, says, begin_step -- building: the step that is filled

  local function count_requests()
    sim.running, sim.waiting = 0, 0
    for _, record in ipairs(alive) do
      if record.state == "running" then sim.running = sim.running + 1 else sim.waiting = sim.waiting + 1 end
    end
  end
  local function bury(record)
    moves.give_up(record, "done", true)
    for i, other in ipairs(alive) do if other == record then table.remove(alive, i) break end end
    record.state = "gone"
    count_requests()
    changed = true
  end

  -- The ranks of a replica's group, itself among them.
  local function ranks_of(replica)
    local list, first = {}, replica.id - (replica.id - 1) % (options.group or 1)
    for id = first, first + (options.group or 1) - 1 do table.insert(list, sim.replicas[id]) end
    return list
  end

  -- --- requests --------------------------------------------------------------------------------------------------------

  local function known(record) return record.prompt + record.emitted end
  local function is_decode(record) return record.emitted >= 1 and known(record) - record.computed == 1 end

  local function new_request(record)
    local req = { id = record.id, arrival = record.arrival, prompt_tokens = record.prompt, predicted_output = record.predicted,
                  output_tokens = options.oracle and record.output or nil, client = record.client or 0,
                  max_output = record.max_output, priority = record.priority or 0, user = {} }
    function req.waited() return record.waited + (record.state == "running" and 0 or sim.now - record.since) end
    function req.generated() return record.emitted end
    function req.computed() return record.computed end
    function req.preemptions() return record.preemptions end
    function req.failures() return record.failures or 0 end
    function req.first_token_at() return record.first end
    function req.attained() return record.attained + (record.state == "running" and sim.now - record.since or 0) end
    function req.phase()
      if record.state ~= "running" then return record.state end
      return is_decode(record) and "decode" or "prefill"
    end
    says.request(req, record)
    record_of[req], record.req = record, req
    return setmetatable(req, { __index = function(_, name)
      if name ~= "max_output" then error("a request has no field " .. name, 2) end
    end })
  end

  local function queue_of(req)
    for _, queue in ipairs(sim.queues) do
      for i = 1, #queue do if queue[i] == req then return queue end end
    end
  end
  local function unqueue(req)
    local queue = queue_of(req)
    if queue then queue:remove(req) end
    return queue
  end

  -- --- news --------------------------------------------------------------------------------------------------------------
  --
  -- News is numbered: `seen` of a replica is the newest when its `schedule` returned. What is in one of the replicas' own
  -- queues concerns that one alone. The others are told of what waits in no such queue: an idle one whatever became of it
  -- since, one in the middle of a run while it waits.

  local last_shared = 0 -- of requests that anybody could have taken

  local function tell(req, number)
    local record, queue = record_of[req], queue_of(req)
    record.told, record.news = number, -1
    if queue and queue.owner then
      queue.owner.told = math.max(queue.owner.told, number)
    else
      record.news = number
      last_shared = math.max(last_shared, number)
    end
  end
  function sim:changed(req) -- queued; what `schedule` does is no news
    local record = record_of[req]
    assert(record.state ~= "running" and record.state ~= "gone", "a request that runs, or has left, is queued")
    if planning then return end
    version = version + 1
    tell(req, version)
  end
  local function general_news() version = version + 1 last_general = version end

  local function has_news(replica)
    local newest = math.max(last_general, replica.told)
    if not replica.run and not replica.line and not options.group then newest = math.max(newest, last_shared) end
    for _, record in ipairs(alive) do
      if record.state ~= "running" then newest = math.max(newest, record.news) end
    end
    return newest > replica.seen
  end
  local function has_work(replica)
    for _, record in ipairs(alive) do
      if record.state ~= "running" or (record.home == replica and not record.in_flight) then return true end
    end
    return false
  end

  -- The same, less what is no business of this one: what waits in the own queues of others, and what is handed over or on
  -- its way, unless it waits in this one's.
  local function has_own_work(replica)
    for _, record in ipairs(alive) do
      local queue, state = queue_of(record.req), record.state
      if state == "running" then
        if record.home == replica and not record.in_flight then return true end
      elseif queue and queue.owner then
        if queue.owner == replica then return true end
      elseif state ~= "handoff" and state ~= "moving" then
        return true
      end
    end
    return false
  end

  -- --- what policies may call ----------------------------------------------------------------------------------------------

  function sim:key_of(req, key)
    if key == "predicted_total" then return req.prompt_tokens + req.predicted_output end
    if key == "priority" then return -req.priority end
    if key == "rank" then return record_of[req].rank or 0 end
    if key == "expected_output" then return says.expected(record_of[req]) end
    if key == "expected_remaining" then return says.expected(record_of[req]) - req.generated() end
    if key == "predicted_remaining" then return req.predicted_output - req.generated() end
    if key == "admission" then return -record_of[req].order end -- the oldest last
    if key == "paused" then return record_of[req].state == "paused" and 0 or 1 end
    return req[key]
  end
  function sim:sample(key)
    local values = {}
    for i = 1, #options.requests do values[i] = self:key_of(new_request(options.requests[i]), key) end
    table.sort(values)
    return values
  end
  function sim:observe(name, value) table.insert(result.series, { time = self.now, name = name, value = value }) end
  function sim:log() end
  function sim:bins(fields) return simulator.new_bins(self, fields) end
  local timers_set = 0
  local function set_timer(number, time, call) table.insert(timers, { number = number, time = time, call = call }) end
  local function new_timer() timers_set = timers_set + 1 return timers_set end
  function sim:after(delay, call)
    local number = new_timer()
    set_timer(number, self.now + delay, call)
    return number
  end
  function sim:every(delay, call, at)
    local number = new_timer()
    local function again(time)
      set_timer(number, time, function()
        again(time + delay)
        call()
      end)
    end
    again(at or self.now + delay)
    return number
  end
  function sim:cancel(number)
    assert(self)
    for i, timer in ipairs(timers) do
      if timer.number == number then table.remove(timers, i) return true end
    end
    return false
  end
  function sim:reject(req, reason)
    local record = record_of[req]
    unqueue(req)
    if record.state == "running" then -- out of the step that is filled
      moves.hand_out(record, "paused")
    end
    if record.state == "moving" then sim:abort(req) end
    if record.state == "paused" or record.state == "handoff" then record.home.pool.release(record, false) end
    if record.state == "swapped" then host_used = host_used - record.computed end
    bury(record)
    record.home, record.rejected, req.output_tokens = nil, self.now, record.output
    table.insert(result.rejected, { id = req.id, reason = reason })
    if policy.finish then policy:finish(req, "rejected") end
  end

  -- Routes said once: of arrivals among all replicas, or those that prefill; of what is handed over.
  sim.routes = {}
  function sim:route(rule, role)
    self.routes[role == "decode" and "decode" or "arrivals"] = rule and { rule = rule, role = role }
  end

  local function load_of(replica, rule)
    return (rule == "waiting" and 0 or replica.running) + (rule == "running" and 0 or replica.waiting)
  end

  -- Who is handed over counts for the replica that it is sent to at this instant.
  local function least_of_role(route)
    local best, least
    for _, replica in ipairs(sim.replicas) do
      local load = load_of(replica, route.rule)
      if route.role == "decode" and replica.handed_at == sim.now then load = load + replica.handed end
      local asked = replica.state == "up" and (not route.role or replica.role == route.role)
      if asked and (not least or load < least) then best, least = replica, load end
    end
    if best and route.role == "decode" then
      if best.handed_at ~= sim.now then best.handed_at, best.handed = sim.now, 0 end
      best.handed = best.handed + 1
    end
    return best
  end

  local function next_in_turn(route)
    for _ = 1, #sim.replicas do
      route.last = (route.last or 0) % #sim.replicas + 1
      if sim.replicas[route.last].state == "up" then return sim.replicas[route.last] end
    end
  end

  local function up_ones()
    local list = {}
    for _, replica in ipairs(sim.replicas) do if replica.state == "up" then list[#list + 1] = replica end end
    return list
  end
  local function any_one()
    local list = up_ones()
    return #list > 0 and list[options.draw(#list)] or nil
  end
  local function better_of_two()
    local list = up_ones()
    if #list == 0 then return nil end
    local one = table.remove(list, options.draw(#list))
    local other = list[options.draw(math.max(1, #list))]
    return other and load_of(other, "load") < load_of(one, "load") and other or one
  end
  function sim.least(_, what) return least_of_role{ rule = what } or sim.replicas[1] end
  function sim:random(...) return self and options.draw(...) end

  local DRAWN = { turns = next_in_turn, random = any_one, two = better_of_two }

  local function route_arrival(req, route)
    local to = (DRAWN[route.rule] or least_of_role)(route)
    local queue = to and to.queue or sim.queue
    queue:push(req)
  end

  local function running_of(replica)
    local list = {}
    for _, record in ipairs(alive) do
      if record.state == "running" and record.home == replica then table.insert(list, record) end
    end
    table.sort(list, by_admission)
    return list
  end

  -- --- the step ------------------------------------------------------------------------------------------------------------

  -- Tokens that a static batch brings this row.
  local function part_of(batch, record) return math.min(record.output - record.emitted, batch.slice) end

  local function row_of(step, record)
    for i, row in ipairs(step.rows) do if row.record == record then return row, i end end
  end

  local nobody = { rows = {} } -- a step without rows

  local function add_row(step, record, tokens)
    table.insert(step.rows, { record = record, tokens = tokens, decode = is_decode(record) })
    step.requests, step.tokens = step.requests + 1, step.tokens + tokens
  end

  -- Out of memory and to a queue: preempted, or not admitted after all.
  -- What is given back a second time at one instant is no news.
  local function put_back(record, queue, place)
    local before = planning
    planning = true
    if place == "back" then queue:push(record.req) else queue:put_back(record.req) end
    planning = before
    if record.given_back ~= sim.now then version = version + 1 end
    tell(record.req, record.given_back ~= sim.now and version or record.told)
    record.given_back = sim.now
  end

  local function preempt(replica, step, record, how, to, place)
    assert(how == "recompute" or how == "swap" or how == "pause" or how == "restart", "recompute, swap, pause or restart")
    assert(record.home == replica and record.state == "running", "only what runs here can be preempted")
    if record.in_flight then return false, "flight" end
    if how == "swap" then
      if host_used + record.computed > (swap and swap.tokens or 0) then return false, "host" end
      host_used = host_used + record.computed
      replica.swap_s = replica.swap_s + swap.seconds_per_token * record.computed
    end
    local row, at = row_of(step, record)
    if row then
      table.remove(step.rows, at)
      step.requests, step.tokens = step.requests - 1, step.tokens - row.tokens
    end
    if how == "restart" then -- nothing of its answer was there
      why.waste(record)
      record.wasted = (record.wasted or 0) + record.emitted
      record.emitted, record.first, record.last, record.times = 0, nil, nil, {}
      record.computed = math.min(record.computed, record.prompt)
    end
    why.lose(record)
    local anew = how == "recompute" or how == "restart"
    moves.give_up(record, "preempted")
    if how ~= "pause" then replica.pool.release(record, anew) end
    if anew then record.computed, record.home = 0, nil end
    record.attained, record.since = record.attained + sim.now - record.since, sim.now
    record.state = ({ recompute = "waiting", restart = "waiting", swap = "swapped", pause = "paused" })[how]
    record.preemptions = record.preemptions + 1
    if sim.now >= window.start then total.preemptions = total.preemptions + 1 end
    changed = true
    put_back(record, to or record.origin or sim.queue, place)
    count_requests()
    return true
  end

  -- Tokens of `todo` that the step has room for, 0: none. `wanted`: so many or none.
  local function chunk_of(replica, step, todo, wanted)
    local left = step.left()
    if wanted then return wanted <= left and math.min(wanted, todo) or 0 end
    if todo <= left then return todo end
    if replica.chunked then return math.max(0, left) end
    return #step.rows == 0 and todo > replica.token_budget and todo or 0
  end

  -- Blocks that admission takes, and that must be there: the reserve. No more than an empty pool would give.
  local function reserve_of(replica, record, least)
    local pool, reserve = replica.pool, replica.reserve
    local whole = pool.blocks(known(record))
    local spare = pool.total < math.huge and math.floor(replica.watermark * pool.total) or 0
    local takes = least
    if reserve == "prompt" then takes = whole end
    if reserve == "predicted" then takes = math.max(whole, pool.blocks(record.prompt + record.predicted)) end
    if reserve == "expected" then takes = math.max(whole, pool.blocks(record.prompt + says.expected(record))) end
    if reserve == "maximum" then takes = math.max(whole, pool.blocks(options.max_length)) end
    takes = math.max(least, math.min(takes, pool.total - spare))
    return takes, reserve == "sequence" and math.max(takes, whole) or takes, spare
  end

  -- Could the pool hold it to its end, if nothing else were there?
  local function could_hold(replica, record)
    local pool = replica.pool
    local spare = pool.total < math.huge and math.floor(replica.watermark * pool.total) or 0
    return pool.blocks(record.prompt + record.output) + spare <= pool.total
  end

  -- A waiting request is admitted, or a running one goes on, with so many tokens (nil: all that there is to do).
  local function add(replica, step, record, tokens)
    local pool, runs = replica.pool, record.state == "running"
    assert(not runs or record.home == replica, "it runs on another replica")
    if row_of(step, record) then return true end
    if record.in_flight then return false, "flight" end
    if not runs and replica.state == "draining" and not (record.state == "paused" and record.home == replica) then
      return false, "draining"
    end
    if options.several and record.state == "waiting" and not could_hold(replica, record) then return false, "elsewhere" end
    -- The step was composed when the one before it began, by those who were there.
    if options.async and not runs and not step.fresh and replica.running > 0 and replica.last_end == sim.now
      and record.arrival > replica.last_start then
      step.late = true
      return false, "late"
    end
    if not runs and replica.running >= replica.max_requests then return false, "requests" end
    if step.left() <= 0 then return false, "tokens" end
    local aside = record.state == "paused" or record.state == "handoff"
    if record.state == "moving" or aside and record.home ~= replica then return false, "elsewhere" end
    local found, shared, computed = 0, 0, record.computed
    if record.state == "waiting" then
      found, shared = pool.find(record, known(record))
      computed = found * pool.size
    end
    local todo = known(record) - computed
    local chunk = chunk_of(replica, step, todo, tokens)
    if record.state ~= "waiting" and record.emitted >= 1 and todo == 1 then chunk = step.left() > 0 and 1 or 0 end
    if chunk == 0 then return false, "tokens" end
    local takes = pool.blocks(computed + chunk)
    local asks, spare = takes, 0
    if record.state == "waiting" then takes, asks, spare = reserve_of(replica, record, takes) end
    if aside or record.state == "swapped" then -- what was set aside comes back as it was
      local _
      _, _, spare = reserve_of(replica, record, takes)
    end
    local has = #record.blocks + pool.in_use(record, found, shared) -- those found in the free list are taken from there
    if asks > has and asks - has + spare > pool.count() then return false, "memory" end
    if not runs then
      if record.state == "swapped" then
        host_used = host_used - computed
        replica.swap_s = replica.swap_s + swap.seconds_per_token * computed
      end
      record.origin, record.news = unqueue(record.req), -1
      admissions = admissions + 1
      record.waited, record.since = record.waited + sim.now - record.since, sim.now
      record.order, record.state, record.home, record.computed = admissions, "running", replica, computed
      record.fresh = not record.start -- not served before this step
      record.start, record.replica = record.start or sim.now, replica.id
      changed = true
      pool.reuse(record, found, shared)
      for _, other in ipairs(sim.replicas) do other.pool.forget(record) end -- what it left elsewhere, or did not find
      count_requests()
    end
    pool.take(record, math.max(0, takes - #record.blocks))
    pool.store(record, computed + chunk)
    add_row(step, record, chunk)
    return true
  end

  local function new_step(replica)
    local step = { rows = {}, requests = 0, tokens = 0, fresh = replica.running == 0 }
    setmetatable(step, { __index = function(_, name)
      if name == "budget" then return math.max(0, replica.token_budget - step.tokens) end
    end })
    function step.left() -- tokens; a batch of a pipeline is full with so many rows, too
      if replica.line and step.requests >= replica.line.most(replica.max_requests) then return 0 end
      return replica.token_budget - step.tokens
    end
    function step:add(req, tokens) return add(replica, step, record_of[req], tokens) end
    function step:admit(queue, n)
      local taken = 0
      while #queue > 0 and taken < (n or math.huge) do
        local ok, reason = add(replica, step, record_of[queue[1]])
        if not ok then return taken, reason end
        taken = taken + 1
      end
      return taken
    end
    function step:preempt(req, how, to, place) return preempt(replica, step, record_of[req], how, to, place) end
    function step:cost(seconds) step.seconds = (step.seconds or 0) + seconds end
    function step:estimate(more) -- as it is filled, and with a chunk more
      local prefill, context, host = more and more.prefill or 0, 0, replica.law.host
      for _, row in ipairs(step.rows) do if row.decode then context = context + row.record.computed + 1 end end
      local rows = step.requests + (prefill > 0 and 1 or 0)
      if rows == 0 then return nil end
      local seconds = replica.law.step(step.tokens + prefill, context, rows)
      return replica.line and replica.line.through(seconds - host, host, step.tokens + prefill) or seconds
    end
    -- Who of the running would stand last in an order: of equals the newest, or the oldest.
    local function last_in(order, equals, spares)
      local last, largest
      for _, record in ipairs(running_of(replica)) do
        local key = sim:key_of(record.req, order)
        local spared = record.in_flight or spares and spares(record)
        if not spared and (not last or key > largest or key == largest and equals == "newest") then
          last, largest = record, key
        end
      end
      return last, largest
    end
    -- As `admit`; where the first does not fit, who stands behind it makes room.
    function step:displace(queue, equals, age)
      local taken, preempted, most = 0, 0, replica.running
      local function spares(record) return age and record.emitted >= age * record.predicted end
      while #queue > 0 do
        local ok, why_not = add(replica, step, record_of[queue[1]])
        while not ok and (why_not == "memory" or why_not == "requests") do
          local last, key = last_in(queue.order, equals or "newest", spares)
          local head = queue[1]
          if not last or key <= sim:key_of(head, queue.order) or preempted == most then break end
          preempt(replica, step, last, "recompute")
          preempted = preempted + 1
          ok, why_not = add(replica, step, record_of[head])
        end
        if not ok then return taken, why_not, preempted end
        taken = taken + 1
      end
      return taken, nil, preempted
    end
    -- rule: what a decode must find free, "needed" (the default: what it needs) or "spare" (a block in any case).
    function step:carry(how)
      local preempted, rule = 0, type(how) == "table" and how.find or how
      local victim = type(how) == "table" and how.victim or "newest"
      if type(rule) == "table" then rule = nil end
      step.rule = rule
      while true do
        local plan, left, free, fits = {}, replica.token_budget - step.tokens, replica.pool.count(), true
        local rows = replica.line and replica.line.most(replica.max_requests) - step.requests or math.huge
        for _, decodes in ipairs{ true, false } do
          for _, record in ipairs(running_of(replica)) do
            if is_decode(record) == decodes and left >= 1 and #plan < rows and not record.in_flight
              and not row_of(step, record) then
              local tokens = math.min(known(record) - record.computed, left)
              left = left - tokens
              local need = math.max(0, replica.pool.blocks(record.computed + tokens) - #record.blocks)
              if need > free or (decodes and rule == "spare" and free < 1 and record.last > record.since) then fits = false end
              free = free - need
              table.insert(plan, { record = record, tokens = tokens })
            end
          end
        end
        if fits then
          for _, row in ipairs(plan) do assert(add(replica, step, row.record, row.tokens)) end
          return preempted
        end
        local running = running_of(replica)
        while running[#running].in_flight do table.remove(running) end
        local gives = running[#running]
        if victim == "oldest" then gives = last_in("admission", "newest") -- see key_of
        elseif victim ~= "newest" then gives = last_in(victim, "newest") end
        preempt(replica, step, gives, "recompute")
        preempted = preempted + 1
      end
    end
    -- All that run here and wait in `from`, in one order, as far as they fit; whoever runs and stands last makes room.
    function step:rank(rule)
      local queue, edges, per_token = rule.from or sim.queue, rule.edges or {}, rule.per_token or 0
      local function key_of(req)
        local key = (type(rule.by) == "function" and rule.by(req) or sim:key_of(req, rule.by)) + per_token * req.generated()
        if #edges == 0 then return key, math.huge end
        local below = 0
        while edges[below + 1] and edges[below + 1] <= key do below = below + 1 end
        return below, edges[below + 1] and per_token > 0 and edges[below + 1] - key or math.huge
      end
      local list, aside = {}, {}
      local function note(record, key, left, runs)
        table.insert(list, { record = record, key = key, left = left, runs = runs, place = #list })
      end
      for _, record in ipairs(running_of(replica)) do
        local key, left = key_of(record.req)
        if not row_of(step, record) and not record.in_flight then note(record, key, left, true) end
      end
      for i = 1, #queue do
        local key, left = key_of(queue[i])
        if queue.order then key = queue.keys[queue[i]] end -- it gives them their places
        note(record_of[queue[i]], key, left, false)
      end
      table.sort(list, function(a, b) if a.key ~= b.key then return a.key < b.key end return a.place < b.place end)
      local rows, preempted, least = 0, 0, math.huge
      local function last_behind(at)
        for i = #list, at + 1, -1 do
          if list[i].runs and not aside[list[i].record] and not row_of(step, list[i].record) then return list[i].record end
        end
      end
      for at, one in ipairs(list) do
        if rows >= (rule.most or math.huge) then break end
        if not aside[one.record] then
          local good, refused = add(replica, step, one.record)
          local victim = last_behind(at)
          while not good and rule.preempt and victim and (refused == "memory" or refused == "requests") do
            aside[victim], preempted = true, preempted + 1
            local how = rule.preempt == "pause" and refused == "memory" and "recompute" or rule.preempt
            if not preempt(replica, step, victim, how, queue, "back") then
              preempt(replica, step, victim, "recompute", queue, "back")
            end
            good, refused = add(replica, step, one.record)
            victim = last_behind(at)
          end
          if good then rows, least = rows + 1, math.min(least, one.left) end
          if not good and refused ~= "elsewhere" and refused ~= "late" then break end
        end
      end
      return rows, preempted, least < math.huge and math.ceil(least / per_token) or nil
    end
    -- most: tokens that each row gets at most.
    function step:barrier(most)
      step.static, step.slice = true, most or math.huge
      local returned = 0
      while true do
        local need, newest = 0, nil
        for _, row in ipairs(step.rows) do
          local record = row.record
          need = need + math.max(0, replica.pool.blocks(known(record) + part_of(step, record)) - #record.blocks)
          if not newest or record.order > newest.order then newest = record end
        end
        if need <= replica.pool.count() then break end
        local row, at = row_of(step, newest)
        table.remove(step.rows, at)
        step.requests, step.tokens = step.requests - 1, step.tokens - row.tokens
        replica.pool.release(newest, true)
        newest.state, newest.home, newest.computed = "waiting", nil, 0
        if newest.fresh then newest.start, newest.replica = nil, nil end
        newest.attained, newest.since = newest.attained + sim.now - newest.since, sim.now
        put_back(newest, newest.origin or sim.queue)
        count_requests()
        returned = returned + 1
      end
      for _, row in ipairs(step.rows) do
        local record = row.record
        replica.pool.take(record, math.max(0, replica.pool.blocks(known(record) + part_of(step, record)) - #record.blocks))
      end
      return returned
    end
    function step:quantum(n) step.most = n end
    function step:idle(until_time)
      step.deliberate = true
      if until_time then table.insert(timers, { time = until_time, call = function() end }) end
    end
    return step
  end

  -- --- runs of equal steps -------------------------------------------------------------------------------------------------

  local function report(replica)
    local run = replica.run
    replica.run, replica.span, replica.boundary, changed = nil, nil, false, true
    total.ends = total.ends + (run.used_at_start + run.used_at_end) / 2 * promises.part(window, run.from, run.stop)
    local step = { duration = run.stop - run.start, count = run.count, requests = #run.rows,
                   prefill_tokens = run.prefill, decode_tokens = run.decode }
    step.tbt = run.tbt or (run.decode > 0 and step.duration / step.count or 0)
    table.insert(result.runs, { replica = replica.id, start = run.start, stop = run.stop, count = run.count,
                                requests = #run.rows, prefill = run.prefill, decode = run.decode })
    moves.leave(replica)
    moves.send_on()
    if policy.stepped then policy:stepped(replica, step) end
  end

  -- Are there blocks for one more step of the decodes, one after the other?
  local function goes_on(replica)
    local free = replica.pool.count()
    for _, row in ipairs(replica.run.rows) do
      local need = math.max(0, replica.pool.blocks(row.record.computed + 1) - #row.record.blocks)
      if need > free or (replica.run.rule == "spare" and free < 1) then return false end
      free = free - need
    end
    return true
  end

  -- Of the step that begins: what its decodes alone would take. prompts: of others that step together with it.
  local function explain_step(replica, context, prompts)
    local run, decodes = replica.run, 0
    for _, row in ipairs(run.rows) do
      if row.decode then decodes = decodes + 1 else prompts = true end
    end
    local alone = decodes > 0 and replica.law.step(decodes, context, decodes) + replica.cost_s or 0
    replica.span = why.step(run, running_of(replica), sim.now, replica.swap_s - replica.cost_s, prompts, alone)
  end

  function begin_step(replica)
    local run = replica.run
    local tokens, context, duration = 0, 0
    replica.boundary = false
    if run.static then
      local longest, answer, first = 0, 0
      for _, row in ipairs(run.rows) do
        longest = math.max(longest, known(row.record))
        answer = math.max(answer, part_of(run, row.record))
      end
      duration, first = replica.law.barrier(#run.rows, longest, answer, replica.token_budget)
      run.before, replica.span = replica.swap_s, { static = true }
      run.first, run.tbt = sim.now + first + replica.swap_s, answer > 1 and (duration - first) / (answer - 1) or 0
    else
      for _, row in ipairs(run.rows) do
        local record = row.record
        replica.pool.take(record, math.max(0, replica.pool.blocks(record.computed + row.tokens) - #record.blocks))
        tokens = tokens + row.tokens
        if row.decode then context = context + record.computed + 1 end
      end
      if options.group then
        replica.held, run.step_start, run.step_end = { tokens = tokens, context = context }, sim.now, math.huge
        return
      end
      duration = replica.law.step(tokens, context, #run.rows)
      explain_step(replica, context, false)
    end
    run.step_start, run.step_end = sim.now, sim.now + duration + replica.swap_s
    replica.swap_s, replica.cost_s = 0, 0
  end

  -- Is none of them within a step?
  local function may_start(replica)
    for _, rank in ipairs(ranks_of(replica)) do
      if rank ~= replica and rank.run and not rank.boundary and not rank.held then return false end
    end
    return true
  end

  -- All have planned: what the ranks of a group hold begins, padded to the largest, and takes the time of the slowest.
  local function start_held()
    local any = false
    for _, replica in ipairs(sim.replicas) do
      local held, largest, prompts, slowest = {}, 0, false, 0
      for _, rank in ipairs(replica.held and ranks_of(replica) or {}) do
        if rank.held then
          table.insert(held, rank)
          largest = math.max(largest, rank.held.tokens)
          for _, row in ipairs(rank.run.rows) do prompts = prompts or not row.decode end
        end
      end
      for _, rank in ipairs(held) do
        local rows = prompts and #rank.run.rows or largest
        slowest = math.max(slowest, rank.law.step(largest, rank.held.context, rows) + rank.swap_s)
      end
      for _, rank in ipairs(held) do
        explain_step(rank, rank.held.context, prompts)
        rank.run.step_end, rank.held, rank.swap_s, rank.cost_s, any = sim.now + slowest, nil, 0, 0, true
      end
    end
    return any
  end

  -- The step becomes a batch on its way through the stages.
  local function start_flight(replica, step)
    local batch, context = { rows = step.rows, start = sim.now, prefill = 0, decode = 0 }, 0
    for _, row in ipairs(step.rows) do
      local record = row.record
      replica.pool.take(record, math.max(0, replica.pool.blocks(record.computed + row.tokens) - #record.blocks))
      if row.decode then context = context + record.computed + 1 end
      record.in_flight = true
    end
    local host, decodes = replica.law.host, 0
    for _, row in ipairs(step.rows) do decodes = decodes + (row.decode and 1 or 0) end
    local law, before = replica.law.step(step.tokens, context, #step.rows) - host, host + (step.seconds or 0)
    local alone = replica.law.step(decodes, context, decodes) - host
    why.flight(batch, sim.now, replica.line.through(law, before, step.tokens), replica.line.through(alone, before, decodes))
    replica.line.enter(batch, sim.now, law, before, step.tokens)
  end

  local function start_run(replica, step)
    replica.run = { rows = step.rows, count = 0, start = sim.now, from = sim.now, most = step.most, static = step.static,
                    slice = step.slice, rule = step.rule, prefill = 0, decode = 0 }
    replica.cost_s = step.seconds or 0
    replica.swap_s = replica.swap_s + replica.cost_s
    begin_step(replica)
    replica.run.used_at_start = replica.kv.used
  end

  -- Each row has its tokens. Who began before has a gap to them.
  local function end_static(replica, run)
    table.sort(run.rows, function(a, b) return a.record.order < b.record.order end)
    for _, row in ipairs(run.rows) do
      local record = row.record
      local tokens, before = part_of(run, record), record.last
      local own, first = replica.law.barrier(#run.rows, known(record), tokens, replica.token_budget)
      why.batch(record, sim.now - run.start, own + run.before, first + run.before, known(record))
      run.prefill, run.decode = run.prefill + known(record), run.decode + tokens
      local observed = sim.now > window.start
      if not before and tokens == record.output then
        observed = window.counts(record.number) and window.start <= sim.now
        record.tbt = run.tbt
      end
      if observed then
        total.gaps, total.gap_time = total.gaps + tokens - 1, total.gap_time + (tokens - 1) * run.tbt
        if before then total.gaps, total.gap_time = total.gaps + 1, total.gap_time + run.first - before end
      end
      for j = 0, tokens - 1 do table.insert(record.times, run.first + j * run.tbt) end
      record.first, record.last, record.emitted = record.first or run.first, sim.now, record.emitted + tokens
      record.computed = known(record) - 1
    end
  end

  -- The rows of a step, or of a batch of a pipeline, have computed their tokens. True if there were prompts; who is done.
  local function advance_rows(replica, run)
    local leaving, handed, prefill = {}, {}, false
    local observed = sim.now > window.start
    if observed then total.steps, total.rows = total.steps + 1, total.rows + #run.rows end
    for _, row in ipairs(run.rows) do
      local record = row.record
      if not run.static then
        record.computed = record.computed + row.tokens
        if row.decode then run.decode = run.decode + row.tokens else run.prefill, prefill = run.prefill + row.tokens, true end
        if record.computed == known(record) then
          record.emitted = record.emitted + 1
          table.insert(record.times, sim.now)
          if record.first and observed then
            total.gaps, total.gap_time = total.gaps + 1, total.gap_time + sim.now - record.last
          end
          record.first, record.last = record.first or sim.now, sim.now
          if record.emitted == 1 and record.output > 1 and replica.role == "prefill" then table.insert(handed, record) end
        end
      end
      if run.static or record.emitted >= record.output then table.insert(leaving, record) end
    end
    moves.hand_over(handed)
    for _, record in ipairs(leaving) do
      if record.emitted < record.output then
        preempt(replica, nobody, record, "recompute", nil, "back")
      else
        record.stop = sim.now
        replica.pool.release(record, false)
        bury(record)
        record.home = nil
        record.req.output_tokens = record.output
        if policy.finish then policy:finish(record.req, "done") end
      end
    end
    return prefill, leaving
  end

  -- A batch leaves the last stage.
  local function end_flight(replica, batch)
    for _, row in ipairs(batch.rows) do row.record.in_flight, row.record.span = nil, nil end
    changed = true
    advance_rows(replica, batch)
    local step = { duration = sim.now - batch.start, count = 1, requests = #batch.rows, prefill_tokens = batch.prefill,
                   decode_tokens = batch.decode }
    step.tbt = batch.decode > 0 and step.duration or 0
    table.insert(result.runs, { replica = replica.id, start = batch.start, stop = sim.now, count = 1,
                                requests = #batch.rows, prefill = batch.prefill, decode = batch.decode })
    moves.leave(replica)
    moves.send_on()
    if policy.stepped then policy:stepped(replica, step) end
  end

  local function move_stages(replica)
    local freed, left = replica.line.step(sim.now)
    for _, batch in ipairs(left) do end_flight(replica, batch) end
    if freed or #left > 0 then replica.ended = true end
  end

  -- The step that a replica is in ends.
  local function end_step(replica)
    local run = replica.run
    run.count, run.stop, run.used_at_end = run.count + 1, sim.now, replica.kv.used
    if not run.static then replica.last_start, replica.last_end = run.step_start, sim.now end
    if run.static then end_static(replica, run) end
    local prefill, leaving = advance_rows(replica, run)
    if prefill or #leaving > 0 or run.static or run.count == run.most or not goes_on(replica) then
      replica.ended = true
      report(replica)
    else
      replica.boundary = true -- goes on unless there is news
    end
  end

  local function schedule(replica)
    if replica.run then -- cut short
      report(replica)
      replica.ended = true
      if not (replica.state == "up" or replica.state == "draining") or not has_work(replica) then return end
    end
    local step = new_step(replica)
    building, planning, replica.ended, replica.building = step, true, false, true
    policy:schedule(replica, step)
    if #step.rows == 0 and not step.deliberate then step:carry() end -- what runs goes on where nothing is said
    if step.static then step:barrier(step.slice) end -- rows that were added after it was called
    building, planning, replica.building, replica.seen, replica.deliberate = nil, false, false, version, step.deliberate
    if step.late then step.most = 1 end
    if #step.rows == 0 then return end
    table.sort(step.rows, function(a, b)
      if a.decode ~= b.decode then return a.decode end
      return a.record.order < b.record.order
    end)
    if not replica.line then return start_run(replica, step) end
    start_flight(replica, step)
    replica.ended = replica.line.open()
  end

  -- --- events ----------------------------------------------------------------------------------------------------------------

  -- Could any pool hold it? The first replica of a group is asked.
  local function fits_somewhere(record)
    for id, replica in ipairs(sim.replicas) do
      local before = sim.replicas[id - 1]
      if (not before or before.group ~= replica.group) and could_hold(replica, record) then return true end
    end
    return false
  end

  local function arrive(record)
    local req = new_request(record)
    record.state, record.computed, record.emitted, record.preemptions = "waiting", 0, 0, 0
    record.waited, record.attained, record.since = 0, 0, sim.now
    record.blocks, record.times, record.arrived = {}, {}, true
    record.told, record.news = -1, -1
    why.begin(record)
    table.insert(alive, record)
    count_requests()
    changed = true
    if not fits_somewhere(record) then
      sim:reject(req, "memory")
    elseif sim.routes.arrivals then
      route_arrival(req, sim.routes.arrivals)
    elseif policy.arrive then
      policy:arrive(req)
      if record.state == "waiting" and not queue_of(req) then -- the policy holds it
        version = version + 1
        tell(req, version)
      end
    else
      sim.inbox:push(req)
    end
    sim.arrivals_ended = next_arrival > #options.requests
    if sim.arrivals_ended then general_news() end
  end

  -- --- what moves, and who comes and goes (transfers.lua, lifecycle.lua) ---------------------------------------------

  local world = { sim = sim, policy = policy, alive = alive, record_of = record_of, total = total, window = window,
                  links = options.links, failures = options.failures, unqueue = unqueue, put_back = put_back,
                  least_of_role = least_of_role, ranks_of = ranks_of, ranks = options.group or 1, general_news = general_news,
                  count_requests = count_requests, running_of = running_of, is_decode = is_decode, draw = options.draw,
                  qoe = options.qoe, prefix_unit = options.prefix_unit }
  function world.touch() changed = true end
  function world.notify(event) if policy.signal then table.insert(notices, event) end end
  function world.free_host(tokens) host_used = host_used - tokens end
  function world.change_one(replica)
    version = version + 1
    replica.told = version
    if not replica.run and not (replica.line and not replica.line.open()) then replica.ended = true end
  end
  -- Blocks come or go at once, not evenly over a run.
  function world.account(replica, change)
    local run = replica.run
    if run then
      total.ends = total.ends + (run.used_at_start + replica.kv.used) / 2 * promises.part(window, run.from, sim.now)
    end
    change()
    if sim.now >= window.start then total.peak = math.max(total.peak, replica.kv.used / replica.kv.capacity) end
    if run then run.used_at_start, run.from = replica.kv.used, sim.now end
  end
  -- It runs no more, and waits in no queue with its memory kept.
  function world.hand_out(record, state)
    local row, at
    if building then row, at = row_of(building, record) end
    if row then
      table.remove(building.rows, at)
      building.requests, building.tokens = building.requests - 1, building.tokens - row.tokens
    end
    why.lose(record)
    record.attained, record.since = record.attained + sim.now - record.since, sim.now
    record.state, record.news, changed = state, -1, true
    count_requests()
  end
  moves, life, says = transfers.open(world), lifecycle.open(world), beliefs.open(world)
  moves.hand_out = world.hand_out
  world.moves = moves

  -- What happened while hooks ran.
  local function follow_up()
    repeat
      life.follow_up()
      local list, any = notices, #notices > 0
      while #list > 0 do
        local event = table.remove(list, 1)
        local record = event.request and record_of[event.request]
        if event.kind == "copied" and record and record.state == "gone" then event.request, record = nil, nil end
        if not record or record.state ~= "gone" then
          for i = #(event.requests or {}), 1, -1 do
            if record_of[event.requests[i]].state == "gone" then table.remove(event.requests, i) end
          end
          policy:signal(event)
        end
      end
    until not any
  end

  -- The next event in the order of time, then kind: the end of a step (by replica), the arrival of memory, a replica that
  -- changes, an arrival, a timer.
  local function next_event()
    local best, lives
    local function offer(kind, time, call, alone)
      if time and (not best or time < best.time) then best = { time = time, kind = kind, call = call } end
      if time and not alone then lives = true end
    end
    for _, replica in ipairs(sim.replicas) do
      if replica.run and not replica.boundary then offer(1, replica.run.step_end, function() end_step(replica) end) end
      if replica.line then offer(1, replica.line.next(), function() move_stages(replica) end) end
    end
    offer(2, moves.next(), moves.arrive)
    life.offer(offer)
    local record = options.requests[next_arrival]
    if record then offer(4, record.arrival, function() next_arrival = next_arrival + 1 arrive(record) end) end
    for i, timer in ipairs(timers) do
      offer(5, timer.time, function() table.remove(timers, i) general_news() timer.call() end)
    end
    return lives and best -- failures to come do not keep a run alive
  end

  -- An instant goes through the kinds of events in order. What is due again at once waits for the next, which is at the same
  -- time; so do timers behind it, but not requests that arrive.
  local function live_instant()
    local kind = 0
    local function due(event) return event and event.time == sim.now end
    local event = next_event()
    while due(event) do
      local record = options.requests[next_arrival]
      if event.kind < kind and kind <= 4 and record and record.arrival == sim.now then
        next_arrival = next_arrival + 1
        arrive(record)
      elseif event.kind >= kind then
        kind = event.kind
        event.call()
      else
        return
      end
      event = next_event()
      if not (kind == 3 and due(event) and event.kind == 3) then -- replicas change all at once
        follow_up()
        event = next_event()
      end
    end
  end

  -- The instant is over.
  local function look(time)
    local opens = not warm and window.start <= time
    if changed or opens then service.look(options.requests, opens) end
    changed, warm = false, warm or opens
  end

  local function advance(time)
    look(math.max(sim.now, time > window.start and window.start or 0))
    local part = promises.part(window, sim.now, time)
    for _, record in ipairs(alive) do why.slice(record, sim.now, time) end
    for _, replica in ipairs(sim.replicas) do
      if sim.now < window.start and time >= window.start and replica.run then replica.run.used_at_start = replica.kv.used end
      if part > 0 then total.peak = math.max(total.peak, replica.kv.used / replica.kv.capacity) end
      total.memory = total.memory + replica.kv.used * part
      local dummy = not replica.run and not may_start(replica)
      local flying = replica.line and #replica.line.in_flight > 0
      local there = replica.state ~= "down" and replica.state ~= "off"
      local stands = not replica.run and not dummy and not flying and not replica.deliberate
        and (replica.state == "up" or replica.state == "draining")
      if there then
        total.present, total.room = total.present + part, total.room + part * replica.kv.capacity
      end
      if replica.run or dummy then total.busy = total.busy + part end
      if replica.line then total.busy = total.busy + part * replica.line.busy() end
      if not replica.run then total.ends = total.ends + replica.kv.used * part end
      if stands and has_own_work(replica) then total.idle = total.idle + part end
    end
    sim.now = time
  end

  -- Each replica's turn, in order of ids: it is scheduled if it needs it; a run without news goes on. True if any was
  -- scheduled: then an idle one may need it now, but a run that went on has had its turn at this instant.
  local function schedule_all()
    local any = false
    for _, replica in ipairs(sim.replicas) do
      local needs
      if replica.state ~= "up" and replica.state ~= "draining" then needs = false
      elseif replica.run then
        needs = replica.boundary and (has_news(replica) or not goes_on(replica)) -- others may have taken the blocks
        if replica.boundary and not needs then begin_step(replica) end
      elseif replica.line and not replica.line.open() then needs = false
      elseif has_work(replica) then needs = may_start(replica) and (replica.ended or has_news(replica))
      end
      while needs do
        schedule(replica)
        follow_up()
        any, needs = true, replica.line and replica.ended and has_work(replica) -- ahead, it may take several
      end
    end
    return any
  end

  local function plan()
    moves.send_on()
    repeat until not schedule_all() and not start_held()
    moves.send_on()
    for _, replica in ipairs(sim.replicas) do -- as if it had been called: what comes later is news
      if not replica.run and not has_work(replica) then replica.ended, replica.seen = false, version end
    end
  end

  local function new_replica(id, kind)
    kind = kind or setmetatable(options.kinds and options.kinds[id] or {}, { __index = options })
    local keep, unit = options.prefix_cache ~= false, options.prefix_unit or 1
    local pool = memory.new(kind.blocks or math.huge, kind.block or 16, keep, unit)
    local replica = { id = id, role = kind.role or "both", state = "up", kind = kind, pool = pool, seen = -1, told = 0,
                      ranks = options.group or 1,
                      swap_s = 0, cost_s = 0, boundary = false, ended = true,
                      chunked = true, reserve = options.reserve or "chunk", watermark = kind.watermark or 0,
                      max_requests = kind.max_requests or math.huge, token_budget = kind.token_budget or math.huge,
                      law = kind.latency, group = kind.group }
    replica.line = kind.pipeline and stages.new(kind.pipeline)
    replica.queue = simulator.new_queue(sim)
    replica.queue.owner = replica
    replica.kv = setmetatable({ capacity = pool.total * pool.size, block = pool.size }, { __index = function(_, name)
      if name == "free" then return pool.count() * pool.size end
      if name == "used" then return pool.used * pool.size end
    end })
    function replica.kv.fits(tokens) -- as admission asks
      return pool.total == math.huge or pool.blocks(tokens) + math.floor(replica.watermark * pool.total) <= pool.count()
    end
    function replica:cached(req)
      local record = record_of[req]
      return record.state == "waiting" and (pool.find(record, known(record))) * pool.size or 0
    end
    replica.drain, replica.undrain, replica.remove, replica.fail = life.drain, life.undrain, life.remove, life.fail
    function replica:each_running()
      local list, i = running_of(replica), 0
      return function()
        repeat i = i + 1 until not (replica.building and list[i] and list[i].in_flight)
        return list[i] and list[i].req
      end
    end
    function replica:estimate(shape)
      local prefill, decodes = shape.prefill or 0, shape.decodes or 0
      local seconds = replica.law.step(prefill + decodes, shape.context or 0, decodes + (prefill > 0 and 1 or 0))
      local host = replica.law.host
      return replica.line and replica.line.through(seconds - host, host, prefill + decodes) or seconds
    end
    says.replica(replica)
    return setmetatable(replica, { __index = function(_, name)
      if says.SUMS[name] then return says.sums_of(replica)[name] end
      if name == "running" then return #running_of(replica) end
      if name == "waiting" then return #replica.queue end
    end })
  end

  world.new_replica = new_replica
  function sim:group(name)
    local list = {}
    for _, replica in ipairs(self.replicas) do if replica.group == name then table.insert(list, replica) end end
    return list
  end
  sim.queue = simulator.new_queue(sim)
  sim.inbox = sim.queue
  for id = 1, options.kinds and #options.kinds or options.replicas or 1 do sim.replicas[id] = new_replica(id) end
  for i, record in ipairs(options.requests) do record.number, record.client = i, record.client or 0 end
  if policy.init then policy:init() end

  follow_up()

  while true do
    live_instant()
    plan()
    if not options.requests[next_arrival] and #alive == 0 then break end
    local event = next_event()
    if not event then break end
    if options.stop and event.time > options.stop then
      advance(options.stop)
      stopped = true
      break
    end
    advance(event.time)
  end

  -- --- measures --------------------------------------------------------------------------------------------------------------

  changed = true
  look(sim.now)
  for _, replica in ipairs(sim.replicas) do -- a run that was cut
    local run = replica.run
    local part = run and promises.part(window, run.from, sim.now) or 0
    if run then total.ends = total.ends + (run.used_at_start + replica.kv.used) / 2 * part end
    for _, row in ipairs(run and run.static and run.rows or {}) do
      row.record.first, row.record.tbt = row.record.first or run.first, run.tbt
    end
  end
  for i, record in ipairs(options.requests) do result.requests[i] = record end
  result.unfinished = #alive
  local served, finished, ttft, tpot, many, spent = 0, 0, 0, 0, 0, {}
  for i, record in ipairs(options.requests) do
    if record.stop then finished = finished + 1 end
    if record.stop and window.counts(i) then
      served, ttft = served + 1, ttft + record.first - record.arrival
      for name, seconds in pairs(record.parts) do spent[name] = (spent[name] or 0) + seconds end
      if record.output > 1 then
        many, tpot = many + 1, tpot + (record.stop - record.first) / (record.output - 1)
      end
    end
  end
  local measures = promises.measures(options.requests, window, sim.slo, sim.now, stopped)
  result.measures = measures
  measures.finished, measures.rejected, measures.unfinished = finished, #result.rejected, result.unfinished
  local more = answers.measures(options.requests, window.counts, options.qoe, stopped, sim.slo)
  for name, value in pairs(more) do measures[name] = value end
  for name, seconds in pairs(spent) do measures["why_" .. name .. "_s"] = seconds / served end
  measures.service_gap = warm and service.gap() or nil
  measures.preemptions, measures.idle_with_work_s = total.preemptions, total.idle
  measures.itl_mean_s = total.gaps > 0 and total.gap_time / total.gaps or nil
  measures.batch_mean = total.steps > 0 and total.rows / total.steps or nil
  measures.ttft_mean_s, measures.tpot_mean_s = served > 0 and ttft / served or nil, many > 0 and tpot / many or nil
  local replica_time = total.present
  measures.replica_s, measures.lost_s = total.present, total.lost
  if replica_time > 0 then measures.gpu_util = total.busy / replica_time end
  if total.room < math.huge and replica_time > 0 then
    measures.kv_mean = total.memory / total.room
    -- The same, where the mean of the first and last step of a run of equal steps stands for all of them.
    measures.kv_mean_of_ends = total.ends / total.room
  end
  if total.room < math.huge and measures.duration_s > 0 then measures.kv_peak = total.peak end
  return result
end

return steps
