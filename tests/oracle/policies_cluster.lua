-- The bundled policies that move memory, and those for replicas that come and go, on cases worked by hand. All times in ms; a
-- step takes 10 + T, T tokens computed; a link takes 0.1 a token, and 2.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local by_hand = require "by_hand"
local case = by_hand.case

local LINK = "kv_block = 2, kv_blocks = 1000, prefix_cache = false, "
  .. "link = { seconds_per_token = 0.0001, latency = 0.002 }, gpus = "

-- disaggregated. One: 10 + 10; 10 tokens, 1 + 2 -> 23; two steps of 11. Two at once: 30; the second is on the wire from 31 to
-- 32 and arrives at 34, as the first decodes, 33 -> 44; together 12, 56; the second's last, 67.
case("a prompt here, its answer there", "disaggregated", "prefills = 1", LINK .. 2, { { 0, 10, 3 } }, { { 0, 20, 45 } })
case("one link for two", "disaggregated", "prefills = 1", LINK .. 2, { { 0, 10, 3 }, { 0, 10, 3 } },
     { { 0, 30, 56 }, { 0, 30, 67 } })
-- Two and two: each has its own.
case("where fewest requests are", "disaggregated", "prefills = 2", LINK .. 4, { { 0, 10, 3 }, { 0, 10, 3 } },
     { { 0, 20, 45 }, { 0, 20, 46 } })
-- Four layers: a quarter of the millisecond is left when the step ends.
case("layer by layer", "disaggregated", "prefills = 1, layers = 4", LINK .. 2, { { 0, 10, 3 } }, { { 0, 20, 44.25 } })
-- Who comes with its memory is no prompt, which would hold up the decodes; and an order of the engine's stays.
for _, engine in ipairs{ "vllm_v0", "sjf" } do
  case("with " .. engine, "disaggregated", ('prefills = 1, engine = "%s"'):format(engine), LINK .. 2,
    { { 0, 10, 3 }, { 0, 10, 3 } }, { { 0, 30, 56 }, { 0, 30, 67 } })
end
-- At most 15 tokens of prompts wait: the second's prompt is computed where answers are; the third waits with the first.
case("prompts spill over", "disaggregated", 'prefills = 1, rule = "splitwise", pending = 15', LINK .. 2,
     { { 0, 10, 1 }, { 0, 10, 1 }, { 0, 10, 1 } }, { { 0, 30, 30 }, { 0, 20, 20 }, { 0, 30, 30 } })
-- A replica for answers with room for 8 tokens: a prompt of 10 stays where it is.
local TIGHT = LINK:gsub(", gpus = $", "") .. [[, groups = { { name = "prompts", role = "prefill", gpus = 1 },
  { name = "answers", role = "decode", gpus = 1, kv_blocks = %d } }]]
case("who finds no room stays", "disaggregated", 'rule = "splitwise"', TIGHT:format(4), { { 0, 10, 3 } }, { { 0, 20, 42 } })
-- 30 for the first token of the second; two decodes, 12.
case("no first token in time", "disaggregated", 'prefills = 1, rule = "mooncake"', LINK .. 2, { { 0, 10, 3 }, { 0, 10, 3 } },
     { { 0, 20, 45 }, {} }, nil, "slo = { ttft = 0.025 },")
case("no next token in time", "disaggregated", 'prefills = 1, rule = "mooncake"', LINK .. 2, { { 0, 10, 9 }, { 50, 10, 3 } },
     { { 0, 20, 111 }, {} }, nil, "slo = { tbt = 0.0115 },")
-- Whoever was set aside at the replica for answers does not wait for what those behind it hold.
do
  local load = [[synthetic { arrivals = arrivals.all_at_once{}, limit = 100, prompt = lengths.uniform(1, 20),
    output = lengths.uniform(1, 30) }]]
  local rows, served, again = by_hand.run("disaggregated", "", TIGHT:format(30), load), 0, 0
  for _, row in pairs(rows) do
    if row.why == "done" then served = served + 1 end
    again = again + tonumber(row.preemptions)
  end
  tap.equal(served, 100, "disaggregated: all are served where memory is short")
  tap.ok(again > 10, "disaggregated: and some are set aside", tostring(again))
end

