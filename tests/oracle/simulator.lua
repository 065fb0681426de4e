-- A second simulator, for comparison only: the API of docs and the batch executor in the most obvious Lua, without a
-- heap, a sketch or a cache, and sharing nothing with the C core. Lists and linear scans; quadratic where that is plain.
--
--   local simulator = require "simulator"
--   local result = simulator.run{ policy = simulator.load("policies/static_fifo.lua"), requests = {...},
--                                 latency = simulator.law(0.010, 0.0002, 0.3) }
--   result.requests[i]: id, arrival, prompt, output, predicted, replica, start, first, stop (nil: never served)
--   result.batches[i]:  replica, start, stop, requests, longest, tokens;  result.series[name]: values given to sim:observe
--   result.measures:    by name

local promises = require "promises"

local simulator = {}

-- --- scripts: a closed environment with what policies may use ------------------------------------------------------

local function pick(from, names)
  local copy = {}
  for name in names:gmatch("%w+") do copy[name] = from[name] end
  return copy
end

local function environment()
  local env = pick(_G, "assert error ipairs next pairs select tonumber tostring type rawequal rawget rawset print")
  env.rawlen = rawlen
  env.math = pick(math, "abs ceil floor max min sqrt exp log fmod huge pi random")
  env.table = pick(table, "insert remove sort concat unpack")
  env.table.unpack = table.unpack or unpack -- luacheck: ignore (5.1)
  env.string = pick(string, "byte char format len lower upper sub rep")
  local loaded = {}
  function env.require(name)
    local file = assert(name:match("^mbsand%.([%w_]+)$"), "only mbsand.* can be required: " .. name)
    if not loaded[file] then loaded[file] = simulator.load("lua/mbsand/" .. file .. ".lua", env) end
    return loaded[file]
  end
  return env
end

function simulator.load(path, env)
  return assert(loadfile(path, "t", env or environment()))()
end

function simulator.load_text(text)
  return assert(load(text, "=policy", "t", environment()))()
end

-- --- latency: (requests, longest prompt + output, longest service) -> duration, first token, time between tokens ------

function simulator.law(alpha, beta, gamma, least)
  return function(b, longest)
    local between = beta * (1 + gamma * (b - 1) / b)
    local duration = alpha + longest * between
    if duration >= (least or 0) then return duration, alpha, between end
    return least, alpha, longest > 0 and (least - alpha) / longest or 0 -- the tokens spread over what there is
  end
end

function simulator.jobs(_, _, longest_service)
  return longest_service, longest_service, 0
end

-- --- queues and bins: arrays of requests, so that #queue is the length ----------------------------------------------

local function mean(list, field)
  local sum = 0
  for _, req in ipairs(list) do sum = sum + req[field] end
  return #list > 0 and sum / #list or 0
end

