-- Policies of fairness, prefixes and admission on cases worked by hand. Times in ms; a step takes 10 + T, T tokens computed.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local csv = require "csv"
local by_hand = require "by_hand"
local case, ends = by_hand.case, by_hand.ends

local ONE = "kv_block = 2, kv_blocks = 1000, prefix_cache = false"
local function limited(n) return ONE .. ", max_requests = " .. n end

-- Three of A at 0, three of B at 1, one at a time: 12 + 11 each, 2 + 2 x 2 tokens weighed.
local SIX = { { 0, 2, 2, "A" }, { 0, 2, 2, "A" }, { 0, 2, 2, "A" }, { 1, 2, 2, "B" }, { 1, 2, 2, "B" }, { 1, 2, 2, "B" } }
local function six(policy, params) return ends(policy, params, limited(1), SIX, "client") end

-- vtc: A's first is admitted at 0 (counter 2), B comes at 1 and is lifted to 2. At 23 A has 2 + 2 x 2 = 6: B, 35, 46, and has
-- 2 + 6 = 8: A's second, 58, 69, and 12: B's, and so on. With weight 4 A has 1/2 as B comes, and 3/2 at 23: B, to 1/2 + 6; then
-- both of A, at 3 and 9/2.
tap.equal(six("vtc", ""), "23 69 115 46 92 138", "vtc: the client that was served least")
tap.equal(six("vtc", "weights = { 4 }"), "23 69 92 46 115 138", "vtc: weights")

-- drr: a turn of 6 tokens is a request. One of 7 leaves 1, which admits another, into a debt of 5; after B's turn, which does
-- the same, A has 2 and its last. One of 1: both are 5 in debt in turn. A with weight 2: two in a turn.
tap.equal(six("drr", "quantum = 6"), "23 69 115 46 92 138", "drr: a request in a turn")
tap.equal(six("drr", "quantum = 7"), "23 46 115 69 92 138", "drr: credit left, then debt")
tap.equal(six("drr", "quantum = 1"), "23 69 115 46 92 138", "drr: debt is paid in turns")
tap.equal(six("drr", "quantum = 6, weights = { 2 }"), "23 46 92 69 115 138", "drr: weights")

-- rpm_limit: two of a client within 50 ms; at 49 the first, of 0, still counts, at 50 it does not.
tap.equal(ends("rpm_limit", "limit = 2, window = 0.05", ONE,
  { { 0, 2, 1, "A" }, { 10, 2, 1, "A" }, { 12, 2, 1, "B" }, { 49, 2, 1, "A" }, { 50, 2, 1, "A" }, { 61, 2, 1, "A" } },
  "client"), "12 26 26 - 62 74", "rpm_limit: the third within the window is turned away")

-- fairserve: A's first is charged 1, and B lifted to that; at 23 A comes first of equals, with 2, then B, with 2, A's third.
tap.equal(six("fairserve", ""), "23 46 92 69 115 138", "fairserve: requests of their application's usual size count 1")
-- Overloaded at any time: one interaction each.
tap.equal(six("fairserve", "overload = -1, limit = 1"), "23 - - 46 - -", "fairserve: throttled")
-- But the later calls of a session that began pass.
tap.equal(ends("fairserve", "overload = -1, limit = 1", limited(1),
  { { 0, 2, 2, 1 }, { 0, 2, 2, 2 }, { 1, 2, 2, 1 }, { 2, 2, 2, 3 } }, "session"), "23 - 46 -", "fairserve: but not within one")

-- equinox: in turn; with weight 4 A's first two count less than B's first.
tap.equal(six("equinox", ""), "23 69 115 46 92 138", "equinox: in turn")
tap.equal(six("equinox", "weights = { 4 }"), "23 69 92 46 115 138", "equinox: weights")
-- What took long counts less: where a millisecond halves 10 tokens, A's counter is 10 / (1 + 23) at 23 and B's, as lifted to
-- A's prediction of 12 + 2 x 11 ms, 10 / (1 + 34). B's first ends at 46 with 10 / 46 more: 0.503, A's 0.417; A's second at 69,
-- waited 46: 10 / 70 more, 0.560; B's second at 92, 10 / 92 more, 0.612; A's third.
tap.equal(six("equinox", "delta = 1000, beta = 0"), "23 69 115 46 92 138", "equinox: latency counts for the user")

-- plas: the first level takes 30 ms. P's first call takes 33; its second waits behind Q's, and R's, which comes later.
case("programs that were served less first", "plas", "quantum = 0.03", limited(1),
     { { 0, 1, 3, 1 }, { 30, 1, 1, 2 }, { 34, 1, 1, 1 }, { 35, 1, 1, 3 } },
     { { 0, 11, 33 }, { 33, 44, 44 }, { 55, 66, 66 }, { 44, 55, 55 } }, "session")
