-- Pipelines worked by hand (docs/models.md). A step takes 10 + T ms, dealt out to the stages.
--   lua5.4 tests/oracle/pipeline.lua

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local by_hand = require "by_hand"
local csv = require "csv"
local vidur = require "vidur"

local case, ends = by_hand.case, by_hand.ends

-- 20 ms for the prompt, 10 on each stage; 11 for the token after it.
case("a token comes when its batch leaves the last stage", "fcfs", "", "gpus = 2, pipeline = 2, kv_blocks = 100",
  { { 0, 10, 1 }, { 100, 10, 2 } }, { { 0, 20, 20 }, { 100, 120, 131 } })

-- Stage 1: 0-10 A, 10-20 B, 20-25.5 A, 30-35.5 B. Stage 2: 10-20 A, 20-30 B, 30-35.5 A, 35.5-41 B.
case("the second batch follows as soon as the first stage is free", "fcfs", "",
  "gpus = 2, pipeline = { stages = 2, batch_requests = 1 }, kv_blocks = 100",
  { { 0, 10, 2 }, { 0, 10, 2 } }, { { 0, 20, 35.5 }, { 10, 30, 41 } })

-- One batch at a time: what a replica without stages does, 20 and 11 and so on.
case("with one batch in flight nothing overlaps", "fcfs", "",
  "gpus = 2, pipeline = { stages = 2, batches = 1, batch_requests = 1 }, kv_blocks = 100",
  { { 0, 10, 1 }, { 0, 10, 1 } }, { { 0, 20, 20 }, { 20, 40, 40 } })

-- max_requests = 4 on two batches: two rows each, 10 + 2 x 5 ms.
case("batches share what may run", "fcfs", "", "gpus = 2, pipeline = 2, max_requests = 4, kv_blocks = 100",
  { { 0, 5, 1 }, { 0, 5, 1 }, { 0, 5, 1 }, { 0, 5, 1 } }, { { 0, 20, 20 }, { 0, 20, 20 }, { 10, 30, 30 }, { 10, 30, 30 } })

-- 5 + 2 to send + 15; the second leaves stage 1 at 14 and waits there for stage 2 until 22.
case("shares of their own, and a time to send, in which the sender is busy", "fcfs", "",
  "gpus = 2, pipeline = { stages = 2, shares = { 0.25, 0.75 }, send = 0.002, batch_requests = 1 }, kv_blocks = 100",
  { { 0, 10, 1 }, { 0, 10, 1 } }, { { 0, 22, 22 }, { 7, 37, 37 } })
case("seconds to send a token", "fcfs", "",
  "gpus = 3, pipeline = { stages = 3, shares = { 0.5, 0.25, 0.25 }, send = { per_token = 0.0001 } }, kv_blocks = 100",
  { { 0, 10, 1 } }, { { 0, 22, 22 } })

-- B and C come while stage 1 is busy. Asked at 10, when it is free: both in a batch of 30 ms. Asked ahead: B alone at 3, C
-- when A has left.
local three = { { 0, 10, 1 }, { 3, 10, 1 }, { 4, 10, 1 } }
case("a batch is composed when the first stage is free", "fcfs", "", "gpus = 2, pipeline = 2, kv_blocks = 100",
  three, { { 0, 20, 20 }, { 10, 40, 40 }, { 10, 40, 40 } })
case("or ahead, as soon as there is room", "fcfs", "",
  "gpus = 2, pipeline = { stages = 2, ahead = true }, kv_blocks = 100", three, { { 0, 20, 20 }, { 3, 30, 30 }, { 20, 40, 40 } })

-- Four blocks of 4 tokens, prefixes forgotten: who is preempted must not be in flight.
local tight = "gpus = 2, pipeline = { stages = 2, batch_requests = 1 }, kv_blocks = 4, kv_block = 4, prefix_cache = false"
for _, policy in ipairs { "fcfs", "vllm_v1", "vllm_v0", "sarathi", "srpt", "ltr", "mlfq" } do
  local stops = ends(policy, "", tight, { { 0, 4, 5 }, { 0, 8, 5 }, { 1, 3, 3 }, { 2, 12, 2 } })
  tap.ok(not stops:find "%-", policy .. ": all are served where memory is short", stops)
