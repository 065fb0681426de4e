-- The bundled routers that look at what replicas hold, on cases worked by hand. All times in ms; a step takes 10 + T, T tokens
-- computed.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local csv = require "csv"
local by_hand = require "by_hand"

local TWO = "kv_block = 2, kv_blocks = 1000, gpus = 2"
local SMALL = "kv_block = 2, kv_blocks = 10, gpus = 2"

-- Where each request was served and when it ended, as a text; replicas are named a, b in the order of their first use.
local function placed(policy, params, cluster, requests, columns, words)
  local rows, list = by_hand.run(policy, params, cluster, by_hand.trace(requests, columns), words), {}
  local names, count = {}, 0
  for i = 1, #requests do
    local row = rows[i - 1]
    if not names[row.replica] then names[row.replica], count = ("abcdef"):sub(count + 1, count + 1), count + 1 end
    list[i] = ("%s %g"):format(names[row.replica], row.end_s * 1000)
  end
  return table.concat(list, ", ")
end

-- session_affinity: 2's second call goes where its first was, 1's, which comes when both replicas are idle, too; the memory
-- there holds 4 of 6 tokens, so a step takes 12. As short ones, or forgotten after 10 ms, both go to the first.
do
  local calls = { { 0, 4, 1, 1 }, { 1, 4, 1, 2 }, { 40, 6, 1, 2 }, { 60, 6, 1, 1 } }
  local function session(params) return placed("session_affinity", params, TWO, calls, "session") end
  tap.equal(session "", "a 14, b 15, b 52, a 72", "session_affinity: sessions stay")
  tap.equal(session "short = 6", "a 14, b 15, a 56, a 72", "session_affinity: short calls do not")
  tap.equal(session "forget = 0.01", "a 14, b 15, a 56, a 72", "session_affinity: nor those that were silent for long")
  tap.equal(placed("session_affinity", 'by = "client"', TWO, { { 0, 4, 1, 1 }, { 1, 4, 1, 2 }, { 40, 6, 1, 2 } }, "client"),
    "a 14, b 15, b 56", "session_affinity: clients")
end

-- prefix_affinity: each prompt of 5 with an answer of 1 adds 15 + 11 to a load. The second begins otherwise, and goes to the
-- other replica; of the third the first has 4 of 5 tokens, 11; of the fourth 4 of 9, no more than half: the loads are 48 and
-- 26 there, and 15 and 19 are to come.
do
  local calls = { { 0, 5, 1, '"[1,2]"' }, { 20, 5, 1, '"[5,6]"' }, { 40, 5, 1, '"[1,2]"' }, { 60, 9, 1, '"[1,2,7,8]"' } }
  tap.equal(placed("prefix_affinity", "", TWO, calls, "prefix"), "a 15, b 35, a 51, b 79", "prefix_affinity: exploit, explore")
  -- A load of 26 beside none is heavy, from the first request on or not.
  local two = { calls[1], { 20, 5, 1, '"[1,2]"' } }
  tap.equal(placed("prefix_affinity", "", TWO, two, "prefix"), "a 15, a 31", "prefix_affinity: what is held is used")
  tap.equal(placed("prefix_affinity", "warm = 0", TWO, two, "prefix"), "a 15, b 35", "prefix_affinity: but not a heavy load")
  -- The first answer is worth 15 + 100 x 11. Half an hour later, ten times the window, that is 0.05, and the second's is 26.
  local old = { { 0, 5, 100, '"[1,2]"' }, { 1800000, 5, 1, '"[3,4]"' }, { 1800100, 5, 1, '"[5,6]"' } }
  tap.equal(placed("prefix_affinity", "", TWO, old, "prefix"), "a 1104, b 1.80002e+06, a 1.80012e+06",
    "prefix_affinity: the load fades")
  tap.equal(placed("prefix_affinity", "window = 1e5", TWO, old, "prefix"), "a 1104, b 1.80002e+06, b 1.80012e+06",
    "prefix_affinity: or it does not")
end

-- weighted_scorers: of 20 tokens the first request takes 6, so the second goes to the other replica. The third finds 4/5 of its
-- prompt, worth 1.6, the fourth too, where the third takes 0.3: 1.6 + 0.7 against 1. With a weight of 0.2: 0.16 + 0.7.
do
  local calls = { { 0, 5, 1, '"[1,2]"' }, { 1, 5, 1, '"[5,6]"' }, { 40, 5, 1, '"[1,2]"' }, { 41, 5, 1, '"[1,2]"' } }
  tap.equal(placed("weighted_scorers", "", SMALL, calls, "prefix"), "a 15, b 16, a 51, a 62", "weighted_scorers: the prefix")
  tap.equal(placed("weighted_scorers", "prefix = 0.2", SMALL, calls, "prefix"), "a 15, b 16, a 51, b 56",
    "weighted_scorers: the memory")
  -- One runs on each; the third waits, so the fourth goes to the other.
  local one = SMALL .. ", max_requests = 1"
  local four = { { 0, 4, 9 }, { 1, 4, 9 }, { 2, 4, 9 }, { 3, 4, 9 } }
  local rows = by_hand.run("weighted_scorers", "", one, by_hand.trace(four))
  tap.ok(rows[2].replica ~= rows[3].replica, "weighted_scorers: the queue")
