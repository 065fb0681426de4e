-- The C program against the second simulator (simulator.lua), request by request, on random small scenarios.
--
--   lua5.4 tests/oracle/compare.lua [FILES [SEED]]       (from the repository root; 60 files, seed 1)
--
-- Each file is one random workload on one random cluster with seven random policies: one comparison per policy. The
-- program is $MBSAND, else build/mbsand. Times must agree to 1e-9 relative; batches must have the same members, replica,
-- start and end. What disagrees is printed with its file, which is kept.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local csv = require "csv"
local program = require "program"
local simulator = require "simulator"

local FILES, SEED = tonumber(arg[1]) or 60, tonumber(arg[2]) or 1
local POLICIES_PER_FILE = 7
local number, same = program.number, program.same
local read_table, sorted_keys = program.read_table, program.sorted_keys
local draws = require("random_batches")(SEED, POLICIES_PER_FILE)

-- --- the comparison -----------------------------------------------------------------------------------------------------

-- Nil, or a sentence about the first difference.
local function difference(rows, batches, result)
  if not rows then return "the program wrote no dump" end
  local arrived = 0
  for _, r in ipairs(result.requests) do arrived = arrived + (r.arrived and 1 or 0) end
  if #rows ~= arrived then return #rows .. " requests in the dump, oracle: " .. arrived end
  table.sort(rows, function(a, b) return tonumber(a.id) < tonumber(b.id) end)
  local why = {}
  for _, r in ipairs(result.rejected) do why[r.id] = "rejected" end
  local partner = {} -- number of a batch in the program -> that in the oracle
  for i, row in ipairs(rows) do
    local want = result.requests[i]
    local expected = why[want.id] or (want.stop and "done" or "unfinished")
    if row.why ~= expected then
      return ("request %d: %s, oracle: %s"):format(want.id, row.why, expected)
    end
    for _, pair in ipairs{ { "arrival_s", "arrival" }, { "start_s", "start" }, { "first_token_s", "first" },
      { "end_s", "stop" }, { "replica", "replica" }, { "predicted_output", "predicted" } } do
      local known = want.stop or want.start == nil or pair[2] ~= "first" -- dumped of what was served
      if known and not same(row[pair[1]], want[pair[2]]) then
        return ("request %d: %s is %s, oracle: %s"):format(want.id, pair[1], row[pair[1]], tostring(want[pair[2]]))
      end
    end
    if want.batch then
      local batch = partner[row.batch] or want.batch
      partner[row.batch] = batch
      if batch ~= want.batch then return ("request %d is in another batch"):format(want.id) end
    end
  end
  local over = 0
  for _, batch in ipairs(result.batches) do over = over + (batch.stop <= result.finish and not batch.failed and 1 or 0) end
  if #batches ~= over then return #batches .. " batches, oracle: " .. over end
  for _, row in ipairs(batches) do
    local want = result.batches[partner[row.batch]]
    for _, pair in ipairs{ { "replica", "replica" }, { "start_s", "start" }, { "end_s", "stop" },
      { "requests", "requests" }, { "longest_tokens", "longest" } } do
      if not same(row[pair[1]], want[pair[2]]) then
        return ("batch %s: %s is %s, oracle: %s"):format(row.batch, pair[1], row[pair[1]], tostring(want[pair[2]]))
      end
    end
  end
end

local MEASURES = { "rejected", "unfinished", "censored", "served_share", "duration_s", "throughput_rps", "throughput_tps",
  "goodput_rps", "ttft_violation", "tbt_violation", "e2e_violation", "slo_attainment", "waited_fraction", "e2e_mean_s",
  "batches", "batch_mean", "gpu_util", "kv_mean", "kv_peak", "replica_s", "lost_s" }

local function measures_difference(row, measures)
  if row.requests == "" then return end -- all were rejected, so the run failed
  for _, name in ipairs(MEASURES) do
    if not same(row[name], measures[name]) then
      return ("%s is %s, oracle: %s"):format(name, row[name], tostring(measures[name]))
    end
  end
end

-- The oracle says which batch a request was in by replica and start: a replica starts one batch at a time.
local function number_batches(result)
  local at = {}
  for i, batch in ipairs(result.batches) do at[batch.failed and i or batch.replica .. "@" .. number(batch.start)] = i end
  for _, r in ipairs(result.requests) do
    if r.stop then r.batch = at[r.replica .. "@" .. number(r.start)] end
  end
end

local function simulate(s, p, folder)
  return simulator.run{
    policy = simulator.load("policies/" .. p.name .. ".lua"), params = p.params,
    requests = csv.read(folder .. "/requests.csv"), replicas = s.replicas, kv = s.kv or nil, oracle = true,
    latency = s.jobs and simulator.jobs or simulator.law(s.alpha, s.beta, s.gamma, s.least),
    slo = s.slo, block_oversize = s.block, stop = s.stop, warmup = s.warmup, failures = s.failures,
  }
end

local counts, failed, seen = 0, {}, {}
for file = 1, FILES do
  local s, folder = draws.make(), program.temporary_folder()
  draws.write(s, folder)
  program.run(folder, "requests,batches")
  local bad, summary = false, {}
  for _, row in ipairs(read_table(folder .. "/out/summary.csv") or {}) do summary[row.policy] = row end
  for _, p in ipairs(s.policies) do
    local good, result = pcall(simulate, s, p, folder)
    local problem
    if good then
      number_batches(result)
      problem = difference(read_table(folder .. "/out/requests-" .. p.label .. "-1.csv"),
        read_table(folder .. "/out/batches-" .. p.label .. "-1.csv"), result)
        or measures_difference(summary[p.label] or {}, result.measures)
    else
      problem = "the oracle failed: " .. tostring(result)
    end
    counts, seen[p.name] = counts + 1, (seen[p.name] or 0) + 1
    if problem then
      bad = true
      table.insert(failed, ("file %d, %s (%s), %s/scenario.lua: %s"):format(file, p.label, p.name, folder, problem))
    end
  end
  if not bad then os.execute("rm -r '" .. folder .. "'") end
end

for i = 1, math.min(#failed, 20) do print("# " .. failed[i]) end
for _, name in ipairs(sorted_keys(seen)) do print(("# %4d x %s"):format(seen[name], name)) end
tap.ok(#failed == 0, counts .. " random scenarios: the program and the second simulator agree on every request", #failed
  .. " do not")
tap.done()