-- sim:changed(req) is told of every request that is queued, sim.queues has every queue.
function simulator.new_queue(sim, order)
  local key = type(order) == "function" and order or (order and function(req) return sim:key_of(req, order) end)
  local keys = {} -- as of the push
  local methods = { order = order, keys = keys }
  local function before(a, b) -- among equals the first that arrived
    if keys[a] ~= keys[b] then return keys[a] < keys[b] end
    return a.id < b.id
  end
  local function note(req) keys[req] = key and key(req) end
  function methods.push(queue, req)
    note(req)
    local at = #queue + 1
    while key and at > 1 and before(req, queue[at - 1]) do at = at - 1 end
    table.insert(queue, at, req)
    sim:changed(req)
  end
  function methods.push_front(queue, req)
    table.insert(queue, 1, req)
    sim:changed(req)
  end
  function methods.put_back(queue, req) -- one that was taken: first, or at its place
    note(req)
    local at = 1
    while key and queue[at] and before(queue[at], req) do at = at + 1 end
    table.insert(queue, at, req)
  end
  function methods.file_again(queue, req) -- if it is there
    if methods.remove(queue, req) then methods.put_back(queue, req) end
  end
  function methods.reorder(queue)
    for i = 1, #queue do note(queue[i]) end
    table.sort(queue, before)
  end
  function methods.pop_back(queue) return table.remove(queue) end
  function methods.peek_back(queue) return queue[#queue] end
  function methods.starved(...) return sim.starved(...) end
  function methods.longest_cached(...) return sim.longest_cached(...) end
  function methods.wait_estimate(...) return sim.wait_estimate(...) end
  function methods.pop(queue) return table.remove(queue, 1) end
  function methods.peek(queue) return queue[1] end
  function methods.remove(queue, req)
    for i = 1, #queue do if queue[i] == req then table.remove(queue, i) return true end end
    return false
  end
  function methods.each(queue)
    local i = 0
    return function() i = i + 1 return queue[i] end
  end
  local queue = setmetatable({}, {
    __index = function(queue, name)
      if name == "mean_prompt" then return mean(queue, "prompt_tokens") end
      if name == "mean_predicted" then return mean(queue, "predicted_output") end
      if name == "tokens" then return #queue * queue.mean_prompt end
      return methods[name]
    end,
    __call = function(_, _, options) -- sim:queue{...}
      local new, owner = simulator.new_queue(sim, options and options.by), options and options.of
      if owner then owner.queue, new.owner = new, owner end
      return new
    end,
  })
  table.insert(sim.queues, queue)
  return queue
end

function simulator.new_bins(sim, options)
  local edges = options.edges
  if options.rule then
    local path = options.rule:find(".lua", 1, true) and options.rule or "policies/bins/" .. options.rule .. ".lua"
    edges = simulator.load(path)(sim:sample(options.key), options.count, options)
  end
  local bins = {}
  local methods = { edges = {} }
  for _, edge in ipairs(edges) do -- equal neighbours are one
    if edge ~= methods.edges[#methods.edges] then table.insert(methods.edges, edge) end
  end
  for i = 1, #methods.edges + 1 do bins[i] = simulator.new_queue(sim) end
  function methods.push(_, req)
    local i, key = 1, sim:key_of(req, options.key)
    while i < #bins and key >= methods.edges[i] do i = i + 1 end
    bins[i]:push(req)
    return i
  end
  function methods.next(_, i)
    for step = 1, #bins do
      local j = (i + step - 1) % #bins + 1
      if #bins[j] > 0 then return j end
    end
  end
  function methods.longest()
    local best
    for i = 1, #bins do if #bins[i] > 0 and (not best or #bins[i] > #bins[best]) then best = i end end
    return best
  end
  function methods.oldest()
    local best
    for i = 1, #bins do
      local head, other = bins[i][1], best and bins[best][1]
      if head and (not best or head.arrival < other.arrival or (head.arrival == other.arrival and head.id < other.id)) then
        best = i
      end
    end
    return best
  end
  function methods.set_edges(_, new)
    local all = {}
    for i = 1, #bins do while #bins[i] > 0 do table.insert(all, bins[i]:pop()) end end
    table.sort(all, function(a, b) return a.id < b.id end)
    methods.edges = new
    for _, req in ipairs(all) do bins:push(req) end
  end
  return setmetatable(bins, { __index = methods })
end

-- --- the run ---------------------------------------------------------------------------------------------------------

function simulator.settings(policy, given)
  local params = {}
  for name, value in pairs(policy.params or {}) do params[name] = value end
  for name, value in pairs(given or {}) do
    assert(params[name] ~= nil, "unknown parameter " .. name)
    assert(not params[name] or type(params[name]) == type(value), "wrong type of parameter " .. name)
    params[name] = value
  end
  return params
end

-- options: policy, requests ({id, arrival, prompt, output, predicted[, service]} by arrival), latency; and, optional,
-- replicas (1), kv (tokens), params, slo, oracle, sample (length of the prefix, 5000), block_oversize, observing, stop (s),
-- warmup ({ requests = } or { seconds = }), failures ({ { at =, replica =, repair = }, ... }).
function simulator.run(options)
  local record_of, result = {}, { requests = {}, batches = {}, series = {}, rejected = {} }
  local sim = { now = 0, running = 0, waiting = 0, slo = options.slo or {}, replicas = {}, queues = {},
                arrivals_ended = false, observing = options.observing or false }
  local policy = setmetatable({ sim = sim, params = simulator.settings(options.policy, options.params) },
                              { __index = options.policy })
  local capacity, version, timers, next_arrival = options.kv or math.huge, 0, {}, 1
  local planning = false

  local function new_request(record)
    local req = { id = record.id, arrival = record.arrival, prompt_tokens = record.prompt,
                  predicted_output = record.predicted, output_tokens = options.oracle and record.output or nil,
                  client = record.client, priority = record.priority or 0, user = {} }
    function req.waited() return (record.start or sim.now) - record.arrival end
    record_of[req] = record
    return setmetatable(req, { __index = function(_, name) error("a request has no field " .. name, 2) end })
  end

  function sim:changed() if not planning then version = version + 1 end end -- what `schedule` does is no news
  function sim:key_of(req, key)
    if key == "predicted_total" then return req.prompt_tokens + req.predicted_output end
    return req[key]
  end
  function sim:sample(key)
    local values = {}
    for i = 1, options.oracle and #options.requests or math.min(#options.requests, options.sample or 5000) do
      values[i] = self:key_of(new_request(options.requests[i]), key)
    end
    table.sort(values)
    return values
  end
  function sim:observe(name, value)
    result.series[name] = result.series[name] or {}
    table.insert(result.series[name], value)
  end
  function sim:bins(fields) return simulator.new_bins(self, fields) end
  function sim:random() return math.random() end
  function sim:log() end
  function sim:after(delay, call) table.insert(timers, { time = self.now + delay, call = call }) end
  function sim:every(delay, call)
    self:after(delay, function() call() self:every(delay, call) end)
  end
  local function unqueue(req)
    for _, queue in ipairs(sim.queues) do if queue:remove(req) then return queue end end
  end
  function sim:reject(req, reason)
    unqueue(req)
    self.waiting = self.waiting - 1
    record_of[req].rejected = self.now
    table.insert(result.rejected, { id = req.id, reason = reason })
    if policy.finish then policy:finish(req, "rejected") end
  end

  local function new_step(replica)
    local step = { requests = 0, tokens = 0 }
    function step:add(req)
      local need = req.prompt_tokens + record_of[req].output
      if replica.running >= replica.max_requests then return false, "requests" end
      if need > replica.kv.free then return false, "memory" end
      record_of[req].origin = unqueue(req)
      table.insert(replica.batch, req)
      replica.kv.used, replica.kv.free = replica.kv.used + need, replica.kv.free - need
      replica.running, sim.running, sim.waiting = replica.running + 1, sim.running + 1, sim.waiting - 1
      self.requests, self.tokens = self.requests + 1, self.tokens + req.prompt_tokens
      return true
    end
    function step:admit(queue, n)
      local taken = 0
      while #queue > 0 and taken < (n or math.huge) do
        local ok, reason = self:add(queue[1])
        if not ok then return taken, reason end
        taken = taken + 1
      end
      return taken
    end
    function step.barrier() return 0 end
    function step:idle(until_time)
      if until_time then sim:after(until_time - sim.now, function() end) end
    end
    return step
  end

  local function start(replica)
    local longest, service = 0, 0
    for _, req in ipairs(replica.batch) do
      local record = record_of[req]
      longest = math.max(longest, record.prompt + record.output)
      service = math.max(service, record.service or 0)
    end
    local duration, first, tbt = options.latency(#replica.batch, longest, service)
    for _, req in ipairs(replica.batch) do
      local record = record_of[req]
      record.replica, record.start, record.first, record.tbt = replica.id, sim.now, sim.now + first, tbt
    end
    replica.finishes = { time = sim.now + duration, duration = duration, tbt = tbt }
    table.insert(result.batches, { replica = replica.id, start = sim.now, stop = sim.now + duration,
                                   requests = #replica.batch, longest = longest, tokens = replica.kv.used })
    replica.finishes.order = #result.batches
  end

  local function finish(replica)
    local step = { duration = replica.finishes.duration, tbt = replica.finishes.tbt, count = 1,
                   requests = #replica.batch, prefill_tokens = 0, decode_tokens = 0 }
    local batch = replica.batch
    replica.batch, replica.finishes, replica.running = {}, nil, 0
    replica.kv.used, replica.kv.free = 0, capacity
    sim.running = sim.running - #batch
    for _, req in ipairs(batch) do
      local record = record_of[req]
      record.stop = sim.now
      step.prefill_tokens = step.prefill_tokens + record.prompt
      step.decode_tokens = step.decode_tokens + record.output
      req.output_tokens = record.output
      if policy.finish then policy:finish(req, "done") end
    end
    replica.seen = -1
    if policy.stepped then policy:stepped(replica, step) end
  end

  -- --- failures ------------------------------------------------------------------------------------------------------

  local window, failures, lost_s = promises.window(options.requests, options.warmup), {}, 0
  for i, failure in ipairs(options.failures or {}) do failures[i] = failure end

  -- The batch under way never was: who is in it waits again, in front, in order of admission.
  local function fail(replica, repair)
    for i = #replica.batch, 1, -1 do
      local record = record_of[replica.batch[i]]
      record.replica, record.start, record.first, record.tbt = nil, nil, nil, nil;
      (record.origin or sim.queue):put_back(replica.batch[i])
    end
    if replica.finishes then
      local batch = result.batches[replica.finishes.order]
      batch.failed, batch.stop = true, sim.now
      if sim.now >= window.start then lost_s = lost_s + sim.now - batch.start end
    end
    sim.running, sim.waiting = sim.running - #replica.batch, sim.waiting + #replica.batch
    replica.batch, replica.finishes, replica.running = {}, nil, 0
    replica.kv.used, replica.kv.free = 0, capacity
    replica.up_at, version = sim.now + (repair or math.huge), version + 1
    table.insert(replica.downs, { from = sim.now, to = replica.up_at })
  end

  local function rise(replica) replica.up_at, version = nil, version + 1 end

  local function arrive(record)
    local req = new_request(record)
    record.arrived = true
    sim.waiting = sim.waiting + 1
    sim:changed()
    if record.prompt + record.output > capacity and not options.block_oversize then
      sim:reject(req, "memory")
    elseif policy.arrive then
      policy:arrive(req)
    else
      sim.inbox:push(req)
    end
    sim.arrivals_ended = next_arrival > #options.requests
  end

  -- The next event in the order of time, then kind: the end of a batch, an arrival, a timer.
  local function next_event()
    local best, lives
    local function offer(time, call, alone)
      if time and time < math.huge and (not best or time < best.time) then best = { time = time, call = call } end
      if time and time < math.huge and not alone then lives = true end
    end
    local ends = {}
    for _, replica in ipairs(sim.replicas) do if replica.finishes then table.insert(ends, replica) end end
    table.sort(ends, function(a, b) return a.finishes.order < b.finishes.order end)
    for _, replica in ipairs(ends) do offer(replica.finishes.time, function() finish(replica) end) end
    for id, replica in ipairs(sim.replicas) do
      offer(replica.up_at, function() rise(replica) end)
      for i, failure in ipairs(failures) do
        if failure.replica == id then
          offer(failure.at, function()
            table.remove(failures, i)
            if not replica.up_at then fail(replica, failure.repair) end
          end, true)
        end
      end
    end
    local record = options.requests[next_arrival]
    if record then offer(record.arrival, function() next_arrival = next_arrival + 1 arrive(record) end) end
    for i, timer in ipairs(timers) do
      offer(timer.time, function() table.remove(timers, i) sim:changed() timer.call() end)
    end
    return lives and best
  end

  sim.queue = simulator.new_queue(sim)
  sim.inbox = sim.queue
  for id = 1, options.replicas or 1 do
    sim.replicas[id] = { id = id, running = 0, batch = {}, seen = -1, downs = {}, max_requests = math.huge,
      kv = { capacity = capacity, used = 0, free = capacity } }
    sim.replicas[id].kv.fits = function(tokens) return tokens <= sim.replicas[id].kv.free end
    sim.replicas[id].estimate = function(shape) return (options.latency(shape.requests, shape.tokens, shape.service)) end
  end
  if policy.init then policy:init() end

  local stopped = false
  while true do
    local event = next_event()
    if not event or (not options.requests[next_arrival] and sim.waiting + sim.running == 0) then break end
    if options.stop and event.time > options.stop then
      sim.now, stopped = options.stop, true
      break
    end
    sim.now = event.time
    event.call()
    local following = next_event()
    if not following or following.time > sim.now then -- nothing more happens now: offer the idle replicas their turn
      for _, replica in ipairs(sim.replicas) do
        if not replica.finishes and not replica.up_at and sim.waiting > 0 and replica.seen ~= version then
          replica.seen, planning = version, true
          policy:schedule(replica, new_step(replica))
          planning = false
          if #replica.batch > 0 then start(replica) end
        end
      end
    end
  end
  for i, record in ipairs(options.requests) do result.requests[i] = record end
  result.unfinished, result.finish = sim.waiting + sim.running, sim.now
  result.measures = simulator.measures(options, result, sim, stopped)
  result.measures.lost_s = lost_s
  return result
end

function simulator.measures(options, result, sim, stopped)
  local window, finish = promises.window(options.requests, options.warmup), sim.now
  local measures = promises.measures(options.requests, window, sim.slo, finish, stopped)
  local busy, memory, peak, batches, members = 0, 0, 0, 0, 0
  for _, batch in ipairs(result.batches) do
    local part = promises.part(window, batch.start, math.min(batch.stop, finish))
    busy, memory = busy + part, memory + part * batch.tokens
    if batch.stop > window.start then peak = math.max(peak, batch.tokens) end
    if batch.stop > window.start and batch.stop <= finish and not batch.failed then
      batches, members = batches + 1, members + batch.requests
    end
  end
  measures.rejected, measures.unfinished = #result.rejected, result.unfinished
  measures.batches, measures.batch_mean = batches, batches > 0 and members / batches or nil
  local all = measures.duration_s * #sim.replicas
  for _, replica in ipairs(sim.replicas) do
    for _, down in ipairs(replica.downs) do all = all - promises.part(window, down.from, math.min(down.to, finish)) end
  end
  measures.replica_s = all
  if all == 0 then return measures end
  measures.gpu_util = busy / all
  if options.kv then measures.kv_peak, measures.kv_mean = peak / options.kv, memory / (all * options.kv) end
  return measures
end

return simulator
