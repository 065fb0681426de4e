-- The bundled policies that look at what requests were promised, on cases worked by hand. All times in ms; a step takes 10 + T,
-- T tokens computed.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local by_hand = require "by_hand"
local tap = require "tap"
local ONE = "kv_block = 2, kv_blocks = 1000, prefix_cache = false"
local function limited(n) return ONE .. ", max_requests = " .. n end

local function case(name, policy, params, cluster, requests, expect, words)
  by_hand.case(name, policy, params, cluster, requests, expect, nil, words)
end

-- One of each class, all at once: prompts of 2, answers of 4.
local function both(tight, loose)
  return ([[synthetic { arrivals = arrivals.all_at_once{}, limit = 2, prompt = 2, output = 4, classes = {
    { name = "tight", share = 1, slo = { tbt = %g } }, { name = "loose", share = 1, slo = { tbt = %g } } } }]]):format(
    tight, loose)
end

-- slai: A's first token comes at 12, its second at 23, as B, 10 tokens, waits. Chunks of 4: 37, 51; A's third may come with the
-- last two, 64, then 75. With a promise of 12 ms it is critical at 37: 3 of B beside it, 51; the last 3 with A's fourth, which
-- just finds room, 65.
local HELD = { { 0, 2, 4 }, { 13, 10, 1 } }
case("a decode without a promise waits", "slai", "chunk = 4, offset = 0", ONE, HELD, { { 0, 12, 75 }, { 23, 64, 64 } })
case("until it is critical", "slai", "chunk = 4, offset = 0", ONE, HELD, { { 0, 12, 65 }, { 23, 65, 65 } },
     "slo = { tbt = 0.012 },")
-- The mean of steps is 1.2 at 12, 2.18 at 23, 3.36 at 37: ten of them make the 63 of a promise of 40 ms critical there.
case("by its offset", "slai", "chunk = 4, offset = 10", ONE, HELD, { { 0, 12, 65 }, { 23, 65, 65 } },
     "slo = { tbt = 0.040 },")
case("the shortest prompt first", "slai", "", limited(1), { { 0, 2, 1 }, { 1, 9, 1 }, { 2, 2, 1 } },
     { { 0, 12, 12 }, { 24, 43, 43 }, { 12, 24, 24 } })

-- scorpio: B may have its first token up to 31, and A holds the place until 100.
case("who comes too late is rejected", "scorpio", "", limited(1), { { 0, 2, 9 }, { 1, 2, 1 } }, { { 0, 12, 100 }, {} },
     "slo = { ttft = 0.030 },")
-- Steps of two decodes take 12, of three 13: the third waits.
case("as many as the promise bears", "scorpio", "", ONE, { { 0, 2, 2 }, { 0, 2, 2 }, { 0, 2, 2 } },
     { { 0, 14, 26 }, { 0, 14, 26 }, { 26, 38, 49 } }, "slo = { tbt = 0.0125 },")
-- Both prompts, 14. The loose one is in every second step: 25 without, 37 with it; at 48 the tight one has its fourth. Alone:
-- 59, 70.
case("a promise half as tight is half as often served", "scorpio", "", ONE, both(0.020, 0.040),
     { { 0, 14, 48 }, { 0, 14, 70 } }, "seed = 1,")
case("but not where both are as tight", "scorpio", "", ONE, both(0.020, 0.020), { { 0, 14, 50 }, { 0, 14, 50 } })

-- qoserve: A's second token comes at 23, its third is due at 12 + 2 x 20.3 = 52.6: 18 of B's 20 fit in, 29 -> 52. The fourth is
-- due at 72.9: the other 2, 65.
case("the chunk is what the slack lets it be", "qoserve", "least = 1", ONE, { { 0, 2, 4 }, { 13, 20, 1 } },
     { { 0, 12, 65 }, { 23, 65, 65 } }, "slo = { tbt = 0.0203 },")
-- Without a promise, all: 31 -> 54.
case("all where nothing is promised", "qoserve", "", ONE, { { 0, 2, 4 }, { 13, 20, 1 } }, { { 0, 12, 65 }, { 23, 54, 54 } })
-- At 100 B's 51 is lost, C's 120 is not.
case("who is late is relegated", "qoserve", "", limited(1), { { 0, 2, 9 }, { 1, 2, 1 }, { 70, 2, 1 } },
     { { 0, 12, 100 }, { 112, 124, 124 }, { 100, 112, 112 } }, "slo = { ttft = 0.050 },")