-- Within a call: after 33 ms, three tokens, P is in the second level, and Q takes its place; P's fourth computes 4 again.
case("a call falls a level", "plas", "quantum = 0.03", limited(1),
     { { 0, 1, 4, 1 }, { 12, 1, 1, 2 } }, { { 0, 11, 58 }, { 33, 44, 44 } }, "session")
-- P's second call would wait behind Q, R and S; at the look of 60 ms it waited 26, more than half of the 33 that it was served.
case("who waited for long is promoted", "plas", "quantum = 0.03, look = 0.06, beta = 0.5", limited(1),
     { { 0, 1, 3, 1 }, { 33, 1, 1, 2 }, { 34, 1, 1, 1 }, { 44, 1, 1, 3 }, { 54, 1, 1, 4 }, { 65, 1, 1, 5 } },
     { { 0, 11, 33 }, { 33, 44, 44 }, { 66, 77, 77 }, { 44, 55, 55 }, { 55, 66, 66 }, { 77, 88, 88 } }, "session")

-- What was published of VTC: clients who ask for more than there is are served alike, within 2 max(256, 2 x 10,240) = 40,960
-- tokens, weighed, of memory for 10,240; first come, first served lets them part without end. 6 and 12 requests/s of 256 + 256.
do
  -- Service of the clients every 10 s, and answer tokens in all.
  local function services(policy, params, streams)
    local rows = {}
    for name, stream in pairs(streams) do
      for i = 0, (600 - stream.from) * stream.rate - 1 do
        rows[#rows + 1] = { (stream.from + i / stream.rate) * 1000, 256, 256, name }
      end
    end
    table.sort(rows, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[4] < b[4]) end)
    local told = {}
    by_hand.write("told.lua", ([[
local P = {}
for name, value in pairs(require "%s") do P[name] = value end
local init = P.init
function P:init()
  if init then init(self) end
  self.sim:every(10, function()
    for _, name in ipairs{ "slow", "fast", "late" } do
      local client = self.sim.clients[name]
      if client then self.sim:observe(name, client.prompt_tokens + 2 * client.output_tokens) end
    end
  end)
end
return P
]]):format(policy))
    by_hand.write("told_scenario.lua", ([[return scenario { workload = %s, stop_time = 600, seeds = 1,
  cluster = { kv_blocks = 640 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = { { "%s/told.lua", %s } }, columns = { "throughput_tps" } }]]):format(by_hand.trace(rows, "client"),
      by_hand.folder, params))
    os.execute(("%s %s/told_scenario.lua --quiet --dump decisions --out %s/told >/dev/null"):format(by_hand.binary,
      by_hand.folder, by_hand.folder))
    for _, row in ipairs(csv.rows(by_hand.folder .. "/told/decisions-told-1.csv")) do
      local at = math.floor(tonumber(row.time_s) + 0.5)
      told[at] = told[at] or { slow = 0, fast = 0, late = 0 }
      told[at][row.name] = tonumber(row.value)
    end
    return told, tonumber(csv.rows(by_hand.folder .. "/told/summary.csv")[1].throughput_tps)
  end
  local TWO = { slow = { rate = 6, from = 0 }, fast = { rate = 12, from = 0 } }
  local function apart(told, weight)
    local most = 0
    for at, row in pairs(told) do
      if at > 60 then most = math.max(most, math.abs(row.fast / weight - row.slow)) end
    end
    return most
  end
  local first, first_tps = services("fcfs", "", TWO)
  tap.ok(apart(first, 1) > 900000, "fcfs: clients part without end", tostring(apart(first, 1)))
  for _, policy in ipairs{ "vtc", "drr" } do
    local told, tps = services(policy, "", TWO)
    tap.ok(apart(told, 1) <= 40960, policy .. ": the bound on the gap of service", tostring(apart(told, 1)))
    tap.ok(math.abs(tps / first_tps - 1) < 0.02, policy .. ": costs no throughput", tostring(tps / first_tps))
    -- Weights 2 and 1 (fast is the first to come): half of what fast gets stays as near.
    local heavy = apart(services(policy, "weights = { 2, 1 }", TWO), 2)
    tap.ok(heavy <= 40960, policy .. ": weights 2 and 1", tostring(heavy))
    -- A third who was silent until 300 s has a third from then on, and nothing for the time before.
    local three = services(policy, "", { slow = TWO.slow, fast = TWO.fast, late = { rate = 6, from = 300 } })
    local most, since = 0, three[300]
    for at, row in pairs(three) do
      if at > 300 then
        local all = row.slow + row.fast + row.late - since.slow - since.fast
        most = math.max(most, math.abs(row.late - all / 3))
      end
    end
    tap.ok(most <= 40960, policy .. ": who comes late gets a third", tostring(most))
  end
end

by_hand.done()
