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

by_hand.done()
