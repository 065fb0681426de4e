-- Replicas that come and go, against values worked by hand: steps of 10 ms, whatever is in them. Each case is run jumping and
-- stepping.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local folder = program.temporary_folder()
local number = 0

-- rows: arrival, prompt, output. cluster, more: Lua text of the scenario. Returns what the policy printed, a line each joined
-- by " | ", and the measures; both modes must agree. A run that fails: the message.
local function run(case)
  local path = folder .. "/s.lua"
  local rows = { "t,p,o" }
  for _, row in ipairs(case.rows or { { 0, 10, 10 } }) do rows[#rows + 1] = table.concat(row, ",") end
  program.write(folder .. "/rows.csv", table.concat(rows, "\n") .. "\n")
  number = number + 1
  program.write(folder .. "/p.lua", ([[
local P = {%s}
local seen = {}
local function say(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    parts[i] = type(value) == "number" and ("%%.6g"):format(value) or tostring(value)
  end
  seen[#seen + 1] = table.concat(parts, " ")
end
function P:schedule(r, step) step:carry() step:admit(r.queue) step:admit(self.sim.queue) end
%s
function P:done() print(table.concat(seen, " | ")) end
return P
]]):format(case.fields or "", case.policy or ""))
  program.write(path, ([[
return scenario {
  workload = trace.csv "rows.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { %s kv_blocks = 100 }, latency = %s,
  columns = { "replica_s", "lost_s" }, %s
  policies = { "%s" }, seeds = 1,
}
]]):format(case.cluster or "gpus = 1,", case.latency or "latency.step { base = 0.010 }", case.more or "",
    case.bundled or "./p.lua"))
  if case.latency then program.write(path, (program.read(path):gsub("kv_blocks = 100", "kv_tokens = 1600"))) end
  local results = {}
  for _, mode in ipairs(case.once and { "" } or { "", "--step" }) do
    local lines = program.lines(("cd %s && %s s.lua -q %s --format csv 2>err"):format(folder, program.path, mode))
    local said = program.read(folder .. "/err"):gsub("\nstack traceback.*", "")
    local names, values = {}, {}
    for name in ((lines[1] or "") .. ","):gmatch("([^,]*),") do names[#names + 1] = name end
    local i = 0
    for value in ((lines[2] or "") .. ","):gmatch("([^,]*),") do i = i + 1 values[names[i] or ""] = tonumber(value) end
    results[#results + 1] = { said = said:match("p: ([^\n]*)") or said, measures = values }
  end
  local first, second = results[1], results[2]
  if second and first.said ~= second.said then first.said = "differs: " .. first.said .. " / " .. second.said end
  return first.said, first.measures
end

-- A failure ----------------------------------------------------------------------------------------------------

local tokens = [[
function P:schedule(r, step) step:carry() step:admit(r.queue) step:admit(self.sim.queue) step:quantum(1) end
function P:stepped(r, step) say(self.sim.now) end
function P:signal(e) say(e.kind, e.replica.id, e.replica.state, self.sim.now, e.requests and #e.requests) end
]]
local fails = tokens .. [[function P:init() self.sim:after(0.045, function() self.sim.replicas[1]:fail(0.02) end) end]]
local before = "0.01 | 0.02 | 0.03 | 0.04 | down 1 down 0.045 "
local after = " | up 1 up 0.065 nil | 0.075 | 0.085 | 0.095 | 0.105 | 0.115 | 0.125"
local said, measures = run { policy = fails }
tap.equal(said, before .. "1" .. after, "within a step: four tokens stand, 14 are computed again")
tap.ok(math.abs(measures.lost_s - 0.005) < 1e-12, "lost: 5 ms", measures.lost_s)
tap.ok(math.abs(measures.replica_s - 0.105) < 1e-12, "there: 125 ms less the 20 ms down", measures.replica_s)
tap.ok(math.abs(measures.gpu_util - 1) < 1e-12, "busy whenever it was up", measures.gpu_util)
said = run { policy = fails, fields = 'signal_kinds = { "up", "off" }' }
tap.equal(said, before:gsub("down 1 down 0.045 $", "") .. after:sub(4), "told of the kinds only that signal_kinds names")
said = run { policy = tokens, more = "failures = { { at = 0.045, replica = 1, repair = 0.02 } }," }
tap.equal(said, before .. "1" .. after, "the same from the scenario")
said, measures = run { bundled = "vllm_v1", more = "failures = { { at = 0.045, replica = 1, repair = 0.02 } }," }
tap.ok(said ~= nil and math.abs(measures.e2e_mean_s - 0.125) < 1e-12, "the same in a run of equal steps", measures.e2e_mean_s)

said, measures = run { policy = tokens, more = "failures = { { at = 0.04, replica = 1, repair = 0.01 } }," }
tap.equal(said:sub(1, 70), ("0.01 | 0.02 | 0.03 | 0.04 | down 1 down 0.04 1 | up 1 up 0.05 nil | 0.06 | 0.07"):sub(1, 70),
  "at the end of a step: it has counted")
tap.equal(measures.lost_s, 0, "and nothing is lost")

said, measures = run { policy = tokens, more = "failures = { { at = 0.045, replica = 1 } }," }
tap.equal(said, before .. "1", "never repaired: the request waits for ever")
tap.equal(measures.unfinished, 1, "and is not finished")

-- A migration, 10 tokens at 10 ms each from 15 on, whose destination fails at 45: it goes on where it is, as if nothing had
-- been, 100. Or its source: it loses its 4 tokens, is computed again where it was, from 65 on, and ends at 125.
do
  local migrating = [[
    function P:init() self.sim:after(0.015, function()
      say("moves", self.sim:migrate(self.req, self.sim.replicas[2], { last = 0 }))
    end) end
    function P:arrive(req) self.req = req self.sim.replicas[1].queue:push(req) end
    function P:signal(e)
      if e.kind ~= "up" then say(e.kind, e.why or "", self.sim.now) end
      if e.kind == "down" and e.replica.id == 1 then self.sim.replicas[1].queue:push(self.req) end
    end
    function P:finish() say("done", self.sim.now) end]]
  local cluster = "gpus = 2, link = { seconds_per_token = 0.010 }, "
  local function failing(which)
    return (run { cluster = cluster, policy = migrating,
      more = ("failures = { { at = 0.045, replica = %d, repair = 0.020 } },"):format(which) })
  end
  tap.equal(failing(2), "moves true | aborted down 0.045 | down  0.045 | done 0.1", "where a migration goes fails")
  tap.equal(failing(1), "moves true | aborted down 0.045 | down  0.045 | done 0.125", "where it comes from fails")
  -- Nothing goes to a replica that drains, or is down.
  said = run { cluster = cluster, policy = [[
    function P:arrive(req) self.req = req self.sim.replicas[1].queue:push(req) end
    function P:init()
      self.sim.replicas[2]:fail()
      self.sim:after(0.015, function() say(self.sim:migrate(self.req, self.sim.replicas[2])) end)
    end]] }
  tap.equal(said, "false down", "nobody migrates to one that is down")
end

-- Whole batches: alpha + beta L for one request of length 20: 0.1 + 0.2 = 0.3 s.
said, measures = run { latency = "latency.batch { alpha = 0.1, beta = 0.01, gamma = 1 }", once = true,
  policy = [[function P:schedule(r, step) step:admit(self.sim.queue) end
    function P:signal(e) say(e.kind, self.sim.now, e.requests and e.requests[1]:failures()) end]],
  more = "failures = { { at = 0.25, replica = 1, repair = 0.5 } }," }
tap.equal(said, "down 0.25 1 | up 0.75 nil", "a whole batch")
tap.ok(math.abs(measures.lost_s - 0.25) < 1e-12 and math.abs(measures.e2e_mean_s - 1.05) < 1e-12,
  "is lost from its start on, and served again", measures.e2e_mean_s)

-- What was in it has not started: its prompt is the client's when it is served.
said = run { latency = "latency.batch { alpha = 0.1, beta = 0.01, gamma = 1 }", once = true,
  policy = [[function P:arrive(req) self.client = req.client self.sim.queue:push(req) end
    function P:schedule(r, step) step:admit(self.sim.queue) end
    function P:look(what) local c = self.sim.clients[self.client] say(what, c.prompt_tokens, c.waiting, c.running) end
    function P:signal(e) self:look(e.kind) end
    function P:finish(req, why) self:look(why) end]],
  more = "failures = { { at = 0.25, replica = 1, repair = 0.5 } }," }
tap.equal(said, "down 0 1 0 | up 0 1 0 | done 10 0 0", "a whole batch that is lost has not started")

-- Three run, in order of admission; another waits behind them.
said = run { rows = { { 0, 10, 9 }, { 0.001, 10, 9 }, { 0.002, 10, 9 }, { 0.003, 10, 9 } }, policy = [[
function P:schedule(r, step) r.max_requests = 3 step:carry() step:admit(self.sim.queue) end
function P:init() self.sim:after(0.035, function() self.sim.replicas[1]:fail(1) end) end
function P:signal(e)
  if e.kind ~= "down" then return end
  for req in self.sim.queue:each() do say(req.id, req:phase(), req:computed(), req:generated(), req:failures()) end
end]] }
tap.equal(said, "0 waiting 0 3 1 | 1 waiting 0 2 1 | 2 waiting 0 2 1 | 3 waiting 0 0 0",
  "back to the front of their queue in order of admission, with what they generated")

said = run { rows = { { 0, 10, 9 }, { 0, 10, 9 } }, policy = [[
function P:arrive(req) self.sim.replicas[1].queue:push(req) end
function P:schedule(r, step) r.max_requests = 1 step:carry() step:admit(r.queue) end
function P:init() self.sim:after(0.015, function() self.sim.replicas[1]:fail() end) end
function P:signal(e)
  say(#self.sim.queue, #e.replica.queue, self.sim.queue:peek().id, e.replica.running, e.replica.kv.used)
end]] }
tap.equal(said, "1 1 0 0 0", "of its own queue who ran goes to the simulation's, who waits stays")

-- What was paused or cached there is lost.
said = run { cluster = "gpus = 2, prefix_cache = true,", rows = { { 0, 64, 9 } }, policy = [[
function P:schedule(r, step)
  if r.id ~= 1 then return step:idle() end
  if self.paused then return step:idle() end
  step:carry() step:admit(self.sim.queue)
end
function P:init()
  self.sim:after(0.025, function() self.stop = true end)
  self.sim:after(0.055, function()
    local req = self.req
    say(req:phase(), req:computed())
    self.sim.replicas[1]:fail()
    say(req:phase(), req:computed(), self.sim.replicas[1]:cached(req), self.sim.replicas[1].kv.used)
  end)
end
function P:arrive(req) self.req = req self.sim.queue:push(req) end
function P:schedule(r, step)
  if r.id ~= 1 or self.paused then return step:idle() end
  if self.stop then self.paused = true step:preempt(self.req, "pause") return step:idle() end
  step:carry() step:admit(self.sim.queue)
end]] }
tap.equal(said, "paused 66 | waiting 0 0 0", "a paused request loses its memory")

-- One more -----------------------------------------------------------------------------------------------------

local busy = {}
for i = 0, 99 do busy[i + 1] = { i, 1, 100 } end
local grows = [[
function P:arrive(req)
  local least = self.sim:least()
  self.count = (self.count or 0) + (least.id == 2 and 1 or 0)
  least.queue:push(req)
end
function P:init()
  self.sim:after(1, function()
    local r = self.sim:add{%s}
    say(r.id, r.state, #self.sim.replicas, r.max_requests)
  end)
  self.sim.replicas[1].max_requests = 7
  self.sim:after(30.999, function() say(self.sim.replicas[2].state, self.sim.replicas[2].running, self.count) end)
  self.sim:after(31.001, function() say(self.sim.replicas[2].state) end)
end
function P:stepped(r) if r.id == 2 then self.first = self.first or self.sim.now end end
function P:signal(e) say(e.kind, e.replica.id, self.sim.now) end]]
local grown = "2 starting 2 7 | starting 0 0 | up 2 31 | up"
said, measures = run { rows = busy, policy = grows:format("delay = 30"), more = "stop_time = 100," }
tap.equal(said, grown, "added at 1 with a delay of 30: nothing before 31, and the limits of the first")
tap.equal(measures.replica_s, 199, "100 + 99 replica seconds")
said, measures = run { rows = busy, policy = grows:format("") , more = "stop_time = 100,",
  cluster = "start_delay = 30, max_gpus = 2, gpus = 1, usd_per_hour = 36," }
tap.equal(said, grown, "the delay of the scenario")
tap.ok(math.abs(measures.usd_per_mtok - 36 / 3600 * 199 / (measures.throughput_tps * 100 / 1e6)) < 1e-6 * measures.usd_per_mtok,
  "what was there costs", measures.usd_per_mtok)
said = run { rows = { { 0, 1, 1 } }, cluster = "gpus = 4, tp = 2, max_gpus = 8,", policy = [[
function P:init()
  for i = 1, 3 do local r, why = self.sim:add() say(r and r.id, why) end
  self.sim.replicas[1]:drain()
  local r = self.sim:add{}
  say(r.id, r.state, self.sim.replicas[1].state)
end]] }
tap.equal(said, "3 nil | 4 nil | nil limit | 5 up off", "no more than max_gpus, but for one that is off another")
said = run { rows = { { 0, 1, 100 } }, cluster = "gpus = 4, start = 1,",
  policy = [[function P:init()
    local sim = self.sim
    say(#sim.replicas, sim:add().id, sim:add().id, sim:add().id, sim:add())
  end]] }
tap.equal(said, "1 2 3 4 nil limit", "one of four at the beginning")
said = run { rows = { { 0, 1, 1 }, { 0.5, 1, 1 } },
  cluster = 'groups = { { name = "a", gpus = 1 }, { name = "b", gpus = 3, start = 0, start_delay = 0.2 } },',
  policy = [[function P:init()
      local r = self.sim:add{ group = "b" }
      say(r.group, r.state, #self.sim:group("b"), #self.sim.replicas)
    end
    function P:signal(e) say(e.kind, e.replica.group, self.sim.now) end]] }
tap.equal(said, "b starting 1 2 | up b 0.2", "a group of which there is none at first")

-- Going --------------------------------------------------------------------------------------------------------

said, measures = run { cluster = "gpus = 2,", rows = { { 0, 1, 10 }, { 0, 1, 10 }, { 0, 1, 10 }, { 0, 1, 10 } }, policy = [[
function P:arrive(req) self.sim.replicas[2].queue:push(req) end
function P:schedule(r, step)
  r.max_requests = 2
  step:carry()
  local _, why = step:admit(self.sim.queue)
  local _, own = step:admit(r.queue)
  if r.id == 2 and self.sim.now == 0 then say(why, own) end
end
function P:init()
  local r = self.sim.replicas[2]
  self.sim:after(0.045, function() r:drain() say(r.state, #self.sim.queue, #r.queue, r.running) end)
end
function P:signal(e) say(e.kind, e.replica.id, e.replica.state, self.sim.now, e.requests and #e.requests) end]] }
tap.equal(said, "nil requests | draining 2 0 2 | draining 2 draining 0.045 2 | off 2 off 0.1 nil",
  "drained: what waits moves, what runs ends, then it is off")
tap.ok(math.abs(measures.replica_s - 0.245) < 1e-12, "and costs no more", measures.replica_s)

said = run { cluster = "gpus = 2,", rows = { { 0, 1, 10 }, { 0.03, 1, 2 } }, policy = [[
function P:schedule(r, step)
  if r.id == 1 then return step:idle() end
  step:carry()
  local taken, why = step:admit(self.sim.queue)
  if #self.sim.queue + taken > 0 and self.sim.now > 0 then say(self.sim.now, taken, why, r.state) end
end
function P:init()
  local r = self.sim.replicas[2]
  self.sim:after(0.025, function() r:drain() end)
  self.sim:after(0.055, function() r:undrain() end)
end
function P:signal(e) say(e.kind, self.sim.now) end]] }
tap.equal(said, "draining 0.025 | 0.03 0 draining draining | up 0.055 | 0.06 1 nil up",
  "step:admit refuses while it drains, and takes again when it does not")

said = run { cluster = "gpus = 3,", rows = { { 0.5, 1, 1 } }, policy = [[
function P:init()
  local a, b, c = self.sim.replicas[1], self.sim.replicas[2], self.sim.replicas[3]
  a:remove() say(a.state)
  b:drain() say(b.state)
  say(self.sim:least().id, c.state)
  local d = self.sim:add{ delay = 5 }
  d:drain() say(d.state)
end
function P:signal(e) say(e.kind, e.replica.id) end]] }
tap.equal(said, "off | off | 3 up | off | off 1 | draining 2 | off 2 | draining 4 | off 4", "empty ones are off at once")

-- No new requests by any way there ------------------------------------------------------------------------------

local every = { admit = "step:admit(self.sim.queue)", add = "step:add(self.sim.queue:peek())",
  rank = [[step:rank{ from = self.sim.queue, by = "arrival", preempt = "recompute" }]],
  displace = "step:displace(self.sim.inbox)" }
for _, name in ipairs(program.sorted_keys(every)) do
  said = run { cluster = "gpus = 2,", rows = { { 0, 1, 9 }, { 0.015, 1, 2 } }, policy = ([[
    function P:init()
      if "%s" == "displace" then self.sim.inbox = self.sim:queue{ by = "arrival" } end
      self.sim:after(0.005, function() self.sim.replicas[1]:drain() end)
    end
    function P:schedule(r, step)
      if r.id == 2 and not self.over then return step:idle() end
      if self.sim.now == 0 or self.over then step:carry() return step:admit(self.sim.inbox) end
      if "%s" ~= "rank" then step:carry() end
      if self.sim.inbox:peek() then %s say(r.running, step.requests) end
    end
    function P:signal(e)
      if e.kind == "off" then say("off", self.sim.now) self.over = true end
    end]]):format(name, name, every[name]) }
  local others = said:gsub("1 1 | ", "")
  tap.equal(others, "off 0.09", "a draining replica takes nothing: step:" .. name)
end
for _, route in ipairs { "turns", "random", "two", "load", "running", "waiting" } do
  said = run { cluster = "gpus = 3,", rows = { { 0, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 } }, once = true,
    policy = ([[function P:init()
      self.sim:route("%s")
      self.sim.replicas[1]:fail(9) self.sim.replicas[2]:drain()
      self.sim:add{ delay = 3 }
    end
    function P:schedule(r, step) step:carry() step:admit(r.queue) say(r.id) end]]):format(route) }
  tap.equal(said, "3 | 3", "a route passes over replicas that are not up: " .. route)
end

-- The scenario's failures by chance ------------------------------------------------------------------------------

local chance = { rows = { { 0, 1, 1 }, { 100, 1, 1 } }, once = true, cluster = "gpus = 3,",
  more = "failures = { mtbf = 20, mttr = 5 },",
  policy = [[function P:signal(e) say(e.kind, e.replica.id, self.sim.now) end]] }
local first = run(chance)
chance.policy = chance.policy .. " function P:arrive(req) self.sim:random() self.sim.replicas[1].queue:push(req) end "
tap.equal(run(chance), first, "the same failures under another policy")
local downs, time = 0, 0
for kind, _, at in first:gmatch("(%a+) (%d+) ([%d.]+)") do
  downs = downs + (kind == "down" and 1 or 0)
  tap.ok(tonumber(at) >= time, "in order of time")
  time = tonumber(at)
end
tap.ok(downs > 3 and downs < 40, "about 12 in 3 x 100 s", downs)

-- A queue in which those come first whose memory is kept --------------------------------------------------------------

for how, one in pairs{ pause = 1, recompute = 0 } do
  said = run { rows = { { 0, 10, 10 }, { 0, 10, 10 } }, policy = ([[
function P:init() self.q = self.sim:queue{ by = "paused" } self.sim.inbox = self.q end
function P:schedule(r, step)
  if self.sim.now == 0 then
    local later = self.q:pop()
    step:admit(self.q)
    self.q:push(later)
  elseif not self.seen then
    self.seen = true
    for req in r:each_running() do step:preempt(req, "%s", self.q) end
    say(self.q:peek().id, #self.q)
  end
  step:carry()
  if self.seen then step:admit(self.q) end
  step:quantum(1)
end]]):format(how) }
  tap.equal(said, one .. " 2", 'by = "paused": after ' .. how)
end

-- Old signals ----------------------------------------------------------------------------------------------------

local sees = [[
function P:init()
  local seen = self.sim.replicas[1].seen
  for _, at in ipairs { 0.005, 0.015, 0.105, 0.11 } do
    self.sim:after(at, function()
      say(at, seen.time, seen.running, seen.decodes, seen.context, seen.kv_used, seen.kv_free, seen.waiting,
        seen.waiting_tokens)
    end)
  end
end
function P:arrive(req) self.sim.replicas[1].queue:push(req) end
function P:schedule(r, step) r.max_requests = 1 step:carry() step:admit(r.queue) end]]
local queue = { { 0, 10, 15 }, { 0.05, 7, 1 } }
said = run { rows = queue, policy = sees, cluster = "gpus = 1, signals = { period = 0.1, delay = 0.01 }," }
tap.equal(said, "0.005 0 0 0 0 0 1600 0 0 | 0.015 0 0 0 0 0 1600 1 10 | 0.105 0 0 0 0 0 1600 1 10 | "
  .. "0.11 0.1 1 1 20 32 1568 1 7",
  "period 0.1, delay 0.01: at 0.105 the state at 0, at 0.11 that at 0.1, before anybody planned")
-- Nothing happens between 0.01 and 0.25, which is a time of publication itself: timers at 0.25 see the one before.
said = run { rows = { { 0, 10, 40 } }, policy = (sees:gsub("0.005, 0.015, 0.105, 0.11", "0.25")),
  cluster = "gpus = 1, signals = { period = 0.125 }," }
tap.equal(said, "0.25 0.125 1 1 22 32 1568 0 0", "period 0.125: at 0.25 the state at 0.125")
said = run { rows = queue, policy = sees }
tap.equal(said, "0.005 0.005 1 0 0 16 1584 0 0 | 0.015 0.015 1 1 11 16 1584 0 0 | 0.105 0.105 1 1 20 32 1568 1 7 | "
  .. "0.11 0.11 1 1 21 32 1568 1 7", "no period: what is", said)
local _, late = run { rows = busy, bundled = "least_loaded", cluster = "gpus = 3, signals = { period = 0.1, delay = 0.05 }," }
local _, exact = run { rows = busy, bundled = "least_loaded", cluster = "gpus = 3," }
tap.equal(late.e2e_mean_s, exact.e2e_mean_s, "nobody is woken by them")

-- What was in the caches at a publication, as a timer found it then, is what is seen while it is the last. (Multiples of an
-- eighth are exact.)
program.write(folder .. "/caches.lua", [[
local P = {}
function P:init()
  local sim = self.sim
  self.probes, self.compared, self.wrong, self.positive = {}, 0, 0, 0
  sim:every(0.125, function()
    local found = {}
    for _, r in ipairs(sim.replicas) do
      for i, req in ipairs(self.probes) do found[i + 100 * r.id] = r:cached(req) end
    end
    self.found, self.count, self.at = found, #self.probes, sim.now
    if sim.arrivals_ended and sim.running == 0 then
      for _, req in ipairs(self.probes) do sim.replicas[1].queue:push(req) end
      self.probes = {}
    end
  end, 0.125)
  sim:every(0.125, function()
    for _, r in ipairs(sim.replicas) do
      for i = 1, math.min(self.count or 0, #self.probes) do
        local seen = r.seen:cached(self.probes[i])
        self.compared = self.compared + 1
        self.positive = self.positive + (seen > 0 and 1 or 0)
        if seen ~= self.found[i + 100 * r.id] or r.seen.time ~= self.at then self.wrong = self.wrong + 1 end
      end
    end
    if self.at == 2.5 then sim.replicas[2]:fail(0.4) end
  end, 0.15625)
end
function P:arrive(req)
  local later = req.session and req.prompt_tokens > 60 -- a session's later turn
  if (later or not req.session and req.id % 9 == 0) and #self.probes < 12 then table.insert(self.probes, req) return end
  self.sim.replicas[1 + req.id % 2].queue:push(req)
end
function P:schedule(r, step) step:carry() step:admit(r.queue) step:admit(self.sim.queue) end
function P:done() print(self.wrong, self.compared > 500, self.positive > 0) end
return P
]])
program.write(folder .. "/caches_scenario.lua", [[
local function of(more)
  return scenario {
    workload = synthetic { arrivals = arrivals.poisson{ rate = 40 }, prompt = lengths.uniform(20, 60),
      output = lengths.uniform(1, 30), limit = 400, @ },
    cluster = { gpus = 2, kv_blocks = 120, kv_block = 4, signals = { period = 0.125, delay = 0.03125 } },
    latency = latency.step { base = 0.003, per_token = 0.0001 },
    policies = { "./caches.lua" }, seeds = 1,
  }
end
return of()
]])
local names_of = { "prefix = { tokens = 24, groups = 5 }", "sessions = { turns = lengths.uniform(2, 5), think = 0.3 }" }
for _, names in ipairs(names_of) do
  program.write(folder .. "/c.lua", (program.read(folder .. "/caches_scenario.lua"):gsub("@", names)))
  for _, mode in ipairs { "", "--step" } do
    local lines = program.lines(("cd %s && %s c.lua -q %s --format csv 2>&1 >out"):format(folder, program.path, mode))
    tap.equal(lines[1], "caches: 0 true true", names .. " are seen as they were published " .. mode)
  end
end

-- Who leaves first ---------------------------------------------------------------------------------------------

-- All are done in one step, and leave in order of admission, in whatever order the policy added them.
local BACKWARDS = [[
local function backwards(r, step)
  local list = {}
  for req in r:each_running() do table.insert(list, 1, req) end
  for _, req in ipairs(list) do step:add(req) end
end
function P:schedule(r, step)
  backwards(r, step)
  while #self.sim.queue > 0 do if not step:add(self.sim.queue:peek(), 4) then return end end
end
function P:finish(req) say(req.id) end
]]
for _, output in ipairs{ 1, 3 } do -- prompts in two chunks; decodes
  for _, cluster in ipairs{ "gpus = 1,", "gpus = 2, pipeline = { stages = 2 }," } do
    said = run{ rows = { { 0, 8, output }, { 0, 8, output }, { 0, 8, output } }, cluster = cluster, policy = BACKWARDS }
    tap.equal(said, "0 | 1 | 2", ("%s outputs of %d leave in order of admission"):format(cluster, output))
  end
end

-- Who is lost, and in what order ---------------------------------------------------------------------------------

local PAIR = [[link = { seconds_per_token = 0.01 }, groups = { { name = "a", role = "prefill", gpus = 2 },
  { name = "b", role = "decode", gpus = 1 } },]]
local TOLD = [[
function P:signal(event)
  if event.kind ~= "down" then return end
  local ids = {}
  for i, req in ipairs(event.requests) do ids[i] = req.id end
  say(table.concat(ids, " "))
end
function P:arrive(req) self.sim.replicas[req.id == 2 and 2 or 1].queue:push(req) end
]]
-- Request 1 was admitted before 2, each by a replica of its own; both wait, paused, at a third.
said = run{ rows = { { 0, 10, 1 }, { 0, 10, 3 }, { 0.02, 10, 3 } }, cluster = PAIR, policy = TOLD .. [[
function P:schedule(r, step) step:carry() if r.id < 3 then step:admit(r.queue) end end
function P:init() self.sim:after(0.5, function() self.sim.replicas[3]:fail(1) end) end
]] }
tap.equal(said, "1 2", "requests that were admitted by several replicas are lost in the order in which they were")
-- What is on its way comes behind, as it was sent.
said = run{ rows = { { 0, 20, 3 }, { 0, 10, 3 }, { 0.02, 10, 3 } }, cluster = PAIR, policy = TOLD .. [[
function P:handoff(req) self.late = self.late or {} table.insert(self.late, 1, req) end
function P:init()
  self.sim:after(0.05, function() for _, req in ipairs(self.late) do self.sim:send(req, self.sim.replicas[3]) end end)
  self.sim:after(0.06, function() self.sim.replicas[3]:fail(1) end)
end
]] }
tap.equal(said, "2 1 0", "those on their way are lost in the order in which they were sent")
-- Swapped requests have nothing in the memory of the replica that they come from.
for _, cache in ipairs{ "true", "false" } do
  said = run{ rows = { { 0, 10, 9 }, { 0, 10, 9 }, { 0, 10, 9 }, { 0, 10, 9 }, { 0, 10, 9 } },
    cluster = "gpus = 2, swap = { tokens = 1000, seconds_per_token = 0 }, link = { seconds_per_token = 0.01 }, prefix_cache = "
      .. cache .. ",", policy = TOLD .. [[
function P:arrive(req) self.sim.replicas[1].queue:push(req) end
function P:schedule(r, step)
  if r.id == 1 and self.sim.now > 0.015 and not self.gone then
    self.gone = {}
    for req in r:each_running() do table.insert(self.gone, req) end
    for _, req in ipairs(self.gone) do step:preempt(req, "swap", r.queue) end
    self.sim:after(0, function() for _, req in ipairs(self.gone) do self.sim:send(req, self.sim.replicas[2]) end end)
    self.sim:after(0.01, function() r:fail(1) end)
    return
  end
  step:carry()
  step:admit(r.queue)
  step:quantum(1)
end
]] }
  tap.equal(said, "0 1 2 3 4", "swapped requests on their way are lost with the replica that they come from: cache " .. cache)
end
-- A draining replica whose last request has come to its new one is off, and asked for nothing more.
said = run{ rows = { { 0, 10, 3 } }, cluster = PAIR, policy = TOLD .. [[
function P:init() self.sim:after(0.005, function() self.sim.replicas[1]:drain() end) end
function P:schedule(r, step)
  if r.id == 1 then say(self.sim.now) end
  step:carry()
  step:admit(r.queue)
end
]] }
tap.equal(said, "0 | 0.01", "a replica that has drained is off as soon as its last request has moved")

-- Who is handed over, and to where ------------------------------------------------------------------------------

-- The decode replica is down for ever: the request goes on where it is, from its replica's own queue.
said = run{ rows = { { 0, 10, 3 } }, cluster = PAIR, policy = TOLD .. [[
function P:init() self.sim:after(0.005, function() self.sim.replicas[3]:fail() end) end
function P:handoff() return self.sim.replicas[3] end
function P:finish(req, why) say(why, self.sim.now, req:preemptions()) end
]] }
tap.equal(said, " | done 0.03 0", "where nobody decodes any more, the replica that prefilled goes on")
-- There is another.
said = run{ rows = { { 0, 10, 3 } }, cluster = (PAIR:gsub("gpus = 1 }", "gpus = 2 }")), policy = TOLD .. [[
function P:init() self.sim:after(0.005, function() self.sim.replicas[3]:fail() end) end
function P:handoff() return self.sim.replicas[3] end
function P:signal(event) if event.to then say(event.kind, event.to.id) end end
]] }
tap.equal(said, "arrived 4", "else another that decodes")
-- A scheduler of the shared queue admits from no replica's own.
said = run{ rows = { { 0, 10, 3 } }, cluster = PAIR, bundled = "fcfs" }
tap.ok(said:find("never served 1 of 1 requests") and said:find("admit from `replica.queue`, or use a router", 1, true),
  "who comes with its memory to a queue from which nothing is admitted is warned of", said)

-- Before the warm-up ended nothing was observed.
_, measures = run{ more = "failures = { { at = 0.045, replica = 1, repair = 1 } }, warmup = { seconds = 9 }, stop_time = 0.1,",
  policy = "" }
tap.ok(measures.kv_mean == nil and measures.gpu_util == nil,
  "a run that ended before its warm-up did has no mean of memory, nor of time")
tap.equal(measures.replica_s, 0, "and no seconds of replicas")

-- An idle replica without stages is asked whenever something arrived, though another, that has some, took it.
said = run{ rows = { { 0, 4, 1 }, { 0.001, 4, 1 }, { 0.1, 4, 1 }, { 0.2, 4, 1 } },
  cluster = 'groups = { { name = "a", gpus = 2, pipeline = { stages = 2 } }, { name = "b", gpus = 1 } },', policy = [[
function P:schedule(r, step)
  local req = self.sim.queue:pop_back()
  if r.group == "b" then say(self.sim.now, self.sim.waiting) end
  if r.group == "a" and req.id % 2 == 0 then step:add(req) else self.sim.queue:push(req) end
end
]], more = "stop_time = 0.15," }
tap.equal(said, "0.001 1 | 0.1 1", "an idle replica is asked after an arrival, whoever took it")

-- Many make room at once: 100 decodes have a full block each, and none is free. The 50 of the highest rank go, the highest
-- first and each to the front, so that those who come back do so by rank.
do
  local crowd, order = {}, {}
  for i = 1, 100 do crowd[i] = { 0, 16, 2 } end
  for i = 1, 50 do order[i] = 49 + i end
  for _, cluster in ipairs{ "gpus = 1,", "gpus = 2, pipeline = 2," } do
    said = run{ rows = crowd, cluster = cluster .. " prefix_cache = false,", policy = [[
function P:arrive(req) self.ranks = self.ranks or {} self.ranks[req.id] = req.id * 37 % 100 req:rank(self.ranks[req.id])
  self.sim.queue:push(req) end
function P:schedule(r, step) step:carry{ victim = "rank" } step:admit(self.sim.queue) end
function P:finish(req) if req:preemptions() > 0 then say(self.ranks[req.id]) end end]] }
    tap.equal(said, table.concat(order, " | "), "those who make room go by rank, however many: " .. cluster)
  end
end

-- What is computed again after failures is no sign of too little memory.
do
  program.write(folder .. "/note.lua", [[
return scenario {
  workload = synthetic { arrivals = arrivals.all_at_once{}, prompt = 100, output = 20, limit = 2 },
  cluster = { gpus = 1, kv_blocks = 100 }, latency = latency.step { base = 0.010 },
  failures = { { at = 0.145, replica = 1, repair = 0.02 } }, policies = { "vllm_v1" }, seeds = 1,
}
]])
  local text = table.concat(program.lines(("cd %s && %s note.lua -q 2>&1"):format(folder, program.path)), " ")
  tap.ok(text:gsub("%s+", " "):find("after 0 preemptions per run: what replicas held was lost when they failed", 1, true)
    and not text:find("memory is small", 1, true), "what failures lose is no sign of too little memory", text)
end

-- Stages ---------------------------------------------------------------------------------------------------------

-- Two stages of 5 ms each, a request in each batch. The first has tokens at 10, 20, 30 and 40 ms, the second at 15, 25 and 35.
-- At 42 ms the replica fails: on the batches in flight the first stage has spent 5 and 2 ms, the second 2, in their mean 4.5.
-- At 50 ms it is up, and computes both again: the fifth token of the first comes at 60 ms, the fourth of the second at 65.
do
  local LINE = "gpus = 2, pipeline = { stages = 2, batch_requests = 1 },"
  local STAGED = [[
function P:schedule(r, step) step:carry() step:admit(r.queue) step:admit(self.sim.queue) end
function P:signal(e) say(e.kind, e.replica.id, self.sim.now, e.requests and #e.requests) end
function P:finish(req) say("done", req.id, self.sim.now, req:failures()) end
]]
  local two = { { 0, 10, 5 }, { 0, 10, 4 } }
  local ends = " | up 1 0.05 nil | done 0 0.06 1 | done 1 0.065 1"
  said, measures = run{ rows = two, cluster = LINE, policy = STAGED,
    more = "failures = { { at = 0.042, replica = 1, repair = 0.008 } }," }
  tap.equal(said, "down 1 0.042 2" .. ends, "stages: what is in flight is lost, and computed again")
  tap.ok(math.abs(measures.lost_s - 0.0045) < 1e-12, "lost: what the stages had spent on it, in their mean", measures.lost_s)
  tap.ok(math.abs(measures.replica_s - 0.057) < 1e-12, "there: 65 ms less the 8 ms down", measures.replica_s)
  tap.ok(math.abs(measures.gpu_util - 49.5 / 57) < 1e-9, "busy: 42 and 37 ms before, 10 and 10 after", measures.gpu_util)
  tap.equal(run{ rows = two, cluster = LINE, policy = STAGED
    .. "function P:init() self.sim:after(0.042, function() self.sim.replicas[1]:fail(0.008) end) end" },
    "down 1 0.042 2" .. ends, "the same from a timer")
  -- What leaves the last stage at that instant has counted: the first has its fourth token, and ends with the next.
  said, measures = run{ rows = two, cluster = LINE, policy = STAGED,
    more = "failures = { { at = 0.04, replica = 1, repair = 0.01 } }," }
  tap.equal(said, "down 1 0.04 2" .. ends, "stages: a batch that leaves when its replica fails has counted")
  tap.ok(math.abs(measures.lost_s - 0.0025) < 1e-12, "and the one behind it has not", measures.lost_s)
  -- From `stepped`, when the first batch has left the last stage and the second is on it.
  said = run{ rows = two, cluster = LINE, policy = STAGED .. [[
function P:stepped(r) if self.sim.now > 0.039 and not self.fell then self.fell = true r:fail(0.01) end end]] }
  tap.equal(said, "down 1 0.04 2" .. ends, "stages: a replica may fail in `stepped`")
  -- A replica that drains is off when the last batch has left: 3 tokens each, at 30 and 35 ms. Who comes meanwhile, at 20, goes
  -- to the other one, which is there from 18 ms on.
  said, measures = run{ rows = { { 0, 10, 3 }, { 0, 10, 3 }, { 0.02, 10, 1 } }, cluster = LINE, policy = STAGED .. [[
function P:init() self.sim:after(0.012, function() self.sim:add{ delay = 0.006 } self.sim.replicas[1]:drain() end) end]] }
  tap.equal(said, "draining 1 0.012 0 | up 2 0.018 nil | done 0 0.03 0 | done 2 0.03 0 | done 1 0.035 0 | off 1 0.035 nil",
    "stages: a draining replica is off when all batches have left")
  tap.ok(math.abs(measures.replica_s - 0.058) < 1e-12, "there: 35 and 23 ms", measures.replica_s)
  tap.ok(math.abs(measures.gpu_util - 35 / 58) < 1e-9, "busy: 30 ms of each stage there, and 5 here", measures.gpu_util)
  -- Taken back while it drains, and removed when it is empty.
  said = run{ rows = { { 0, 10, 2 }, { 0.05, 10, 1 } },
    cluster = "start = 2, max_gpus = 4, " .. LINE:gsub("= 2", "= 4", 1), policy = STAGED .. [[
function P:init()
  local one, other = self.sim.replicas[1], self.sim.replicas[2]
  self.sim:after(0.003, function() one:drain() end)
  self.sim:after(0.004, function() one:undrain() end)
  self.sim:after(0.04, function() other:remove() say(self.sim:add(), select(2, self.sim:add())) end)
end]] }
  tap.equal(said:gsub("replica %S+", "replica"), "draining 1 0.003 0 | up 1 0.004 nil | done 0 0.02 0 | replica limit "
    .. "| off 2 0.04 nil | up 3 0.04 nil | done 1 0.06 0", "stages: undrain, remove, add up to the limit")
end

-- Ranks that step together ---------------------------------------------------------------------------------------

-- Two ranks, a request on each: they come, go and fail as one, since none can compute a layer without the others' experts.
local RANKS = [[
function P:arrive(req) self.sim.replicas[req.id % 2 + 1].queue:push(req) end
function P:schedule(r, step) step:carry() step:admit(r.queue) if r.id < 3 then step:admit(self.sim.queue) end end
function P:signal(e) say(e.kind, e.replica.id, self.sim.now, e.requests and #e.requests) end
function P:finish(req) say("done", req.id, self.sim.now) end
]]
local function ranks(gpus) return ("gpus = %d, experts = { parallel = 2 },"):format(gpus) end
do
  -- The second is done at 40 ms. At 45 the failure of its rank loses the fifth token of the first, too, which has 14 tokens
  -- to compute again at 65 and its tenth at 125. Only the rank that computed something has lost 5 ms.
  local rows = { { 0, 10, 10 }, { 0, 10, 4 } }
  local ups = " | up 1 0.065 nil | up 2 0.065 nil | done 0 0.125"
  said, measures = run{ rows = rows, cluster = ranks(2), policy = RANKS,
    more = "failures = { { at = 0.045, replica = 2, repair = 0.02 } }," }
  tap.equal(said, "done 1 0.04 | down 1 0.045 1 | down 2 0.045 0" .. ups, "ranks: with one all of them fail")
  tap.ok(math.abs(measures.lost_s - 0.005) < 1e-12, "a dummy loses nothing", measures.lost_s)
  tap.ok(math.abs(measures.replica_s - 0.21) < 1e-12, "there: 105 ms each", measures.replica_s)
  tap.ok(math.abs(measures.gpu_util - 1) < 1e-9, "busy whenever they were up", measures.gpu_util)
  -- Let fail in the first one's `stepped` at 40 ms: the second's step, which ends then, has counted.
  said = run{ rows = rows, cluster = ranks(2), policy = RANKS .. [[
function P:stepped(r)
  if self.sim.now > 0.039 and not self.fell then self.fell = true self.sim.replicas[2]:fail(0.025) end
end]] }
  tap.equal(said, "done 1 0.04 | down 1 0.04 1 | down 2 0.04 0" .. ups, "ranks: all steps that end then have counted")
  -- At the hand of the third replica, whose turn comes when they have built their first step, and hold it: nothing is lost.
  local hand = [[
function P:stepped() end
local schedule = P.schedule
function P:schedule(r, step)
  schedule(self, r, step)
  if r.id == 3 and not self.fell then self.fell = true self.sim.replicas[2]:fail(0.01) end
end
function P:arrive(req) self.sim.replicas[req.id == 1 and 3 or 1].queue:push(req) end]]
  said, measures = run{ rows = { { 0, 10, 3 }, { 0, 10, 1 } }, cluster = ranks(4), policy = RANKS .. hand }
  tap.equal(said, "down 1 0 1 | down 2 0 0 | done 1 0.01 | up 1 0.01 nil | up 2 0.01 nil | done 0 0.04",
    "ranks: a step that is held and never begins")
  tap.equal(measures.lost_s, 0, "and takes no time")
  -- The same at 20 ms, between two steps.
  said, measures = run{ rows = { { 0, 10, 3 }, { 0.02, 10, 1 } }, cluster = ranks(4), policy = RANKS .. hand }
  tap.equal(said, "down 1 0.02 1 | down 2 0.02 0 | done 1 0.03 | up 1 0.03 nil | up 2 0.03 nil | done 0 0.04",
    "ranks: between two steps")
  tap.equal(measures.lost_s, 0, "where nothing is lost either")
  -- To drain one is to drain them all: off when the last request of any has left. A group more is as many replicas more.
  said, measures = run{ rows = { { 0, 10, 3 }, { 0.02, 10, 1 } }, cluster = ranks(2), policy = RANKS .. [[
function P:arrive(req) (req.id == 0 and self.sim.replicas[1] or self.sim).queue:push(req) end
function P:schedule(r, step) step:carry() step:admit(r.queue) step:admit(self.sim.queue) end
function P:init() self.sim:after(0.012, function()
  local one = self.sim:add{ delay = 0.01 }
  say(one.id, #self.sim.replicas, one.ranks)
  self.sim.replicas[2]:drain()
end) end]] }
  tap.equal(said, "3 4 2 | draining 1 0.012 0 | draining 2 0.012 0 | up 3 0.022 nil | up 4 0.022 nil | done 0 0.03 "
    .. "| off 1 0.03 nil | off 2 0.03 nil | done 1 0.032", "ranks: they drain, and come, together")
  tap.ok(math.abs(measures.replica_s - 0.1) < 1e-12, "there: two of 30 ms and two of 20", measures.replica_s)
  -- Taken back; and removed, when they are empty.
  said = run{ rows = { { 0, 10, 2 } }, cluster = ranks(4) .. " max_gpus = 4,", policy = RANKS .. [[
function P:init()
  local all = self.sim.replicas
  say(select(2, self.sim:add()))
  self.sim:after(0.003, function()
    all[1]:drain()
    all[2]:undrain()
    all[4]:remove()
    say(self.sim:add().id)
  end)
end]] }
  tap.equal(said, "limit | 5 | draining 1 0.003 0 | draining 2 0.003 0 | up 1 0.003 nil | up 2 0.003 nil | off 3 0.003 nil "
    .. "| off 4 0.003 nil | up 5 0.003 nil | up 6 0.003 nil | done 0 0.02", "ranks: undrain, remove, add up to the limit")
  -- `autoscale` counts in groups: 12 requests want three replicas of four requests each, so a second group is added; at 200 ms
  -- none is left, and at 300 none has been for as long as `hold` says.
  local crowd = { { 3, 10, 1 } }
  for _ = 1, 12 do table.insert(crowd, 1, { 0, 10, 20 }) end
  said = run{ rows = crowd, cluster = ranks(2), policy = [[
P = require "autoscale"
local defaults = P.params
function P.params(given)
  local params = defaults(given)
  params.target, params.period, params.hold = 4, 0.1, 0.2
  return params
end
function P:signal(e) say(e.kind, e.replica.id, self.sim.now) end]] }
  tap.equal(said, "up 3 0.1 | up 4 0.1 | draining 1 0.3 | draining 2 0.3 | off 1 0.3 | off 2 0.3",
    "ranks: autoscale counts in groups")
  -- Failures by chance: each rank has a stream of its own, and takes the others with it; both modes agree.
  _, measures = run{ rows = { { 0, 10, 200 }, { 0, 10, 200 } }, cluster = ranks(2), policy = "function P:init() end",
    more = "failures = { mtbf = 0.3, mttr = 0.02 }," }
  tap.ok(measures.finished == 2 and measures.lost_s > 0, "ranks: failures by chance", measures.lost_s)
end

-- Sentences ------------------------------------------------------------------------------------------------------

local function sentence(text, case)
  case.once = true
  local got = run(case)
  tap.ok(got:find(text, 1, true), text, got)
end
local function init(text) return { policy = "function P:init() local r = self.sim.replicas[1] " .. text .. " end" } end
sentence("replica:drain: replica 1 is the last one", init "r:drain()")
sentence("replica:remove: replica 1 is the last one", init "r:remove()")
sentence("replica:fail: replica 2 is starting: only one that is up, or draining, can fail",
  init "self.sim:add{ delay = 1 }:fail()")
sentence('of replicas with the role "prefill" (arrivals) or "decode" (what is handed over), not "both"',
  init 'self.sim:route("load", "both")')
sentence('among replicas of a role requests go to the one with the least "load", "running" or "waiting", not "two"',
  init 'self.sim:route("two", "prefill")')
local hears = "function P:signal() end"
sentence([['signal_kinds' names "drainig"; expected "arrived", "copied", "aborted", "up", "draining", "down" or "off"]],
  { policy = hears, fields = 'signal_kinds = { "up", "drainig" }' })
sentence('"up", with number in it', { policy = hears, fields = "signal_kinds = { 1 }" })
sentence([['signal_kinds' is a list of kinds of events, such as { "up" }, not string]],
  { policy = hears, fields = 'signal_kinds = "up"' })
sentence("and the policy has no such hook", { fields = 'signal_kinds = { "up" }' })
sentence("replica:fail: replica 1 is down", init "r:fail() r:fail()")
sentence("replica:fail: the time of its repair is a number of seconds of at least 0", init "r:fail(-1)")
sentence("sim:add: delay is a number of seconds of at least 0", init "self.sim:add{ delay = -1 }")
sentence("sim:add: 16384 replicas were added in this run already, and no more can be", { policy = [[
  function P:init()
    self.sim:every(0.001, function() for _ = 1, 1024 do self.sim:add{ delay = 1 } end end)
  end]] })
sentence("sim:add: there is no option 'dleay'", init "self.sim:add{ dleay = 1 }")
sentence("sim:add: the scenario's cluster has no groups", init 'self.sim:add{ group = "a" }')
sentence("replica:undrain: replica 1 is up, not draining", init "r:undrain()")
local off = "local off = self.sim:add() off:drain() "
sentence("replica:drain: replica 2 is off", init(off .. "off:drain()"))
sentence("replica:fail: replica 2 is off", init(off .. "off:fail()"))
sentence("this is the queue of replica 2, which is off", { policy = [[function P:arrive(req)
  local off = self.sim:add() off:drain() off.queue:push(req) end]] })
sentence("replica:remove: replica 1 holds requests (1 run); drain it, or let it fail",
  { policy = "function P:init() self.sim:add() self.sim:after(0.015, function() self.sim.replicas[1]:remove() end) end" })
sentence("replica:fail: the step of replica 1 is being filled",
  { policy = "function P:schedule(r, step) step:admit(self.sim.queue) r:fail() end" })
sentence("requests are leaving a replica", { rows = { { 0, 1, 1 } },
  policy = "function P:finish() self.sim.replicas[1]:fail() end" })
sentence("replica 2 and those that step with it (cluster.experts) are the last ones",
  { cluster = ranks(2), policy = "function P:init() self.sim.replicas[2]:drain() end" })
sentence("of one that goes with it (cluster.experts)",
  { cluster = ranks(4), policy = "function P:init() local a = self.sim.replicas a[1]:drain(a[2].queue) end" })
sentence("replica:drain: replica 2 is draining already", { cluster = ranks(4),
  policy = [[function P:init()
    local all = self.sim.replicas
    self.sim:after(0.001, function() all[1]:drain() all[2]:drain() end)
  end]] })
sentence("replica:fail: the step of replica 1 is being filled, which fails with it (cluster.experts)",
  { cluster = ranks(2), policy = "function P:schedule(r, step) step:admit(self.sim.queue) self.sim.replicas[2]:fail() end" })
sentence("replica:remove: replica 2 holds requests (1 run)", { cluster = ranks(4),
  policy = "function P:init() self.sim:after(0.045, function() self.sim.replicas[1]:remove() end) end"
    .. " function P:arrive(req) self.sim.replicas[2].queue:push(req) end" })
sentence("cluster.max_gpus = 3 cannot be dealt out to groups of cluster.experts of 2 GPUs",
  { cluster = ranks(2) .. " max_gpus = 3," })
sentence("cluster.start = 1 replicas are no whole number of groups of 2, which step together (cluster.experts)",
  { cluster = ranks(2) .. " start = 1," })
for text, more in pairs {
  ["failures[1].replica is 2, and the cluster has 1 replica; where policies add some, cluster.max_gpus says"] =
    "failures = { { at = 1, replica = 2 } },",
  ["failures[1].at is -1; expected a number of seconds of at least 0"] = "failures = { { at = -1, replica = 1 } },",
  ["failures[1].repair is -2; expected"] = "failures = { { at = 1, replica = 1, repair = -2 } },",
  ["failures[2]: replica 1 is down at 2 s already, since 1 s"] =
    "failures = { { at = 1, replica = 1, repair = 5 }, { at = 2, replica = 1 } },",
  ["failures.mtbf is 0"] = "failures = { mtbf = 0, mttr = 1 },",
  ["failures.mttr is a nil"] = "failures = { mtbf = 5 },",
  ['failures has no key "mtfb"'] = "failures = { mtfb = 5, mttr = 1 },",
  ["failures is 3"] = "failures = 3,",
} do sentence(text, { more = more }) end
sentence("signals.delay = 1 needs a period", { cluster = "signals = { delay = 1 }," })
sentence("signals.period is -1", { cluster = "signals = { period = -1 }," })
sentence("signals.delay is 2000 periods; expected 1000 at most", { cluster = "signals = { period = 1, delay = 2000 }," })
sentence("cluster.max_gpus = 1 is less than cluster.gpus = 2", { cluster = "gpus = 2, max_gpus = 1," })
sentence("cluster.max_gpus = 3 cannot be dealt out to replicas of 2 GPUs",
  { cluster = "gpus = 2, max_gpus = 3, pipeline = 2," })
sentence("cluster.start = 3 replicas at first are more than the 2 of cluster.gpus", { cluster = "gpus = 2, start = 3," })
sentence("cluster.start leaves no replica at first", { cluster = "gpus = 2, start = 0," })
sentence("start_delay is -1", { cluster = "start_delay = -1," })

-- What an instant brings forth at its own time ---------------------------------------------------------------

-- Replica 1 ends at 0.04 s and sends on what waits, by a timer of that instant; replica 2 has begun its next step by then.
tap.equal(run { cluster = "gpus = 2,", rows = { { 0, 8, 4 }, { 0, 8, 20 }, { 0.025, 8, 3 } }, policy = [[
function P:arrive(q) self.sim.replicas[q.id == 1 and 2 or 1].queue:push(q) end
function P:schedule(r, step)
  step:carry()
  if r.id == 2 or self.sim.now == 0 then
    if self.sim.now > 0 and #r.queue > 0 then say(self.sim.now) end
    step:admit(r.queue)
  elseif r.running == 0 and #r.queue > 0 and not self.sent then
    self.sent = true
    self.sim:after(0, function() self.sim.replicas[2].queue:push(r.queue:pop()) end)
  end
end]] }, "0.05", "a timer of no time comes after the turns that were had")

os.execute("rm -r " .. folder)
tap.done()
