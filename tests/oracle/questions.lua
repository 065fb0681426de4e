-- Everything that a policy may ask of the simulation, for the random policy: whatever is asked, of whom, from which hook and
-- before anything else was looked at, jumping and stepping must answer the same.

-- A number for any answer, so that sim:observe can take it.
local function number(value)
  if value == nil then return -1 end
  if value == true or value == false then return value and 1 or 0 end
  if type(value) == "string" then
    local sum = 0
    for i = 1, #value do sum = (sum * 31 + value:byte(i)) % 1000003 end
    return sum
  end
  if type(value) == "table" then return value.id or #value end
  return value ~= value and -2 or value == math.huge and -3 or value
end

-- Several answers at once.
local function all(next_one, of)
  local sum, count = 0, 0
  for req in next_one do
    count = count + 1
    sum = (sum * 7 + number(of(req))) % 1000003
  end
  return sum + count / 1024
end

local may = { wait = false } -- whole batches and pipelines refuse it

local QUESTIONS = {
  sim = {
    now = function(sim) return sim.now end,
    running = function(sim) return sim.running end,
    waiting = function(sim) return sim.waiting end,
    ended = function(sim) return sim.arrivals_ended end,
    inbox = function(sim) return #sim.inbox end,
    replicas = function(sim) return #sim.replicas end,
    oracle = function(sim) return sim.oracle end,
    observing = function(sim) return sim.observing end,
    slo = function(sim) return sim.slo.e2e end,
    cluster = function(sim) return sim.cluster.max_requests end,
    random = function(sim) return sim:random() end,
    sample = function(sim) return #sim:sample("predicted_total") end,
  },
  client = {
    prompt = function(client) return client.prompt_tokens end,
    output = function(client) return client.output_tokens end,
    waiting = function(client) return client.waiting end,
    running = function(client) return client.running end,
    name = function(client) return client.name end,
  },
  replica = {
    id = function(replica) return replica.id end,
    role = function(replica) return replica.role end,
    state = function(replica) return replica.state end,
    running = function(replica) return replica.running end,
    waiting = function(replica) return replica.waiting end,
    queue = function(replica) return #replica.queue end,
    max_requests = function(replica) return replica.max_requests end,
    token_budget = function(replica) return replica.token_budget end,
    chunked = function(replica) return replica.chunked end,
    reserve = function(replica) return replica.reserve end,
    watermark = function(replica) return replica.watermark end,
    capacity = function(replica) return replica.kv.capacity end,
    used = function(replica) return replica.kv.used end,
    free = function(replica) return replica.kv.free end,
    block = function(replica) return replica.kv.block end,
    fits = function(replica, draw) return replica.kv.fits(math.floor(draw() * 400)) end,
    estimate = function(replica, draw)
      return replica:estimate{ prefill = math.floor(draw() * 9), decodes = math.floor(draw() * 9), context = 100 }
    end,
    decodes = function(replica) return replica.decodes end,
    prefills = function(replica) return replica.prefills end,
    prefill_left = function(replica) return replica.prefill_left end,
    context = function(replica) return replica.context end,
    due = function(replica) return replica.due end,
    peak = function(replica) return replica:peak() end,
    group = function(replica) return replica.group end,
    seen = function(replica)
      local seen = replica.seen
      return seen.time + 3 * seen.running + 5 * seen.waiting + 7 * seen.waiting_tokens + 11 * seen.decodes + seen.context
        + 13 * seen.kv_used + number(seen.kv_free)
    end,
    chunk = function(replica, draw)
      return replica:longest_chunk(0.05 * draw(), math.floor(draw() * 9), 9 + math.floor(draw() * 99))
    end,
    each = function(replica) return all(replica:each_running(), function(req) return req end) end,
    computed = function(replica) return all(replica:each_running(), function(req) return req:computed() end) end,
    generated = function(replica) return all(replica:each_running(), function(req) return req:generated() end) end,
    phases = function(replica) return all(replica:each_running(), function(req) return req:phase() end) end,
  },
  queue = {
    length = function(queue) return #queue end,
    tokens = function(queue) return queue.tokens end,
    mean_prompt = function(queue) return queue.mean_prompt end,
    mean_predicted = function(queue) return queue.mean_predicted end,
    wait = function(queue) return may.wait and queue:wait_estimate() or nil end,
    starved = function(queue, draw)
      local list, at = queue:starved(draw() < 0.5 and 0 or 0.3 * draw(), draw() < 0.5 and draw() or nil), 0
      return all(function()
        at = at + 1
        return list[at]
      end, function(req) return req end)
    end,
    cached = function(queue, draw, sim)
      local replica, few, beginning = sim.replicas[1 + math.floor(draw() * #sim.replicas)], draw() < 0.5, draw() < 0.5
      local req, tokens = queue:longest_cached(replica, few and 1 + 9 * draw() or nil,
        beginning and math.floor(draw() * 40) or nil, beginning and {} or nil)
      return req and req.id + 1000 * tokens
    end,
    peek = function(queue) return queue:peek() end,
    last = function(queue) return queue:peek_back() end,
    each = function(queue) return all(queue:each(), function(req) return req end) end,
    generated = function(queue) return all(queue:each(), function(req) return req:generated() end) end,
  },
  bins = {
    count = function(bins) return #bins end,
    next_one = function(bins, draw) return bins:next(math.floor(draw() * (#bins + 1))) end,
    longest = function(bins) return bins:longest() end,
    oldest = function(bins) return bins:oldest() end,
    edges = function(bins) return bins.edges[1] end,
  },
  request = {
    generated = function(req) return req:generated() end,
    computed = function(req) return req:computed() end,
    waited = function(req) return req:waited() end,
    attained = function(req) return req:attained() end,
    preemptions = function(req) return req:preemptions() end,
    failures = function(req) return req:failures() end,
    first_token_at = function(req) return req:first_token_at() end,
    phase = function(req) return req:phase() end,
    session = function(req) return req.session end,
    prefix = function(req) return req.prefix and #req.prefix end,
    class = function(req) return req.class end,
    slo = function(req)
      local slo = req.slo
      return number(slo.e2e) + 3 * number(slo.ttft) + 5 * number(slo.tbt) + 7 * number(slo.gap)
        + number(slo.qoe and slo.qoe.speed)
    end,
    max_output = function(req) return req.max_output end,
    rank = function(req) return req:rank() end,
    clock = function(req)
      local served, waited = req:clock()
      return served + 3 * waited
    end,
    gain = function(req, draw) return req:qoe_gain{ horizon = 0.001 + draw(), speed = 30, ttft = draw() } end,
    predict = function(req, draw)
      local what = ({ "output", "low", "high" })[1 + math.floor(draw() * 4)]
      return req:predict(what or 0.01 + 0.98 * draw())
    end,
    deadline = function(req) return req.deadline end,
    facts = function(req) return req.arrival + req.prompt_tokens + req.predicted_output + req.client + req.priority end,
  },
  building = {
    tokens = function(step) return step.tokens end,
    requests = function(step) return step.requests end,
    budget = function(step) return step.budget end,
    seconds = function(step, draw)
      return step:estimate{ prefill = math.floor(draw() * 9), prefix = math.floor(draw() * 9) }
    end,
  },
  report = {
    tokens = function(step) return step.tokens end,
    requests = function(step) return step.requests end,
    duration = function(step) return step.duration end,
    count = function(step) return step.count end,
    prefill = function(step) return step.prefill_tokens end,
    decode = function(step) return step.decode_tokens end,
    tbt = function(step) return step.tbt end,
    longest = function(step) return step.longest end,
  },
}

local NAMES = {} -- in an order that every Lua agrees on
for kind, list in pairs(QUESTIONS) do
  NAMES[kind] = {}
  for name in pairs(list) do table.insert(NAMES[kind], name) end
  table.sort(NAMES[kind])
end

local questions = { may = may }

local function pick(draw, list) return list[1 + math.floor(draw() * #list)] end

-- Ask a few questions from the hook `where`, each of something drawn by chance. asker: sim, draw() and what it knows of:
-- requests (a list of those in the system), queues, bins (or nil). step: the one that is being built ("building"), or one that
-- ended ("report"), or nil.
function questions.ask(asker, where, step, what_step)
  local sim, draw = asker.sim, asker.draw
  local subjects = {
    sim = sim, replica = pick(draw, sim.replicas), queue = pick(draw, asker.queues), bins = asker.bins,
    request = #asker.requests > 0 and pick(draw, asker.requests) or nil, [what_step or "building"] = step,
    client = sim.clients[math.floor(draw() * 3)], -- nil: none came yet
  }
  local kinds = {}
  for _, kind in ipairs{ "sim", "client", "replica", "replica", "queue", "bins", "request", "request", "building", "report" } do
    if subjects[kind] then table.insert(kinds, kind) end
  end
  for _ = 1, 1 + math.floor(draw() * 3) do
    if subjects.request and draw() < 0.3 then
      sim:observe(where .. ".cached", subjects.replica:cached(subjects.request))
    else
      local kind = pick(draw, kinds)
      local name = pick(draw, NAMES[kind])
      sim:observe(where .. "." .. kind .. "." .. name, number(QUESTIONS[kind][name](subjects[kind], draw, sim)))
    end
  end
end

local UNREAD = { random = true, sample = true } -- they draw, or read a file
local OF_STEPS = { seconds = true, estimate = true, chunk = true }

-- Everything that can be asked of these, by kind, once. whole: of whole batches.
function questions.read(subjects, whole)
  for _, kind in ipairs{ "sim", "client", "replica", "queue", "bins", "request", "building", "report" } do
    for _, name in ipairs(subjects[kind] and NAMES[kind] or {}) do
      if not UNREAD[name] and not (whole and OF_STEPS[name]) then
        QUESTIONS[kind][name](subjects[kind], function() return 0.5 end, subjects.sim)
      end
    end
  end
end

return questions