-- Its routes, said once, are what its hooks say each time; and the least of a measure may be another one.
by_hand.write("hooked.lua", [[
local P = require "disaggregated"
local init = P.init
function P:init()
  init(self)
  self.sim:route(false)
  self.sim:route(false, "decode")
end
return P
]])
for _, what in ipairs{ "load", "running", "waiting" } do
  by_hand.write(what .. ".lua", ([[
local P = require "mbsand.router".new{ prefills = 2 }
local init = P.init
function P:init()
  init(self)
  for i, replica in ipairs(self.sim.replicas) do
    replica.role = i <= 2 and "prefill" or "decode"
    if i > 2 then self.sim:queue{ by = "paused", of = replica } end
  end
  self.sim:route("%s", "prefill")
  self.sim:route("%s", "decode")
end
return P
]]):format(what, what))
end
do
  local load = [[synthetic { arrivals = arrivals.poisson{ rate = 60 }, limit = 300, prompt = lengths.uniform(1, 20),
    output = lengths.uniform(1, 30) }]]
  local cluster = TIGHT:gsub("gpus = 1", "gpus = 2"):format(40)
  local function times(policy, label)
    local rows, list = by_hand.run(policy, 'prefills = 2, label = "it"', cluster, load, "", 0.001, "it"), {}
    for id = 0, 299 do
      local row = rows[id]
      list[#list + 1] = table.concat({ row.replica, row.start_s, row.first_token_s, row.end_s, row.preemptions }, " ")
    end
    return table.concat(list, "\n"), label
  end
  local once = times "disaggregated"
  tap.ok(once == times(by_hand.folder .. "/hooked.lua"), "disaggregated: routes said once are its hooks")
  tap.ok(once == times(by_hand.folder .. "/load.lua"), "sim:route of a role, in a router of its own")
  tap.ok(once ~= times(by_hand.folder .. "/running.lua"), "sim:route of a role: the fewest that run are others")
  tap.ok(once ~= times(by_hand.folder .. "/waiting.lua"), "sim:route of a role: the fewest that wait are others")
end

-- llumnix: the first leaves 30 of 50 blocks of its replica free, the second 28 of the other's, so the third goes to the
-- first's, and joins there at 50, 15. At 60 two run there, 27 blocks free, 13.5 each, and none at the other, 50: the one that
-- decodes migrates. 40 tokens, 4 + 2: at 66 one more is computed, 1 block; it leaves at 77, 2 tokens, 79.2, and has 17 of 20
-- tokens to go; the third has 18, alone. Without migration both go on in steps of 12.
do
  local small = LINK:gsub("1000", "50") .. 2
  local three = { { 0, 40, 20 }, { 1, 44, 1 }, { 2, 4, 20 } }
  case("live migration", "llumnix", "low = 20, period = 0.010", small, three,
    { { 0, 50, 266.2 }, { 1, 55, 55 }, { 50, 65, 275 } })
  case("dispatch alone", "llumnix", "period = 0", small, three, { { 0, 50, 281 }, { 1, 55, 55 }, { 50, 65, 292 } })
end

-- Replicas that fail. The first: 20, 31, 42, and at 45 the rest of a step is lost. On the other, known at once: 13 tokens
-- again, 23 -> 68, and 6 more of 11. Known 10 ms later it waits at the dead one until then.
do
  local FAILS, TWO = "failures = { { at = 0.045, replica = 1, repair = 0.020 } },", "kv_block = 2, kv_blocks = 1000, gpus = 2"
  local one = { { 0, 10, 10 } }
  case("the others go on with it", "failover", "detect = 0", TWO, one, { { 0, 20, 134 } }, nil, FAILS)
  case("when it is known", "failover", "detect = 0.010", TWO, one, { { 0, 20, 144 } }, nil, FAILS)
  -- Alone, all wait until it is repaired, at 65; who comes meanwhile as well: 23 + 10, 98, then 12, 110, 5 of 11.
  for _, name in ipairs{ "round_robin", "random", "least_loaded", "power_of_two", "session_affinity", "prefix_affinity",
    "weighted_scorers", "dynamo_kv", "failover" } do
    case("waits for the repair", name, name == "failover" and "detect = 0" or "", "kv_block = 2, kv_blocks = 1000",
         { { 0, 10, 10 }, { 50, 10, 2 } }, { { 0, 20, 165 }, { 65, 98, 110 } }, nil, FAILS)
  end
end

-- Whatever serves the queues, all are served in the end, each after its failures.
for _, engine in ipairs{ "edf", "exegpt_rra", "fcfs", "hrrn", "mc_sf", "orca", "pang", "past_future", "priority", "qoserve",
  "sarathi", "scorpio", "sjf", "slai", "srpt", "trail", "vllm_v0" } do
  local rows, served = by_hand.run("round_robin", ('engine = "%s"'):format(engine),
    "kv_block = 2, kv_blocks = 200, kv_max_length = 100, gpus = 3",
    [[synthetic { arrivals = arrivals.poisson { rate = 20 }, limit = 150, prompt = lengths.uniform(1, 40),
      output = lengths.uniform(1, 40) }]], "failures = { mtbf = 1, mttr = 0.2 },"), 0
  for _, row in pairs(rows) do
    if row.why == "done" then served = served + 1 end
  end
  tap.equal(served, 150, engine .. ": serves all where replicas fail")
end

-- autoscale: at 10 ms two are there for one replica; another is up at 40. The third request computes alone there, 20; or as one
-- of three, 22, where that takes longer.
do
  local three = { { 0, 10, 10 }, { 1, 10, 10 }, { 40.5, 10, 1 } }
  local grown = "kv_block = 2, kv_blocks = 1000, gpus = 2, start = 1, start_delay = "
  local params = "target = 1, period = 0.010"
  case("one more", "autoscale", params, grown .. "0.030", three, { { 0, 20, 137 }, { 20, 41, 148 }, { 40.5, 60.5, 60.5 } })
  case("too late", "autoscale", params, grown .. "0.040", three, { { 0, 20, 147 }, { 20, 41, 158 }, { 41, 63, 63 } })
end

-- Units of a prefix of 2 tokens, blocks of 4: the block that ends in a unit is that unit's. Of 9 tokens 8 are found.
do
  local ids, blocks = '"[1, 2, 3, 4, 5]"', "kv_block = 4, kv_blocks = 100"
  case("units shorter than a block", "fcfs", "", blocks, { { 0, 9, 1, ids }, { 100, 9, 1, ids } },
    { { 0, 19, 19 }, { 100, 111, 111 } }, "prefix")

  -- In chunks of 4, between which it is set aside: all that it computes is there for the next one, as if it had run on.
  for _, how in ipairs{ "pause", "swap" } do
    by_hand.write("aside.lua", ([[
local Aside = {}
function Aside:schedule(replica, step)
  for req in replica:each_running() do step:preempt(req, "%s") end
  step:admit(self.sim.queue, 1)
end
return Aside]]):format(how))
    local rows = by_hand.run("./aside.lua", "", blocks .. ", token_budget = 4, swap = { tokens = 100, seconds_per_token = 0 }",
      by_hand.trace({ { 0, 9, 1, ids }, { 100, 9, 1, ids } }, "prefix"), "", nil, "aside")
    tap.equal(rows[0].end_s .. " " .. rows[1].end_s, "0.039 0.111", "a prompt computed between two " .. how .. "s is cached")
  end
end

-- Idle with work: what `schedule` of one replica does to the queue of another is no news to that one, which stands idle beside
-- it all the same. Request 0 runs on replica 2, in steps to 20, 31 and 42 ms; request 1 comes at 5 ms. Given to replica 1 at
-- 20 ms, it waits until request 2 comes at 100 ms: 95 ms idle. Taken from replica 1 at 20 ms: 15 ms.
by_hand.write("elsewhere.lua", [[
local P = { params = { gives = true } }
function P:arrive(req)
  local sim = self.sim
  local one, two = sim.replicas[1].queue, sim.replicas[2].queue
  if req.id == 0 then two:push(req) elseif req.id == 1 and self.params.gives then self.held = req else one:push(req) end
end
function P:schedule(replica, step)
  local one = self.sim.replicas[1].queue
  step:carry()
  if replica.id == 1 and (self.params.gives or #one > 1) or replica.id == 2 then step:admit(replica.queue) end
  if replica.id == 2 and self.sim.now >= 0.02 then
    if self.held then one:push(self.held) self.held = nil end
    if not self.params.gives then step:admit(one) end
  end
end
return P
]])
for _, gives in ipairs{ "true", "false" } do
  local requests = { { 0, 10, 3 }, { 5, 10, 2 }, gives == "true" and { 100, 10, 2 } or nil }
  local _, row = by_hand.run(by_hand.folder .. "/elsewhere.lua", "gives = " .. gives .. ', label = "elsewhere"', "gpus = 2",
    by_hand.trace(requests), nil, nil, "elsewhere")
  tap.near(tonumber(row.idle_with_work_s), gives == "true" and 0.095 or 0.015, 1e-9,
    "idle beside another replica's step that gives (" .. gives .. ")")
end

by_hand.done()
