-- Continuous batching: the C program against the second simulator (steps.lua), request by request.
--
--   lua5.4 tests/oracle/compare_steps.lua [FILES [SEED [POLICY]]]       (from the repository root; 60 files, seed 1)
--
-- First the cases worked by hand (worked.lua), then random ones: a file is a random workload on a random cluster with a
-- random latency law, under seven random policies (or POLICY alone). Starts, first tokens, ends, preemptions and summary
-- measures must agree to 1e-9 relative; and, since the policies write down what they see, so must every call of
-- `schedule` and `stepped`, what a step could take, and free memory. What disagrees is printed, and its file is kept.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local csv = require "csv"
local dice = require "dice"
local program = require "program"
local simulator = require "simulator"
local steps = require "steps"
local why = require "why"
local worked = require "worked"

local FILES, SEED, ONLY = tonumber(arg[1]) or 60, tonumber(arg[2]) or 1, arg[3]
local POLICIES_PER_FILE = 7
local number, literal, same = program.number, program.literal, program.same
local random = program.random(SEED)
local uniform, whole, pick, chance = random.uniform, random.whole, random.pick, random.chance

-- --- policies --------------------------------------------------------------------------------------------------------

-- Around every policy: what it is told and what it answers goes to sim:observe.
local WATCHED = [[
local Policy = (function()
%s
end)()
local schedule, stepped = Policy.schedule, Policy.stepped
function Policy:schedule(replica, step)
  local sim = self.sim
  sim:observe("schedule", replica.id)
  sim:observe("running", replica.running)
  sim:observe("waiting", sim.waiting)
  if replica.kv.free < 1e15 then sim:observe("free", replica.kv.free) end
  schedule(self, replica, step)
  sim:observe("requests", step.requests)
  sim:observe("tokens", step.tokens)
  if step.budget < 1e15 then sim:observe("budget", step.budget) end
end
function Policy:stepped(replica, step)
  local sim = self.sim
  sim:observe("stepped", replica.id)
  sim:observe("duration", step.duration)
  sim:observe("count", step.count)
  sim:observe("rows", step.requests)
  sim:observe("prefill", step.prefill_tokens)
  sim:observe("decode", step.decode_tokens)
  sim:observe("tbt", step.tbt)
  if stepped then stepped(self, replica, step) end
end
local finish = Policy.finish
function Policy:finish(req, why)
  self.sim:observe(why, req.id)
  if finish then finish(self, req, why) end
end
return Policy
]]

-- Sources; %(name) draws are made by `make`, so each use differs. Only what runs on one replica may be paused or swapped:
-- `one` says so.
local POLICIES = {}

POLICIES.fcfs = { make = function() return [[
local P = {}
function P:schedule(replica, step)
  if step:carry() == 0 then step:admit(self.sim.queue) end
end
return P]] end }

POLICIES.quantum = { make = function() return ([[
local P = {}
function P:schedule(replica, step)
  step:carry()
  step:admit(self.sim.queue, %d)
  step:quantum(%d)
end
return P]]):format(whole(1, 3), whole(1, 6)) end }

POLICIES.prompts_first = { make = function() return ([[
local P = {}
function P:schedule(replica, step)
  replica.chunked = %s
  if step:admit(self.sim.queue) == 0 then step:carry() end
end
return P]]):format(tostring(chance(0.5))) end }

POLICIES.whole_prompts = { make = function() return [[
local P = {}
function P:schedule(replica, step)
  replica.chunked = false
  step:carry()
  step:admit(self.sim.queue)
end
return P]] end }

-- The shortest predicted first; the longest of the running gives way to a shorter one.
POLICIES.shortest = { make = function(one) return ([[
local P = {}
function P:init()
  self.waiting = self.sim:queue{ by = "predicted_output" }
  self.sim.inbox = self.waiting
end
function P:schedule(replica, step)
  local head = self.waiting:peek()
  if head and head:phase() == "waiting" and replica.running > 0 then
    local longest
    for req in replica:each_running() do
      if not longest or req.predicted_output >= longest.predicted_output then longest = req end
    end
    if longest and head.predicted_output < longest.predicted_output and longest:preemptions() < 3 then
      step:preempt(longest, "%s", self.waiting)
    end
  end
  step:carry()
  step:admit(self.waiting)
end
return P]]):format(one and pick{ "recompute", "pause", "swap" } or "recompute") end }