end

-- dynamo_kv: blocks of 2. The second: 5 to compute there and 5 of its own, 6 in use and 5, 10.5, against 5. The third: 1 + 1,
-- half each, against 5. The fourth: 1 + 1 to compute and 6 + 1 in use, 4.5, against 5; without the first two 3.5 against 2.5.
do
  local calls = { { 0, 5, 1, '"[1,2]"' }, { 1, 5, 1, '"[5,6]"' }, { 40, 5, 1, '"[1,2]"' }, { 41, 5, 1, '"[1,2]"' } }
  tap.equal(placed("dynamo_kv", "", TWO, calls, "prefix"), "a 15, b 16, a 51, a 62", "dynamo_kv: prompts to compute")
  tap.equal(placed("dynamo_kv", "overlap = 0", TWO, calls, "prefix"), "a 15, b 16, a 51, b 56", "dynamo_kv: blocks in use")
  -- The fifth finds the fourth waiting, which lacks 1: 1 + 1 + 1, 6 + 1 + 1, 5.5 against 5.
  calls[5] = { 42, 5, 1, '"[1,2]"' }
  tap.equal(placed("dynamo_kv", "", TWO, calls, "prefix"), "a 15, b 16, a 51, a 62, b 57", "dynamo_kv: who waits")
  -- A long answer on the first replica makes it the dearer one: at a temperature of 1 / ln 3 one in four goes there.
  local many, there = { { 0, 4, 1900 } }, 0
  for i = 1, 1000 do many[i + 1] = { i * 20, 4, 1 } end
  local rows = by_hand.run("dynamo_kv", "temperature = 0.91024", TWO .. ", prefix_cache = false", by_hand.trace(many))
  for i = 1, 1000 do if rows[i].replica == rows[0].replica then there = there + 1 end end
  tap.ok(math.abs(there - 250) < 42, "dynamo_kv: drawn by cost", tostring(there)) -- three standard deviations
end

-- Signals every 50 ms. On those of 0 both replicas are empty, and the first two requests share the first one: 20, 41, 8 of 12;
-- unless the router counts what it sends: 20 and 9 of 11 each. At 51 it sees two there, and the third goes to the other one; or
-- one on each, and it joins the first at 53, 21.
do
  local old = TWO .. ", signals = { period = 0.05 }"
  local calls = { { 0, 10, 10 }, { 1, 10, 10 }, { 51, 10, 1 } }
  local function on(signals) return placed("least_loaded", ('signals = "%s"'):format(signals), old, calls) end
  tap.equal(on "now", on "counted", "least_loaded: what it counts is what there is")
  tap.equal(on "seen", "a 137, a 148, b 71", "least_loaded: old signals")
  tap.equal(on "counted", "a 129, b 120, a 74", "least_loaded: old signals, and what was sent since")
  local rows = by_hand.run("power_of_two", 'signals = "counted"', old, by_hand.trace(calls))
  tap.ok(rows[0].replica ~= rows[1].replica, "power_of_two: old signals, and what was sent since")
  -- The scorers see the first one's memory in use at 51, and what its cache holds.
  for name, prefix in pairs{ memory = 0, ["the prefix"] = 2 } do
    rows = by_hand.run("weighted_scorers", ('signals = "seen", queue = 0, prefix = %d'):format(prefix),
      SMALL .. ", signals = { period = 0.05 }", by_hand.trace({ { 0, 5, 9, '"[1,2]"' }, { 51, 5, 1, '"[1,2]"' } }, "prefix"))
    tap.equal(rows[0].replica == rows[1].replica, prefix > 0, "weighted_scorers: old signals of " .. name)
  end
end

-- A router and its engine may have the same hook: both are called.
do
  by_hand.write("serving.lua", [[
local P = {}
for name, value in pairs(require "fcfs") do P[name] = value end
function P:finish(req) self.sim:observe("engine", req.id) end
return P
]])
  by_hand.write("routing.lua", [[
local R = require "mbsand.router".new()
R.route = "turns"
function R:finish(req) self.sim:observe("router", req.id) end
return R
]])
  by_hand.write("both.lua", ([[return scenario { workload = synthetic { arrivals = arrivals.poisson{ rate = 1 }, prompt = 2,
  output = 2, limit = 2 }, latency = latency.step { base = 0.01 }, seeds = 1,
  policies = { { "%s/routing.lua", engine = "%s/serving.lua" } } }]]):format(by_hand.folder, by_hand.folder))
  os.execute(("%s %s/both.lua --quiet --dump decisions --out %s/both >/dev/null"):format(by_hand.binary, by_hand.folder,
    by_hand.folder))
  local told = {}
  for i, row in ipairs(csv.rows(by_hand.folder .. "/both/decisions-routing-1.csv")) do
    told[i] = ("%s %g"):format(row.name, row.value)
  end
  tap.equal(table.concat(told, ", "), "router 0, engine 0, router 1, engine 1", "a hook of the router and one of its engine")
end

by_hand.done()
