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
local number, literal, write, same = program.number, program.literal, program.write, program.same
local read_table, sorted_keys = program.read_table, program.sorted_keys
local random = program.random(SEED)
local uniform, whole, pick, chance = random.uniform, random.whole, random.pick, random.chance

-- --- random scenarios -------------------------------------------------------------------------------------------------

-- Arrivals of `n` requests. `equal`: several may come at the same time, and ends may meet arrivals.
local function make_requests(n, equal)
  local pattern = equal and pick{ "grid", "poisson", "bursts", "at_once" } or pick{ "poisson", "slow_poisson" }
  local gap = pick{ 0.01, 0.1, 1 }
  local longest = pick{ 8, 100, 2000 }
  local requests, time = {}, 0
  for i = 1, n do
    if pattern == "poisson" then time = time - gap * math.log(uniform())
    elseif pattern == "slow_poisson" then time = time - 10 * gap * math.log(uniform())
    elseif pattern == "grid" then time = time + gap * whole(0, 3)
    elseif pattern == "bursts" and chance(0.1) then time = time + gap * whole(1, 40) end
    local output = whole(1, longest)
    requests[i] = { arrival = time, prompt = whole(1, longest), output = output,
      predicted = chance(0.5) and output or whole(1, longest), service = whole(1, 20) / 4 }
  end
  local first = requests[1].arrival -- mbsand's clock starts at the first row
  for i = 1, n do requests[i].arrival = requests[i].arrival - first end
  return requests
end

-- Parameters by policy: functions, drawn anew for each use. Equal times: only where the origin's own order of events does
-- not matter.
local RULES = { "equal_mass", "equal_width", "geometric", "optimal" }
local function limits(params)
  params.max_batch = pick{ 1, 2, 8, 32, 128 }
  params.min_batch = whole(1, math.min(3, params.max_batch))
  params.memory_rule = pick{ "exact", "linear", "margin", "off" }
  params.overflow = pick{ 0.01, 0.05, 0.3 }
  params.margin = pick{ 0, 0.1, 0.5 }
  params.sla_width, params.sla_step, params.sla_window = pick{ 2, 16 }, pick{ 1, 4 }, pick{ 1, 5, 20 }
  return params
end
local function bins(params)
  params.bins, params.key = whole(1, 6), pick{ "predicted_output", "prompt_tokens", "predicted_total" }
  if chance(0.3) then
    local edge, edges = 0, {}
    for i = 1, whole(1, 4) do
      edge = edge + whole(1, 300)
      edges[i] = edge
    end
    params.edges = edges
  else
    params.rule = pick(RULES)
  end
  return params
end
local function selection(params)
  params.selection = pick{ "round_robin", "longest_queue" }
  return params
end
local CORRECTED = {
  static_fifo = function() return { batch_size = whole(1, 12) } end,
  dynamic_no_bins = function() return limits{} end,
  multi_bin = function()
    return bins{ batch_size = whole(1, 8), max_wait = chance(0.5) and pick{ 0.05, 1, 7 } or nil }
  end,
  multi_bin_dynamic = function()
    return limits(bins{ batch_size = whole(2, 16), selection = pick{ "round_robin", "longest_queue", "oldest_head" },
      controller = pick{ "per_bin", "global" } })
  end,
}
local ORIGIN = {
  ["origin/static_fifo"] = function() return { batch_size = whole(1, 12) } end,
  ["origin/dynamic_no_bins"] = function() return { max_batch = pick{ 8, 128 }, tolerance = pick{ 0.001, 0.005 } } end,
  ["origin/multi_bin_only"] = function() return selection{ bins = whole(1, 6), batch_size = whole(1, 32) } end,
  ["origin/multi_bin_dynamic"] = function()
    return selection{ bins = whole(1, 6), controller = pick{ "per_bin", "global" }, max_batch = pick{ 8, 128 } }
  end,
  ["origin/first_static_fifo"] = function() return { batch_size = whole(1, 12) } end,
  ["origin/first_dynamic_no_bins"] = function() return { max_candidates = pick{ 4, 64 } } end,
  ["origin/first_multi_bin_only"] = function()
    return selection{ bins = whole(1, 6), batch_size = whole(1, 32), max_candidates = pick{ 4, 64 } }
  end,
  ["origin/first_multi_bin_dynamic"] = function() return selection{ bins = whole(1, 6), max_candidates = pick{ 4, 64 } } end,
}

local CORRECTED_NAMES, ORIGIN_NAMES = sorted_keys(CORRECTED), sorted_keys(ORIGIN)