POLICIES.priority = { make = function(one) return ([[
local P = {}
function P:init() self.sim.inbox = self.sim:queue{ by = "priority" } end
function P:schedule(replica, step)
  replica.max_requests = %d
  local head = self.sim.inbox:peek()
  if head and replica.running >= replica.max_requests then
    local least
    for req in replica:each_running() do
      if not least or req.priority <= least.priority then least = req end
    end
    if least and least.priority < head.priority then step:preempt(least, "%s", nil, "%s") end
  end
  step:carry()
  step:admit(self.sim.inbox)
end
return P]]):format(whole(1, 4), one and pick{ "recompute", "pause", "swap" } or "recompute", pick{ "front", "back" }) end }

-- Round robin to the replicas' own queues.
POLICIES.router = { make = function() return ([[
local P = { params = {} }
function P:init() self.last = 0 end
function P:arrive(req)
  self.last = self.last %% #self.sim.replicas + 1
  self.sim.replicas[self.last].queue:push(req)
end
function P:schedule(replica, step)
  if step:carry() == 0 then step:admit(replica.queue) end
  %s
end
return P]]):format(chance(0.5) and "step:quantum(3)" or "") end }

-- The same, said once.
POLICIES.routed = { make = function() return ([[
local P = {}
function P:init() self.sim:route("%s") end
function P:schedule(replica, step)
  if step:carry() == 0 then step:admit(replica.queue, %d) end
  step:admit(self.sim.queue)
end
return P]]):format(pick{ "turns", "load", "running", "waiting", "random", "two" }, whole(1, 9)) end }

