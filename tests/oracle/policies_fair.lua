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

-- dlpm: without prefixes, turns of 6 as in drr, but those who have credit in order of arrival.
tap.equal(six("dlpm", "quantum = 6"), "23 46 92 69 115 138", "dlpm: credit")
-- A's second begins as its first, so 4 of its 6 tokens are there, and it comes before B's; not if A is in debt.
do
  local cached = "kv_block = 2, kv_blocks = 1000, max_requests = 1"
  local shared = { { 0, 4, 1, "A", '"[1,2]"' }, { 1, 4, 1, "B", '"[5,6]"' }, { 2, 6, 1, "A", '"[1,2,9]"' } }
  local names = { "client", "prefix" }
  tap.equal(ends("dlpm", "", cached, shared, names), "14 40 26", "dlpm: the longest prefix")
  tap.equal(ends("dlpm", "quantum = 1", cached, shared, names), "14 28 40", "dlpm: fairness first")
  tap.equal(ends("sglang_lpm", "", cached, shared, names), "14 40 26", "sglang_lpm: the longest prefix")
  -- Two at once that begin alike: the second waits until the first has computed it, and finds 2 of its 4 tokens (the last
  -- block is not whole without the token that must be computed).
  tap.equal(ends("sglang_lpm", "bound = 10", "kv_block = 2, kv_blocks = 1000, max_requests = 2",
    { { 0, 4, 1, '"[1,2]"' }, { 0, 4, 1, '"[1,2]"' }, { 0, 4, 1, '"[5,6]"' } }, "prefix"), "18 30 18",
    "sglang_lpm: what another is about to compute")
end
-- sglang_lpm: 40 tokens of memory, prompts of 4, answers bounded by 20: with all of the bound set aside one at a time. With a
-- tenth, 4 + 20 < 34 - 1.9 when the first decodes.
local FORTY = "kv_block = 2, kv_blocks = 20, prefix_cache = false"
local TWO_OF_FOUR = { { 0, 4, 3, 20 }, { 0, 4, 3, 20 } }
case("room for what the running may generate", "sglang_lpm", "ratio = 1, least = 1", FORTY, TWO_OF_FOUR,
     { { 0, 14, 36 }, { 36, 50, 72 } }, "max_output")
case("less of it", "sglang_lpm", "ratio = 0.1, least = 0.1", FORTY, TWO_OF_FOUR,
     { { 0, 14, 41 }, { 14, 29, 52 } }, "max_output")
-- Memory for 8 tokens is full after three each (14, 26, 38): the second is retracted; it computes 5 again at 49.
local EIGHT, TWO_OF_TWO = "kv_block = 2, kv_blocks = 4, prefix_cache = false", { { 0, 2, 4 }, { 0, 2, 4 } }
case("retracts", "sglang_lpm", "bound = 1, spare = 1", EIGHT, TWO_OF_TWO, { { 0, 14, 49 }, { 0, 14, 64 } })

-- TensorRT-LLM's: the same for max_utilization. no_evict takes 2 + 6 tokens for each of three where there are 16.
case("pauses the newest", "trt_max_utilization", "", EIGHT, TWO_OF_TWO, { { 0, 14, 49 }, { 0, 14, 64 } })
do
  local three = { { 0, 2, 2, 6 }, { 0, 2, 2, 6 }, { 0, 2, 2, 6 } }
  local sixteen = "kv_block = 2, kv_blocks = 8, prefix_cache = false"
  case("memory for the caller's bound", "trt_no_evict", "", sixteen, three, { { 0, 14, 26 }, { 0, 14, 26 }, { 26, 38, 49 } },
       "max_output")
  case("memory for what is there", "trt_max_utilization", "", sixteen, three, { { 0, 16, 29 }, { 0, 16, 29 }, { 0, 16, 29 } },
       "max_output")
end

-- llama_server: A comes into the last of two slots, B into the first, whose prompt is computed first: six tokens are 4 of B and
-- 2 of A (16); then B's token and the rest of A (29); C has B's slot: A's token and C (41). Without continuous batching B's
-- token comes alone (27), then C, in the first slot, and the rest of A (40).
do
  local three = { { 0, 4, 2 }, { 0, 4, 2 }, { 0, 1, 1 } }
  local plenty = "kv_block = 2, kv_blocks = 20, prefix_cache = false"
  case("prompts in the order of slots", "llama_server", "slots = 2, n_batch = 6", plenty, three,
       { { 0, 29, 41 }, { 0, 16, 29 }, { 29, 41, 41 } })
  case("prompts where nobody generates", "llama_server", "slots = 2, n_batch = 6, cont_batching = false", plenty, three,
       { { 0, 40, 51 }, { 0, 16, 27 }, { 27, 40, 40 } })
  -- The slot that was left longest ago is A's, the last: D, in B's, is computed before C.
  case("the slot left longest ago", "llama_server", "slots = 2, n_batch = 3", plenty,
       { { 0, 1, 1 }, { 0, 1, 2 }, { 30, 3, 1 }, { 30, 3, 1 } },
       { { 0, 12, 12 }, { 0, 12, 23 }, { 43, 56, 56 }, { 30, 43, 43 } })
  -- Memory for 8 tokens is full after three each (38): B, in the slot before A's, finds no block first, and computes 5 again.
  case("makes room", "llama_server", "", EIGHT, TWO_OF_TWO, { { 0, 14, 49 }, { 0, 14, 64 } })