end

-- Throughput: four requests of 1 + 100 tokens, a row a batch. Steps of 11 ms: one batch at a time does one in 11 ms, S stages
-- one in 11 / S.
local function last(cluster)
  local rows = {}
  for stop in ends("fcfs", "", "kv_blocks = 1000, " .. cluster, { { 0, 1, 100 }, { 0, 1, 100 }, { 0, 1, 100 }, { 0, 1, 100 } })
    :gmatch "%S+" do table.insert(rows, tonumber(stop)) end
  return rows[4]
end
local one, two, four = last "gpus = 1, pipeline = { stages = 1 }, max_requests = 1",
  last "gpus = 2, pipeline = 2, max_requests = 2", last "gpus = 4, pipeline = 4, max_requests = 4"
tap.ok(one == 4400 and two == 2205.5 and four == 1108.25, "so many stages, so many times the throughput, but for filling them",
  ("%g %g %g"):format(one, two, four))

-- Vidur's schedules, batch for batch: who is in each, with how many tokens, from when to when.
local state = 4711
local function draw(low, high)
  state = state * 48271 % 2147483647
  return low + state % (high - low + 1)
end

local function batches_of(policy)
  local list, at = {}, {}
  for _, row in ipairs(csv.rows(by_hand.folder .. "/vidur/batches-" .. policy .. "-1.csv")) do
    list[#list + 1] = { start = tonumber(row.start_s), stop = tonumber(row.end_s), rows = {} }
    at[row.batch] = list[#list]
  end
  for _, row in ipairs(csv.rows(by_hand.folder .. "/vidur/members-" .. policy .. "-1.csv")) do
    table.insert(at[row.batch].rows, row.request .. ":" .. tonumber(row.prompt_tokens) + tonumber(row.output_tokens))
  end
  return list
end

local compared, differing = 0, nil
for stages = 2, 5 do
  local config = { requests = {}, stages = stages, cap = draw(2, 20), chunk = draw(8, 64), base = 0.008, per_token = 0.00025,
    send = 0.0003 }
  local time = 0
  for i = 1, 60 do
    config.requests[i] = { time, draw(1, 150), draw(1, 40) }
    time = time + draw(0, 3) * 0.00371 * draw(1, 9)
  end
  local rows = {}
  for i, r in ipairs(config.requests) do rows[i] = { 1000 * r[1], r[2], r[3] } end
  by_hand.write("vidur.lua", ([[
return scenario {
  workload = %s,
  cluster = { gpus = %d, kv_blocks = 10000, pipeline = { stages = %d, ahead = true, send = %g } },
  latency = latency.step { base = %g, per_token = %g },
  policies = { { "sarathi", chunk = %d, max_requests = %d } },
  seeds = 1,
}]]):format(by_hand.trace(rows), stages, stages, config.send, config.base, config.per_token, config.chunk, config.cap))
  local command = ("%s %s/vidur.lua -q --out %s/vidur --dump batches >/dev/null"):format(by_hand.binary, by_hand.folder,
    by_hand.folder)
  local status = os.execute(command)
  assert(status == true or status == 0, command)
  local want, got = vidur(config), batches_of "sarathi"
  for i, batch in ipairs(want) do
    local names = {}
    for k, row in ipairs(batch.rows) do names[k] = row.id .. ":" .. row.tokens end
    table.sort(names)
    if got[i] then table.sort(got[i].rows) end
    local same = got[i] and table.concat(names, " ") == table.concat(got[i].rows, " ")
      and math.abs(got[i].start - batch.start) < 1e-9 and math.abs(got[i].stop - batch.stop) < 1e-9
    if not same and not differing then
      differing = ("%d stages, batch %d: %s from %.6f to %.6f, not %s from %.6f"):format(stages, i, table.concat(names, " "),
        batch.start, batch.stop, got[i] and table.concat(got[i].rows, " ") or "none", got[i] and got[i].start or 0)
    end
    compared = compared + 1
  end
  if #want ~= #got then differing = differing or ("%d batches, not %d"):format(#want, #got) end
end
tap.ok(not differing, compared .. " batches of Vidur's scheduler, stages and all: the same ones, from when to when", differing)

by_hand.done()