-- To the emptiest; one that is preempted moves to another replica.
POLICIES.migrating = { make = function() return [[
local P = {}
function P:arrive(req)
  local best
  for _, replica in ipairs(self.sim.replicas) do
    local load = replica.running + #replica.queue
    if not best or load < best.load then best = { replica = replica, load = load } end
  end
  best.replica.queue:push(req)
end
function P:schedule(replica, step)
  local other = self.sim.replicas[replica.id % #self.sim.replicas + 1]
  if replica.running >= other.running + 2 then
    local newest
    for req in replica:each_running() do newest = req end
    if newest and newest:preemptions() < 3 then step:preempt(newest, "recompute", other.queue, "back") end
  end
  step:carry()
  step:admit(replica.queue)
end
return P]] end }

-- Time slices: n steps each, in turn.
POLICIES.slices = { make = function(one) return ([[
local P = {}
function P:schedule(replica, step)
  local queue = %s
  local next_one = replica:each_running()
  local current = next_one()
  if current and current:preemptions() < 9 then step:preempt(current, "%s", queue, "back") end
  step:admit(queue, %d)
  if step.requests == 0 then step:carry() end
  step:quantum(%d)
end
%s
return P]]):format(one and "self.sim.queue" or "replica.queue", pick{ "recompute", "pause", "swap" }, whole(1, 2), whole(1, 4),
  one and "" or "function P:arrive(req) self.sim.replicas[req.id % #self.sim.replicas + 1].queue:push(req) end") end }

-- Chunks at random: some of the running, some of the waiting.
POLICIES.chunks = { make = function() return ([[
local P = {}
function P:init() self.state = %d end
function P:draw(n)
  self.state = self.state * 48271 %% 2147483647
  return self.state %% n
end
function P:schedule(replica, step)
  local list = {}
  for req in replica:each_running() do list[#list + 1] = req end
  for _, req in ipairs(list) do
    local chunk = 1 + self:draw(8)
    if self:draw(4) > 0 then step:add(req, req:phase() == "decode" and 1 or chunk) end
  end
  while self.sim.queue:peek() and self:draw(5) > 0 do
    if not step:add(self.sim.queue:peek(), 1 + self:draw(8)) then break end
  end
  if step.requests == 0 then
    step:carry()
    if step.requests == 0 then step:admit(self.sim.queue) end
  end
end
return P]]):format(whole(1, 2147483646)) end }

-- The policy keeps arrivals itself, and lets go of them one by one; it turns some away.
POLICIES.holding = { make = function() return ([[
local P = {}
function P:init() self.held, self.first, self.last = {}, 1, 0 end
function P:arrive(req)
  if req.id %% 11 == 5 then return self.sim:reject(req, "unwanted") end
  self.last = self.last + 1
  self.held[self.last] = req
end
function P:schedule(replica, step)
  step:carry()
  step:admit(self.sim.queue)
  for _ = 1, %d do
    local req = self.held[self.first]
    if not req or not step:add(req) then return end
    self.held[self.first] = nil
    self.first = self.first + 1
  end
end
return P]]):format(whole(1, 4)) end }

-- Admission only when a timer says so; another timer changes the order of two queues.
POLICIES.timers = { make = function() return ([[
local P = {}
function P:init()
  self.open, self.second = true, self.sim:queue{}
  self.sim:after(%s, function() self.open = not self.open end)
  for i = 1, 20 do
    self.sim:after(i * %s, function()
      local req = self.sim.queue:pop()
      if req then self.second:push(req) end
    end)
  end
end
function P:schedule(replica, step)
  step:carry()
  if not self.open and self.sim.now < %s then return step:idle(%s) end
  step:admit(self.second)
  step:admit(self.sim.queue)
end
return P]]):format(literal(pick{ 0.25, 1, 4 }), literal(pick{ 0.0625, 0.5 }), literal(8), literal(8)) end }

-- Reserve, watermark and budget change from call to call.
POLICIES.changing = { make = function() return ([[
local P = {}
function P:init() self.calls = %d end
function P:schedule(replica, step)
  self.calls = self.calls + 1
  local modes = { "chunk", "sequence", "prompt", "predicted" }
  replica.reserve = modes[self.calls %% #modes + 1]
  replica.watermark = self.calls %% 3 == 0 and 0.1 or 0
  replica.token_budget = 3 + self.calls %% 13
  step:carry()
  step:admit(self.sim.queue)
end
return P]]):format(whole(0, 100)) end }

-- Decisions that depend on what it can see.
POLICIES.looking = { make = function() return [[
local P = {}
function P:schedule(replica, step)
  local sim, oldest = self.sim, nil
  for req in replica:each_running() do
    sim:observe("generated", req:generated())
    sim:observe("computed", req:computed())
    sim:observe(req:phase(), req.id)
    sim:observe("first", req:first_token_at() or -1)
    if not oldest or req:generated() > oldest:generated() then oldest = req end
  end
  if oldest and oldest:generated() > 4 and oldest:preemptions() < 2 and sim.waiting > 0 then
    step:preempt(oldest, oldest.id % 2 == 0 and "recompute" or "restart", sim.queue, "back")
    sim:observe("now", oldest:generated())
    sim:observe("first", oldest:first_token_at() or -1)
  end
  local head = sim.queue:peek()
  if head then
    sim:observe("cached", replica:cached(head))
    sim:observe("waited", head:waited())
    sim:observe("preemptions", head:preemptions())
    sim:observe("fits", replica.kv.fits(head.prompt_tokens) and 1 or 0)
  end
  step:carry()
  local taken, reason = step:admit(sim.queue)
  sim:observe(reason or "all", taken)
  step:cost(sim.waiting % 3 * 0.0009765625) -- composing takes longer where more wait
end
return P]] end }

-- Who has generated more than was predicted is turned away in the middle.
POLICIES.impatient = { make = function() return ([[
local P = {}
function P:schedule(replica, step)
  local list = {}
  for req in replica:each_running() do
    if req:generated() > req.predicted_output then list[#list + 1] = req end
  end
  %s
  for i, req in ipairs(list) do if i < 3 then self.sim:reject(req, "too long") end end
  step:carry()
  step:admit(self.sim.queue)
  step:quantum(2)
end
return P]]):format(chance(0.5) and "step:carry()" or "") end }

-- In an order of its own, in a plain queue or an ordered one; whoever stands last makes room.
POLICIES.ranking = { make = function(one)
  local by = pick{ '"predicted_output"', '"rank"', "function(req) return req.predicted_output - req.prompt_tokens / 8 end" }
  return ([[
local P = {}
function P:init()
  self.by = %s
  self.queue = self.sim:queue(%s)
end
function P:arrive(req)
  req:rank(req.id %% 4)
  self.queue:push(req)
end
function P:schedule(replica, step)
  replica.max_requests = %d
  local rows, preempted, steps = step:rank{ from = self.queue, by = self.by, per_token = %s, edges = %s,
    most = %s, preempt = %s }
  self.sim:observe("rows", rows)
  self.sim:observe("preempted", preempted)
  self.sim:observe("steps", steps or 0)
  if steps then step:quantum(steps) end
end
return P]]):format(by, by:find('"') and chance(0.5) and "{ by = " .. by .. " }" or "", whole(2, 8),
    pick{ "0", "1", "0.5" }, pick{ "{}", "{ 4, 8, 16, 64 }", "{ 2, 3 }" }, pick{ "math.huge", "3" },
    one and pick{ "false", '"recompute"', '"swap"', '"pause"' } or pick{ "false", '"recompute"' }) end }

POLICIES.static = { make = function() return ([[
local P = {}
function P:schedule(replica, step)
  if replica.running == 0 then
    step:admit(self.sim.queue, %d)
    self.sim:observe("returned", step:barrier(%s) or 0)
  end
end
return P]]):format(whole(1, 8), pick{ "", "1", "4", "12" }) end }

-- Batches of those whose answers are bounded alike, in slices, between steps of others.
POLICIES.bounded = { make = function() return ([[
local P = {}
function P:init()
  self.short, self.long = self.sim:queue{}, self.sim:queue{ by = %s }
end
function P:arrive(req)
  self.sim:observe("bound", req.max_output or -1)
  local queue = (req.max_output or %d) < %d and self.short or self.long
  queue:push(req)
end
function P:schedule(replica, step)
  if replica.running == 0 and #self.long > 0 then
    step:admit(self.long, %d)
    return self.sim:observe("returned", step:barrier(%d))
  end
  step:carry()
  step:admit(self.short)
end
return P]]):format(pick{ '"rank"', '"predicted_output"', "function(req) return req:generated() end" },
    whole(1, 20), whole(1, 20), whole(1, 5), whole(1, 9)) end }

for name, policy in pairs(require("asking")(random)) do POLICIES[name] = policy end
local WANDERING = require("wandering")(random)
POLICIES.comings, WANDERING.comings = WANDERING.comings, nil
local NAMES = program.sorted_keys(POLICIES)
local MOVING = program.sorted_keys(WANDERING)
for name, policy in pairs(WANDERING) do POLICIES[name] = policy end

-- --- random scenarios ------------------------------------------------------------------------------------------------

-- `equal`: everything is a multiple of a power of two, so that times are exact and may be equal. Else no two are.
local function make_requests(n, equal, longest)
  local pattern = equal and pick{ "grid", "bursts", "at_once" } or "poisson"
  local gap = equal and pick{ 0.015625, 0.0625, 0.5 } or pick{ 0.01, 0.05, 0.3 }
  local requests, time = {}, 0
  local clients, sessions = pick{ 1, 2, 3, 6 }, pick{ 1, 4, n }
  local most = math.max(1, math.floor(longest * pick{ 0.2, 1 }))
  for i = 1, n do
    if pattern == "poisson" then time = time - gap * math.log(uniform())
    elseif pattern == "grid" then time = time + gap * whole(0, 3)
    elseif pattern == "bursts" and chance(0.15) then time = time + gap * whole(1, 40) end
    local output = whole(1, most)
    requests[i] = { arrival = time, prompt = whole(1, longest), output = output, priority = whole(0, 3),
      predicted = chance(0.5) and output or whole(1, most), client = whole(1, clients),
      session = whole(1, sessions), max_output = chance(0.7) and output + whole(0, most) or nil }
  end
  local first = requests[1].arrival -- mbsand's clock starts at the first row
  for i = 1, n do requests[i].arrival = requests[i].arrival - first end
  return requests
end

-- Prompts that begin alike: an id is one of a few that go on from the id before it. Tokens of an id.
local function give_prefixes(requests, block)
  local unit, width = pick{ 1, block, 2 * block, 3 }, whole(1, 3)
  for _, r in ipairs(requests) do
    local id, ids = 0, {}
    for i = 1, math.min(12, math.floor(r.prompt / unit * pick{ 0.5, 1, 1.5 })) do
      id = id * width + whole(1, width)
      ids[i] = (id * 16 + i) * 64 + math.max(0, i * unit - r.prompt) -- the last may be shorter, and is another one then
    end
    if #ids > 0 and chance(0.9) then r.prefix = ids end
  end
  return unit
end

local replicas_of

local function make_pipeline(count, equal)
  local line = { stages = count, batches = chance(0.4) and whole(1, 5) or nil, ahead = chance(0.3) or nil,
    batch_requests = chance(0.5) and whole(1, 5) or nil }
  if chance(0.4) then
    line.shares = {}
    for i = 1, count do line.shares[i] = equal and pick{ 0.5, 0.25, 0.125 } or 0.05 + 0.9 * uniform() end
  end
  if chance(0.4) then
    line.send = { latency = equal and 2 ^ -10 or 0.0007, per_token = pick{ 0, equal and 2 ^ -13 or 0.0001 } }
  end
  return line
end

local function make_law(equal)
  return equal
    and { base = pick{ 0.0078125, 0.015625 }, per_token = pick{ 0.0009765625, 0.00390625 },
          per_context = pick{ 0, 2 ^ -16 }, per_request = pick{ 0, 2 ^ -12 }, host = pick{ 0, 2 ^ -10 } }
    or { base = 0.007 + 0.01 * uniform(), per_token = 0.001 * uniform(), per_context = 0.0001 * uniform(),
         per_request = pick{ 0, 0.0003 }, host = pick{ 0, 0.002 } }
end

-- What KV memory moves over. Thirds of a wire make no exact ties.
local function make_link(equal)
  return { seconds_per_token = equal and pick{ 0, 2 ^ -10, 2 ^ -13 } or 0.002 * uniform(),
    latency = equal and pick{ 0, 2 ^ -7 } or pick{ 0, 0.01 * uniform() },
    share = pick{ "fifo", equal and "none" or "fair", "none" }, per = pick{ "group", "replica" } }
end

-- Replicas of several kinds, some of which may have too little memory for the longest requests.
local function make_groups(equal, largest, block, moving)
  local groups = {}
  for i = 1, whole(2, 3) do
    local count = chance(moving and 0.1 or 0.25) and whole(2, 3) or 1
    groups[i] = { name = "g" .. i, gpus = (moving and not equal and 1 or whole(1, 2)) * count,
      pipeline = count > 1 and make_pipeline(count, equal) or nil,
      role = moving and (i == 2 and "decode" or pick{ "prefill", "prefill", "both" }) or nil,
      latency = (moving or chance(0.7)) and setmetatable(make_law(equal), { word = "latency.step" }) or nil,
      kv_blocks = chance(0.5) and whole(math.max(1, math.floor(largest / 2)), 3 * largest) or nil,
      kv_block = chance(0.2) and pick{ 1, block } or nil, max_requests = chance(0.3) and whole(1, 6) or nil,
      token_budget = chance(0.3) and whole(1, 20) or nil, watermark = chance(0.2) and 0.1 or nil }
  end
  return groups
end

local function make_scenario()
  local wanders = WANDERING[ONLY] ~= nil
  local together = not wanders and chance(0.3) and whole(2, 3) or nil -- replicas in a row step together
  local staged = not together and not wanders and chance(0.3) and whole(2, 4) or nil -- layers are dealt out to stages
  local equal = chance(0.5)
  local longest = pick{ 3, 12, 40 }
  local s = { requests = make_requests(whole(3, 60), equal, longest), policies = {} }
  s.latency = make_law(equal)
  local block, largest, sum = pick{ 1, 2, 4, 16 }, 0, 0
  for _, r in ipairs(s.requests) do
    largest, sum = math.max(largest, math.ceil((r.prompt + r.output) / block)), sum + math.ceil((r.prompt + r.output) / block)
  end
  local cluster = { gpus = (together and together * whole(1, 2) or pick{ 1, 1, 2, 3 }) * (staged or 1),
    experts = together and { parallel = together }, kv = "paged", kv_block = block,
    kv_blocks = pick{ largest, largest + whole(0, largest), 2 * largest + whole(0, largest), sum,
                      math.max(1, math.floor(largest * 0.7)) },
    watermark = pick{ 0, 0, 0.05, 0.2 }, reserve = pick{ "chunk", "chunk", "sequence", "prompt", "predicted", "maximum" },
    token_budget = pick{ false, 1, 4, 16, 64 } or nil, max_requests = pick{ false, false, 1, 3, 10 } or nil,
    prefix_cache = chance(0.7), async_scheduling = chance(0.3),
    swap = { tokens = pick{ 10, 1000 }, seconds_per_token = equal and pick{ 0, 2 ^ -12 } or 0.0003 } }
  -- KV memory moves, and replicas come and go.
  local moving = not together and not staged and ONLY ~= "comings" and (chance(0.3) or wanders)
  if moving then cluster.link = make_link(equal) end
  if moving or not together and not staged and chance(0.25) then
    cluster.gpus, cluster.groups = nil, make_groups(equal, largest, block, moving)
    staged = false
    for _, group in ipairs(cluster.groups) do staged = staged or group.pipeline ~= nil end
    if staged then cluster.async_scheduling, cluster.swap = nil, nil end
  elseif staged then
    cluster.async_scheduling, cluster.swap, cluster.pipeline = nil, nil, make_pipeline(staged, equal)
  end
  if staged and not equal then -- batches of equal chunks on stages meet at one time, but for its last digit
    cluster.token_budget = nil
    for _, group in ipairs(cluster.groups or {}) do group.token_budget = nil end
  end
  if cluster.reserve == "maximum" then cluster.kv_max_length = pick{ largest * block, block * math.ceil(largest / 2) } end
  s.cluster = cluster
  if chance(moving and 0.8 or 0.3) then s.prefix_unit = give_prefixes(s.requests, block) end
  local last = s.requests[#s.requests].arrival
  s.slo = { ttft = chance(0.4) and pick{ 0.05, 0.5, 3 } or nil, tbt = chance(0.5) and pick{ 0.012, 0.02, 0.04 } or nil,
    e2e = chance(0.6) and pick{ 0.2, 1, 5 } or nil }
  s.slo.late = s.slo.ttft and s.slo.tbt and chance(0.6) and pick{ 0, 0.1, 0.25, 0.5 } or nil
  s.qoe = chance(0.7) and { speed = pick{ 5, 40, 80, 300 }, ttft = pick{ 0, 0.05, 1 } } or nil
  s.fair = { w_prompt = pick{ 0, 1, 3 }, w_output = pick{ 0.5, 1, 2 } }
  s.stop = chance(0.3) and 0.01 + last * 1.5 * uniform() or nil
  s.warmup = chance(0.3) and pick{ { requests = whole(1, 20) }, { seconds = 0.01 + last * 0.6 * uniform() } } or nil
  s.equal, s.why = equal, chance(0.6)
  if chance(0.3) then
    s.failures = {}
    for id = 1, #replicas_of(s) do
      local at = 0
      for _ = 1, whole(0, 2) do
        local failure = { at = at + 0.001 + last * uniform() * 0.7, replica = id, repair = 0.05 + uniform() }
        at = failure.at + failure.repair
        table.insert(s.failures, failure)
      end
    end
    if #s.failures == 0 then s.failures = nil end
  end
  local replicas = #replicas_of(s)
  -- (What one replica preempts another takes, without what was computed of it, and on stages two requests that do not fit
  -- together take turns to preempt each other: that need not come to an end.)
  s.stop = s.stop or last + ((replicas > 1 or staged) and 8 or 40)
  for i = 1, ONLY and 1 or POLICIES_PER_FILE do
    local name = ONLY or pick(moving and MOVING or NAMES)
    local timed = name == "timers" or name == "balancing"
    if timed and replicas > 1 and not equal then name = "fcfs" end -- its timers make replicas start as one
    if (name == "static" or name == "bounded") and (together or staged) then name = "fcfs" end
    local source = POLICIES[name].make(replicas == 1, not staged and not together)
    if staged then source = source:gsub('"swap"', '"recompute"') end
    if chance(0.3) and name ~= "holding" then source = source:gsub("step:carry%(%)", 'step:carry("spare")') end
    s.policies[i] = { name = name, label = "p" .. i, source = WATCHED:format(source) }
  end
  return s
end

-- The cases worked by hand, in the same form.
local function worked_scenario(case)
  local s = { cluster = case.cluster, requests = {}, policies = {}, why = true }
  for i, row in ipairs(case.requests) do
    s.requests[i] = { arrival = row[1] / 1000, prompt = row[2], output = row[3], predicted = row[4] or row[3], priority = 0,
      client = 1, session = 1 }
  end
  s.latency = { base = 0.010, per_token = 0.001, per_context = 0.0001, per_request = (case.per_request or 0) / 1000,
                host = (case.host or 0) / 1000 }
  s.policies[1] = { name = "worked: " .. case.name, label = "p1", source = WATCHED:format(case.policy) }
  return s
end

-- What is different about each replica.
function replicas_of(s)
  local list = {}
  for _, group in ipairs(s.cluster.groups or { { gpus = s.cluster.gpus or 1, pipeline = s.cluster.pipeline } }) do
    local l = group.latency
    for _ = 1, group.gpus / (group.pipeline and group.pipeline.stages or 1) do
      list[#list + 1] = { group = group.name, blocks = group.kv_blocks, block = group.kv_block, watermark = group.watermark,
        max_requests = group.max_requests, token_budget = group.token_budget, pipeline = group.pipeline,
        role = group.role, latency = l and steps.law(l.base, l.per_token, l.per_context, l.per_request, l.host) }
    end
  end
  return list
end

local function write_files(s, folder)
  local rows = { "arrival,prompt,output,predicted,priority,client,session,max_output,prefix" }
  for _, r in ipairs(s.requests) do
    table.insert(rows, table.concat({ number(r.arrival), number(r.prompt), number(r.output), number(r.predicted),
      number(r.priority), r.client, r.session, r.max_output or "",
      r.prefix and '"[' .. table.concat(r.prefix, ", ") .. ']"' or "" }, ","))
  end
  program.write(folder .. "/requests.csv", table.concat(rows, "\n") .. "\n")
  local policies = {}
  for i, p in ipairs(s.policies) do
    program.write(folder .. "/" .. p.label .. ".lua", p.source)
    policies[i] = ("    { '%s/%s.lua', label = '%s' },\n"):format(folder, p.label, p.label)
  end
  program.write(folder .. "/scenario.lua", table.concat{
    "return scenario {\n  workload = trace.csv ", literal(folder .. "/requests.csv"), " {\n",
    "    columns = { time = 'arrival', prompt = 'prompt', output = 'output', predicted = 'predicted', ",
    "priority = 'priority', client = 'client', session = 'session',\n",
    "      max_output = 'max_output'", s.prefix_unit and ", prefix = 'prefix'" or "", " },\n",
    s.prefix_unit and "    prefix_unit = " .. s.prefix_unit .. ",\n" or "", "    predictor = predict.column {},\n  },\n",
    "  cluster = ", literal(s.cluster), ",\n  latency = latency.step ", literal(s.latency), ",\n",
    s.slo and "  slo = " .. literal(s.slo) .. ",\n" or "", s.fair and "  fair = " .. literal(s.fair) .. ",\n" or "",
    "  columns = { 'program_mean_s', 'late_tokens', 'replica_s', 'lost_s' },\n",
    s.qoe and "  qoe = " .. literal(s.qoe) .. ",\n" or "",
    s.stop and "  stop_time = " .. number(s.stop) .. ",\n" or "",
    s.failures and "  failures = " .. literal(s.failures) .. ",\n" or "",
    s.why and "  why = true,\n" or "", s.warmup and "  warmup = " .. literal(s.warmup) .. ",\n" or "",
    "  seeds = 1,\n  policies = {\n", table.concat(policies), "  },\n}\n" })
end

-- --- the comparison --------------------------------------------------------------------------------------------------

local COLUMNS = { { "arrival_s", "arrival" }, { "start_s", "start" }, { "first_token_s", "first" }, { "end_s", "stop" },
  { "replica", "replica" }, { "predicted_output", "predicted" }, { "preemptions", "preemptions" } }
local MEASURES = { "finished", "rejected", "unfinished", "censored", "served_share", "duration_s", "throughput_rps",
  "throughput_tps", "goodput_rps", "ttft_violation", "tbt_violation", "e2e_violation", "late_violation",
  "slo_attainment", "waited_fraction", "e2e_mean_s", "preemptions", "ttft_mean_s", "tpot_mean_s", "itl_mean_s", "kv_mean",
  "batch_mean", "gpu_util", "idle_with_work_s", "qoe_mean", "program_mean_s", "program_tokens_s", "service_gap",
  "late_tokens", "late_mean_s", "replica_s", "lost_s" }

local function compare_requests(rows, result)
  if not rows then return "the program wrote no dump" end
  local arrived = 0
  for _, r in ipairs(result.requests) do arrived = arrived + (r.arrived and 1 or 0) end
  if #rows ~= arrived then return #rows .. " requests in the dump, oracle: " .. arrived end
  table.sort(rows, function(a, b) return tonumber(a.id) < tonumber(b.id) end)
  local reason = {}
  for _, r in ipairs(result.rejected) do reason[r.id] = "rejected" end
  for i, row in ipairs(rows) do
    local want = result.requests[i]
    local expected = reason[want.id] or (want.stop and "done" or "unfinished")
    if row.why ~= expected then return ("request %d: %s, oracle: %s"):format(want.id, row.why, expected) end
    for _, part in ipairs(row.waiting_s and want.stop and why.PARTS or {}) do
      local got = tonumber(row[part .. "_s"])
      if not got or math.abs(got - want.parts[part]) > 1e-7 then
        return ("request %d: %s_s is %s, oracle: %.9f"):format(want.id, part, row[part .. "_s"], want.parts[part])
      end
    end
    for _, pair in ipairs(COLUMNS) do -- (the first token of a request that never finished is not dumped)
      if not same(row[pair[1]], want[pair[2]]) and (want.stop or pair[2] ~= "first") then
        return ("request %d: %s is %s, oracle: %s"):format(want.id, pair[1], row[pair[1]], tostring(want[pair[2]]))
      end
    end
  end
end

local function compare_series(rows, series)
  for i = 1, math.max(#rows, #series) do
    local row, want = rows[i], series[i]
    if not row or not want or row.name ~= want.name or not same(row.value, want.value) or not same(row.time_s, want.time) then
      return ("observation %d: %s = %s at %s, oracle: %s = %s at %s"):format(i, row and row.name or "none",
        row and row.value or "", row and row.time_s or "", want and want.name or "none",
        want and tostring(want.value) or "", want and number(want.time) or "")
    end
  end
end

local function compare_measures(row, measures, equal)
  if not row then return "no summary" end
  if row.requests == "" then return end -- all were rejected, so the run failed
  -- (Where times may be equal, memory may be held for no time at all.)
  if not equal and not same(row.kv_peak, measures.kv_peak) then
    return ("kv_peak is %s, oracle: %s"):format(row.kv_peak, tostring(measures.kv_peak))
  end
  for _, part in ipairs(row.why_waiting_s and why.PARTS or {}) do
    local got, want = tonumber(row["why_" .. part .. "_s"]), measures["why_" .. part .. "_s"]
    if (got == nil) ~= (want == nil) or got and math.abs(got - want) > 1e-7 then
      return ("why_%s_s is %s, oracle: %s"):format(part, tostring(got), tostring(want))
    end
  end
  for _, name in ipairs(MEASURES) do
    local want = measures[name == "kv_mean" and "kv_mean_of_ends" or name]
    if not same(row[name], want) then return ("%s is %s, oracle: %s"):format(name, tostring(row[name]), tostring(want)) end
  end
end

local function simulate(s, p, folder)
  local l, c, requests = s.latency, s.cluster, csv.read(folder .. "/requests.csv")
  for _, r in ipairs(requests) do r.prefix = s.requests[r.line].prefix end
  return steps.run{
    policy = simulator.load_text(p.source), requests = requests, prefix_unit = s.prefix_unit,
    latency = steps.law(l.base, l.per_token, l.per_context, l.per_request, l.host), kinds = replicas_of(s),
    several = c.groups ~= nil, failures = s.failures, links = c.link and { c.link },
    group = c.experts and c.experts.parallel, blocks = c.kv_blocks,
    block = c.kv_block, watermark = c.watermark, prefix_cache = c.prefix_cache, async = c.async_scheduling,
    token_budget = c.token_budget, max_requests = c.max_requests, reserve = c.reserve, max_length = c.kv_max_length,
    draw = dice.new(42, 0, "policy"), swap = c.swap, slo = s.slo, qoe = s.qoe, fair = s.fair, stop = s.stop, warmup = s.warmup,
  }
end

local comparisons, failed, seen, kinds = 0, {}, {}, {}

local function compare(s, title)
  local folder, bad = program.temporary_folder(), false
  write_files(s, folder)
  program.run(folder, "requests,decisions")
  local summary = {}
  for _, row in ipairs(program.read_table(folder .. "/out/summary.csv") or {}) do summary[row.policy] = row end
  for _, p in ipairs(s.policies) do
    local good, result = pcall(simulate, s, p, folder)
    local problem
    if good then
      problem = compare_requests(program.read_table(folder .. "/out/requests-" .. p.label .. "-1.csv"), result)
      local other = compare_series(program.read_table(folder .. "/out/decisions-" .. p.label .. "-1.csv") or {}, result.series)
      if other then problem = problem and problem .. "; " .. other or other end
      problem = problem or compare_measures(summary[p.label], result.measures, s.equal)
    else
      problem = "the oracle failed: " .. tostring(result)
    end
    comparisons, seen[p.name] = comparisons + 1, (seen[p.name] or 0) + 1
    if problem then
      bad, kinds[p.name] = true, (kinds[p.name] or 0) + 1
      table.insert(failed, ("%s, %s (%s), %s/scenario.lua: %s"):format(title, p.label, p.name, folder, problem))
    end
  end
  if not bad then os.execute("rm -r '" .. folder .. "'") end
end

if not ONLY then
  for _, case in ipairs(worked) do compare(worked_scenario(case), "worked") end
end
tap.ok(#failed == 0, comparisons .. " cases worked by hand: the program agrees", table.concat(failed, "\n# "))
comparisons, failed, seen = 0, {}, {}
for file = 1, FILES do compare(make_scenario(), "file " .. file) end
for i = 1, math.min(#failed, 20) do print("# " .. failed[i]) end
for _, name in ipairs(program.sorted_keys(seen)) do
  print(("# %4d x %s, %d differ"):format(seen[name], name, kinds[name] or 0))
end
tap.ok(#failed == 0, comparisons .. " random scenarios: the program and the second simulator agree on every request", #failed
  .. " do not")
tap.done()