end

-- a_min: unit steps, memory for 10, three with prompts of 1 and answers of 6, at least 1 as far as is known: all start. After 3
-- steps memory is out, and C starts again, after 5 B. Computed again they go on where they were: C from 60, B from 90. From
-- the beginning C, at least 3, fits beside A at 50, and B, at least 5, at 60; at 100 memory is out, and B starts once more.
do
  local function all(how)
    local bins = "predict.bins{ edges = { 8 }, lowest = 1, highest = 9 }"
    local load = by_hand.trace({ { 0, 1, 6 }, { 0, 1, 6 }, { 0, 1, 6 } }, nil, bins)
    local rows = by_hand.run("a_min", how, "kv_block = 1, kv_blocks = 10, prefix_cache = false", load, "", 0)
    local list = {}
    for i = 1, 3 do list[i] = ("%g"):format(rows[i - 1].end_s * 1000) end
    return table.concat(list, " ")
  end
  tap.equal(all('preempt = "recompute"'), "60 100 90", "a_min: computed again")
  tap.equal(all(""), "60 160 110", "a_min: restarted")
  tap.equal(all('bound = "high", preempt = "recompute"'), "60 120 180", "a_max: one at a time")
end

-- clearing: at 38, with three tokens each, the newest starts again, at once: its prompt beside A's last token, 13 -> 51, and 3
-- more. With half of the memory protected, and blocks of 2, nobody is beside A.
tap.equal(ends("clearing", "alpha = 0, beta = 0", EIGHT, TWO_OF_TWO), "51 84", "clearing: the newest starts again")
tap.equal(ends("clearing", "alpha = 0.6", EIGHT, TWO_OF_TWO), "45 90", "clearing: a protected share")

-- wait: two begin together at 30: 14, 12. The last need not wait for a second. Alone at 0, one goes at 100, when all do.
case("a group of two", "wait", "thresholds = { 2 }", ONE, { { 0, 2, 2 }, { 30, 2, 2 }, { 50, 2, 2 } },
     { { 30, 44, 56 }, { 30, 44, 56 }, { 56, 68, 79 } })
case("not for ever", "wait", "thresholds = { 2 }, flush = 0.1", ONE, { { 0, 2, 2 }, { 150, 2, 2 } },
     { { 100, 112, 123 }, { 150, 162, 173 } })
-- Kinds, below and from 5 tokens: the long ones of 0 and 40 wait for one another, the short ones of 10 and 20.
case("groups of a kind", "wait", "thresholds = { 2 }, edges = { 5 }", ONE,
     { { 0, 2, 5 }, { 10, 2, 1 }, { 20, 2, 1 }, { 40, 2, 5 }, { 500, 2, 1 } },
     { { 40, 54, 102 }, { 20, 34, 34 }, { 20, 34, 34 }, { 40, 54, 102 }, { 500, 512, 512 } })
-- Who runs waits too: A's second token comes with B's first, 30 -> 43; then no other comes.
case("each stage waits", "wait", "thresholds = { 1 }, hold = true", ONE, { { 0, 2, 3 }, { 30, 2, 1 } },
     { { 0, 12, 54 }, { 30, 43, 43 } })

-- nested_wait: A has a token at 12 and waits for another such, B at 32: together, 12.
case("groups on the way", "nested_wait", "edges = { 1 }, thresholds = { 1, 2 }, look = 1", ONE,
     { { 0, 2, 2 }, { 20, 2, 2 }, { 100, 2, 1 } }, { { 0, 12, 44 }, { 20, 32, 44 }, { 100, 112, 112 } })

-- hygen: an online and an offline request come at once, no step takes more than 15 ms: 2 tokens of the online prompt, 3 of
-- the offline one; its decode and 4; its last and the other 2, 13; then the offline answer's second token, 11.
do
  local load = [[synthetic { arrivals = arrivals.all_at_once{}, limit = 2, classes = {
    { name = "online", share = 1, prompt = 2, output = 3 }, { name = "offline", share = 1, prompt = 9, output = 2 } } }]]
  local told = {}
  for seed = 1, 40 do -- one of each
    local rows = by_hand.run("hygen", "budget = 0.015, margin = 1", ONE, load, "seed = " .. seed .. ",")
    if rows[0].prompt_tokens ~= rows[1].prompt_tokens then
      local online, offline = rows[0], rows[1]
      if online.prompt_tokens == "9" then online, offline = offline, online end
      for _, row in ipairs{ online, offline } do
        told[#told + 1] = ("%g %g %g"):format(row.start_s * 1000, row.first_token_s * 1000, row.end_s * 1000)
      end
      break
    end
  end
  tap.equal(table.concat(told, "; "), "0 15 43; 0 43 54", "hygen: what a step has left")
end

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