-- alpha: C's prompt is 8 shorter, and it came 3 ms later.
case("a shorter prompt first", "qoserve", "alpha = 0.001", limited(1), { { 0, 2, 1 }, { 1, 10, 1 }, { 4, 2, 1 } },
     { { 0, 12, 12 }, { 24, 44, 44 }, { 12, 24, 24 } })
case("but not if it came long after", "qoserve", "alpha = 0.0001", limited(1), { { 0, 2, 1 }, { 1, 10, 1 }, { 4, 2, 1 } },
     { { 0, 12, 12 }, { 12, 32, 32 }, { 32, 44, 44 } })

-- exegpt_rra: two prompts, 14; two steps of decodes, 38; the third prompt alone, 50; 13 -> 63, 11 -> 74; nobody waits: 85.
case("encodings and decodes take turns", "exegpt_rra", "encode = 2, decode = 2", ONE, { { 0, 2, 4 }, { 0, 2, 4 }, { 0, 2, 4 } },
     { { 0, 14, 63 }, { 0, 14, 63 }, { 38, 50, 85 } })
-- A's prompt of 2, 12, and one step, 23; B and C are as many tokens as two of the mean then, 4 and not 6.
case("as many tokens as so many prompts have", "exegpt_rra", "encode = 2, decode = 1", ONE,
     { { 0, 2, 3 }, { 1, 2, 1 }, { 2, 2, 1 }, { 3, 2, 1 } }, { { 0, 12, 48 }, { 23, 37, 37 }, { 23, 37, 37 }, { 48, 60, 60 } })

-- andes: both readers lose all by waiting, and B, 1/1 for its context against A's 1/2, takes the place: 23, 34. A goes on: 122.
local SWAP = limited(1) .. ", swap = { tokens = 100, seconds_per_token = 0 }"
case("whoever gains most for its memory", "andes", "", SWAP, { { 0, 2, 9 }, { 1, 1, 2 } }, { { 0, 12, 122 }, { 12, 23, 34 } })
case("but not at the price of more preemptions", "andes", "preemptions = 0", SWAP, { { 0, 2, 9 }, { 1, 1, 2 } },
     { { 0, 12, 100 }, { 100, 111, 122 } })
-- At 50 A's reader has 362 ms of text left to read, more than the horizon: B takes the place at 56: 70, 81. A's last four: 125.
case("who has enough to read waits", "andes", "horizon = 0.2, look = 0.05, ttft = 0", SWAP, { { 0, 2, 9 }, { 1, 4, 2 } },
     { { 0, 12, 125 }, { 56, 70, 81 } })

-- polyserve: two decodes take 12, three 13: the third request opens the second replica.
case("a full replica before an empty one", "polyserve", "", ONE .. ", gpus = 2", { { 0, 2, 2 }, { 0, 2, 2 }, { 0, 2, 2 } },
     { { 0, 14, 26 }, { 0, 14, 26 }, { 0, 12, 23 } }, "slo = { tbt = 0.0125 },")
-- A tier has its replica, and four replicas are more than two tiers need here; with one they share.
do
  local load = [[synthetic { arrivals = arrivals.poisson{ rate = 20 }, prompt = 2, limit = 200, classes = {
    { name = "tight", share = 1, output = 10, slo = { tbt = 0.020 } },
    { name = "loose", share = 1, output = 11, slo = { tbt = 0.040 } } } }]]
  local function places(gpus)
    local most, shared, class = 0, false, {}
    for _, row in pairs((by_hand.run("polyserve", "", ONE .. ", gpus = " .. gpus, load))) do
      most = math.max(most, tonumber(row.replica))
      for _, other in ipairs(class[row.replica] or {}) do
        shared = shared or other.output_tokens ~= row.output_tokens and tonumber(other.start_s) < tonumber(row.end_s)
          and tonumber(row.start_s) < tonumber(other.end_s)
      end
      class[row.replica] = class[row.replica] or {}
      table.insert(class[row.replica], row)
    end
    return most, shared
  end
  local most, shared = places(4)
  tap.ok(most == 2 and not shared, "polyserve: a replica for each promise", ("%d %s"):format(most, tostring(shared)))
  tap.ok(select(2, places(1)), "polyserve: a looser promise shares a tighter one's replica where there is no other")