local function make_scenario()
  local equal = chance(0.6)
  local s = { equal = equal, requests = make_requests(whole(5, 200), equal), replicas = whole(1, 5), policies = {} }
  local largest, sum = 0, 0
  for _, r in ipairs(s.requests) do
    largest, sum = math.max(largest, r.prompt + r.output), sum + r.prompt + r.output
  end
  -- None, ample, tight, and too small for some requests.
  s.kv = pick{ false, sum, largest + whole(0, largest), math.max(2, math.floor(largest * 0.7)) }
  s.block = s.kv and s.kv < largest and chance(0.3) or false
  s.jobs = chance(0.2)
  s.alpha, s.beta, s.gamma = pick{ 0, 0.01, 0.25 }, pick{ 0.0002, 0.005, 0.0078125 }, pick{ 0, 0.3, 1 }
  s.least = pick{ 0, 0.05 }
  s.slo = { tbt = chance(0.7) and pick{ 0.0003, 0.006, 0.01 } or nil, ttft = chance(0.3) and pick{ 0.25, 1, 8 } or nil,
    e2e = chance(0.6) and pick{ 0.5, 3, 20 } or nil }
  local last = s.requests[#s.requests].arrival
  s.stop = chance(0.3) and 0.01 + last * 1.3 * uniform() or nil
  s.warmup = chance(0.3) and pick{ { requests = whole(1, 60) }, { seconds = 0.01 + last * 0.6 * uniform() } } or nil
  for i = 1, POLICIES_PER_FILE do
    local name = (equal or chance(0.4)) and pick(CORRECTED_NAMES) or pick(ORIGIN_NAMES)
    s.policies[i] = { name = name, label = "p" .. i, params = (CORRECTED[name] or ORIGIN[name])() }
  end
  return s
end

-- --- as files for the program -------------------------------------------------------------------------------------------

local function write_files(s, folder)
  local rows = { "arrival,prompt,output,predicted,service" }
  for _, r in ipairs(s.requests) do
    table.insert(rows, table.concat({ number(r.arrival), number(r.prompt), number(r.output), number(r.predicted),
      number(r.service) }, ","))
  end
  write(folder .. "/requests.csv", table.concat(rows, "\n") .. "\n")
  local policies = {}
  for i, p in ipairs(s.policies) do
    local fields = { literal(p.name), "label = " .. literal(p.label) }
    for _, key in ipairs(sorted_keys(p.params)) do table.insert(fields, key .. " = " .. literal(p.params[key])) end
    policies[i] = "    { " .. table.concat(fields, ", ") .. " },\n"
  end
  write(folder .. "/scenario.lua", table.concat{
    "return scenario {\n  workload = trace.csv ", literal(folder .. "/requests.csv"), " {\n",
    "    columns = { time = 'arrival', prompt = 'prompt', output = 'output', predicted = 'predicted', ",
    "service = 'service' },\n    predictor = predict.column {},\n  },\n",
    "  cluster = { gpus = ", s.replicas, ", kv_tokens = ", s.kv and number(s.kv) or "'unlimited'",
    s.block and ", oversize = 'block'" or "", " },\n",
    s.jobs and "  latency = latency.jobs {},\n" or string.format(
      "  latency = latency.batch { alpha = %s, beta = %s, gamma = %s, floor = %s },\n",
      number(s.alpha), number(s.beta), number(s.gamma), number(s.least)),
    "  slo = ", literal(s.slo), ",\n", s.stop and "  stop_time = " .. number(s.stop) .. ",\n" or "",
    s.warmup and "  warmup = " .. literal(s.warmup) .. ",\n" or "",
    "  seeds = 1, oracle = true,\n  policies = {\n", table.concat(policies), "  },\n}\n" })
end

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
  for _, batch in ipairs(result.batches) do over = over + (batch.stop <= result.finish and 1 or 0) end
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
  "batches", "batch_mean", "gpu_util", "kv_mean", "kv_peak" }

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
  for i, batch in ipairs(result.batches) do at[batch.replica .. "@" .. number(batch.start)] = i end
  for _, r in ipairs(result.requests) do
    if r.stop then r.batch = at[r.replica .. "@" .. number(r.start)] end
  end
end

local function simulate(s, p, folder)
  return simulator.run{
    policy = simulator.load("policies/" .. p.name .. ".lua"), params = p.params,
    requests = csv.read(folder .. "/requests.csv"), replicas = s.replicas, kv = s.kv or nil, oracle = true,
    latency = s.jobs and simulator.jobs or simulator.law(s.alpha, s.beta, s.gamma, s.least),
    slo = s.slo, block_oversize = s.block, stop = s.stop, warmup = s.warmup,
  }
end

local counts, failed, seen = 0, {}, {}
for file = 1, FILES do
  local s, folder = make_scenario(), program.temporary_folder()
  write_files(s, folder)
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