end

-- multi_bin_slo: two promises, two batches: 12 and three steps of 11; then the same again. With the same promise one batch.
case("a bin for each promise", "multi_bin_slo", "", ONE, both(0.020, 0.040), { { 0, 12, 45 }, { 45, 57, 90 } }, "seed = 1,")
case("which may be the same", "multi_bin_slo", "", ONE, both(0.020, 0.020), { { 0, 14, 50 }, { 0, 14, 50 } }, "seed = 1,")

-- bucketserve: batches of two. Four wait, three of them below 6, the middle of 1 to 11: the bucket is cut there, and two of the
-- short ones are served, 14. Of the two that are left neither bucket has too many: the short one alone, 26. One is left, and
-- one bucket: 46. With no cut the short and the long one would be padded to 10 both, 44.
local BUCKETS = { { 0, 2, 1 }, { 0, 2, 1 }, { 0, 2, 1 }, { 0, 10, 1 } }
case("a crowded bucket is cut in the middle", "bucketserve", "max_batch = 2", ONE, BUCKETS,
     { { 0, 14, 14 }, { 0, 14, 14 }, { 14, 26, 26 }, { 26, 46, 46 } })
case("but not if most are in its upper half", "bucketserve", "max_batch = 2, split = 0.8", ONE, BUCKETS,
     { { 0, 14, 14 }, { 0, 14, 14 }, { 14, 44, 44 }, { 14, 44, 44 } })

-- scls: one at a time, slices of two tokens: A, 12, 23; B, 35, 46, done; A computes 4 tokens again, 60, 71. Together: 14, 26,
-- and A alone: 40, 51.
local SLICED = { { 0, 2, 4 }, { 0, 2, 2 } }
case("slices take turns", "scls", "slice = 2, max_batch = 1", ONE, SLICED, { { 0, 12, 71 }, { 23, 35, 46 } })
case("of a batch", "scls", "slice = 2", ONE, SLICED, { { 0, 14, 51 }, { 0, 14, 26 } })
-- Steps take 10 + T: a batch costs 10 for each of its 4 steps, and padding a prompt of 2 to 60 costs 58. So the short ones are
-- apart, and the long one, which lasts longer, is first: 70, 81, 92, 103.
case("batches of like lengths, the longest first", "scls", "slice = 4", ONE, { { 0, 2, 4 }, { 0, 60, 4 }, { 0, 2, 4 } },
     { { 103, 117, 153 }, { 0, 70, 103 }, { 103, 117, 153 } })

-- silo: each class has its replica; alone there, 12 and three steps of 11. On one replica they share it.
case("a replica for each class", "silo", "", ONE .. ", gpus = 2", both(0.020, 0.040), { { 0, 12, 45 }, { 0, 12, 45 } },
     "seed = 1,")
case("and where there is one only", "silo", "", ONE, both(0.020, 0.040), { { 0, 14, 50 }, { 0, 14, 50 } }, "seed = 1,")

-- trail: as srpt: B, with 2 left, interrupts A, with 8: 24, 35; A computes 3 tokens again, 48, and has 7 more. An A that is
-- too old from the start stays.
local LONG_SHORT = { { 0, 2, 9 }, { 1, 2, 2 } }
case("the shorter interrupts", "trail", "", limited(1), LONG_SHORT, { { 0, 12, 125 }, { 12, 24, 35 } })
case("an old request is left alone", "trail", "age = 0", limited(1), LONG_SHORT, { { 0, 12, 100 }, { 100, 112, 123 } })
-- By what the predictor says now. Of A all that is known is that it has 20 to 40 tokens: 30 at first, and after 30 tokens 31 to
-- 40, so that 5 or 6 are left. B has 1 to 9, 5 in the middle, and makes A compute 32 tokens again, 365 -> 407, 9 more. For
-- srpt, A is as good as done.
do
  local bins = "{ predictor = predict.bins{ edges = { 10, 20 }, highest = 40 },"
  local load = by_hand.trace{ { 0, 2, 40 }, { 325, 2, 3 } }:gsub("{", bins, 1)
  case("by the newest prediction", "trail", "age = 2, weight = 1", limited(1), load, { { 0, 12, 506 }, { 331, 343, 365 } })
  case("by the first prediction", "srpt", "age = 2", limited(1), load, { { 0, 12, 441 }, { 441, 453, 475 } })
end

by_hand.done()
