-- No policy beats the bound of --bound: random scenarios, policies and seeds, under every law that has a bound.
--   lua tests/oracle/bound.lua [SCENARIOS [SEED]]      (from the repository root; 100 scenarios, seed 1)
--
-- Half of the policies of engines do anything by chance (chaos.lua). A bound that is met must be met exactly, and one that
-- is never met would be no news: so the smallest regret of each measure is looked at as well.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local SCENARIOS, SEED = tonumber(arg[1]) or 100, tonumber(arg[2]) or 1
local random = program.random(SEED)
local uniform, whole, pick, chance = random.uniform, random.whole, random.pick, random.chance
local literal = program.literal
local folder = program.temporary_folder()

-- --- random scenarios -----------------------------------------------------------------------------------------------

local function lengths(most)
  return pick{ ("lengths.uniform(1, %d)"):format(most), tostring(whole(1, most)),
    ("lengths.lognormal{ mean = %g, median = %g, min = 1, max = %d }"):format(most / 4, most / 8, most) }
end

local function workload(requests, most, more)
  local arrivals = pick{ "poisson{ rate = %g }", "constant{ rate = %g }", "gamma{ rate = %g, cv = 3 }", "all_at_once{}" }
  return ("synthetic { arrivals = arrivals.%s, prompt = %s, output = %s, limit = %d, %s }"):format(
    arrivals:format(pick{ 0.2, 2, 10, 40 }), lengths(most), lengths(most), requests, more)
end

local function step_latency()
  local unit = chance(0.4) and 2 ^ -10 or 0.001 * uniform()
  local more = ""
  if chance(0.3) then -- steps with prompts may be the cheaper ones
    more = (", prompts = { base = %.17g, per_token = %.17g, per_context = %.17g, per_request = %.17g }"):format(
      pick{ 4, 16, 30 } * unit, pick{ 0.2, 1, 2 } * unit, pick{ 0, 0.3 } * unit, pick{ 0, 1 } * unit)
  end
  if chance(0.3) then more = more .. pick{ ", graph_sizes = { 1, 2, 4, 8 }", ", graph_sizes = { 8, 64 }" } end
  return ("latency.step { base = %.17g, per_token = %.17g, per_context = %.17g, per_request = %.17g, host = %.17g%s }")
    :format(pick{ 1, 16 } * unit, unit, pick{ 0, 1 / 16, 0.5, 4 } * unit, pick{ 0, unit }, pick{ 0, unit }, more)
end

local function chaos(label)
  local params = {
    seed = whole(1, 1e6), budget = pick{ 0, 0, 4, 16, 64 }, requests = pick{ 0, 0, 3, 12 },
    reserve = pick{ "chunk", "sequence", "prompt", "predicted", "maximum" }, watermark = pick{ 0, 0, 0.01 },
    chunked = chance(0.8), routed = pick{ 0, 0, 0.5 }, preempt = pick{ 0, 0.1, 0.3 },
    how = pick{ "recompute", "recompute", "swap", "pause", "any" }, skip = pick{ 0, 0, 0.2 }, single = pick{ 0, 0, 0.2 },
    quantum = pick{ 0, 0, 0.3 }, idle = pick{ 0, 0.2 }, barrier = pick{ 0, 0, 0.3 }, timer = pick{ 0, 0, 0.3 },
    order = pick{ "none", "predicted_output", "predicted_remaining", "priority" }, carry = pick{ "needed", "spare" },
    meddle = 0, ask = 0,
  }
  local fields = {}
  for _, key in ipairs(program.sorted_keys(params)) do fields[#fields + 1] = key .. " = " .. literal(params[key]) end
  return ('{ "%s/tests/oracle/chaos.lua", label = "%s", %s }'):format(os.getenv("PWD"), label, table.concat(fields, ", "))
end

local ENGINES = { "fcfs", "orca", "vllm_v0", "vllm_v1", "sarathi", "sjf", "srpt", "edf", "least_loaded", "static_fifo",
  "static_sjf", "dynamic_no_bins", "multi_bin_dynamic" }
local BATCHES = { "static_fifo", "static_sjf", "dynamic_no_bins", "multi_bin", "multi_bin_dynamic" }

local function engine_scenario(requests)
  local block = pick{ 1, 2, 4, 16 }
  local kind = pick{ "paged", "paged", "paged", "tokens", "contiguous" }
  local parts = { "gpus = " .. pick{ 1, 1, 2, 3 }, "kv_max_length = 160", "kv_block = " .. block, ('kv = "%s"'):format(kind) }
  if kind == "paged" then
    if chance(0.8) then parts[#parts + 1] = "kv_blocks = " .. math.ceil(whole(90, 900) / block) end
    parts[#parts + 1] = "prefix_cache = " .. tostring(chance(0.7))
  else
    parts[#parts + 1] = "kv_tokens = " .. whole(200, 900)
  end
  local times = step_latency()
  if chance(0.12) then
    parts[#parts + 1] = pick{ 'gpu = "h100-80gb", model = "gpt-oss-20b"', 'gpu = "rtx-4090-24gb", model = "qwen3-1.7b"' }
    times = ("latency.roofline { host = %.17g }"):format(0.001 * uniform())
  end
  if chance(0.3) then parts[#parts + 1] = "token_budget = " .. whole(1, 40) end
  if chance(0.3) then parts[#parts + 1] = "max_requests = " .. whole(2, 20) end
  if chance(0.5) then parts[#parts + 1] = "swap = { tokens = 500, seconds_per_token = 0.0002 }" end
  local policies = {}
  for i = 1, whole(2, 4) do
    local name = pick(ENGINES)
    policies[i] = chance(0.5) and chaos("p" .. i) or ('{ "%s", label = "p%d" }'):format(name, i)
  end
  local prefix = chance(0.4) and ("prefix = { tokens = %d, groups = %d }"):format(whole(1, 60), whole(1, 4)) or ""
  return workload(requests, 40, prefix), table.concat(parts, ", "), times, policies
end

-- All at once, in a pool that they fill to the last block, with or without a prefix that they share; and steps that cost
-- hardly more than their base: only the conservation of work bounds such a run, and a simple policy nearly reaches it.
local function crowded_scenario(requests)
  local block, each = pick{ 2, 4, 8 }, whole(2, 6)
  local prompt, base = block * each, uniform()
  local prefix = chance(0.5) and (", prefix = { tokens = %d, groups = 1 }"):format(block * whole(1, each)) or ""
  local load = ("synthetic { arrivals = arrivals.all_at_once{}, prompt = %d, output = %d, limit = %d%s }"):format(prompt,
    pick{ 1, 1, 2 }, requests, prefix)
  local cluster = ('gpus = %d, kv = "paged", kv_block = %d, kv_blocks = %d, reserve = "chunk", watermark = 0'):format(
    pick{ 1, 2 }, block, each * whole(2, 5))
  return load, cluster, ("latency.step { base = %.17g, per_token = %.17g }"):format(base, pick{ 0, 0.0001, 0.01 } * base),
    { '{ "fcfs", label = "p1" }', '{ "vllm_v0", label = "p2" }' }
end

-- A table whose times need not grow with batch or length.
local function random_table(path)
  local rows = { "batch_size,max_seq_len,mean_latency_sec" }
  for _, b in ipairs{ 1, 4, 16 } do
    for _, l in ipairs{ 10, 40, 100 } do rows[#rows + 1] = ("%d,%d,%.17g"):format(b, l, 0.01 + uniform()) end
  end
  program.write(path, table.concat(rows, "\n") .. "\n")
end

local function batch_scenario(requests, number)
  local kind = pick{ "batch", "batch", "table", "jobs" }
  local times = ("latency.batch { alpha = %.17g, beta = %.17g, gamma = %g, floor = %g }"):format(pick{ 0, 0.01, 0.25 },
    pick{ 0.0002, 0.005 }, pick{ 0, 0.3, 1 }, pick{ 0, 0.05, 0.5 })
  local more = ""
  if kind == "jobs" then times, more = "latency.jobs {}", "service = lengths.exponential(0.5)" end
  if kind == "table" then
    random_table(("%s/%d.csv"):format(folder, number))
    times = ("latency.table %q"):format(("%s/%d.csv"):format(folder, number))
  end
  local parts = { "gpus = " .. pick{ 1, 1, 2, 3 } }
  if chance(0.8) then
    local kind_of_memory = pick{ "tokens", "contiguous" }
    parts[#parts + 1] = ('kv = "%s", kv_max_length = 160, kv_tokens = %d'):format(kind_of_memory, whole(100, 900))
  end
  local policies = {}
  for i = 1, whole(2, 4) do
    local name = pick(BATCHES)
    local size = name:find("static") and ", batch_size = " .. whole(1, 24) or ""
    policies[i] = ('{ "%s", label = "p%d"%s }'):format(name, i, size)
  end
  return workload(requests, 60, more), table.concat(parts, ", "), times, policies
end

local function scenario(number)
  local make = chance(0.1) and crowded_scenario or chance(0.7) and engine_scenario or batch_scenario
  local load, cluster, times, policies = make(pick{ 1, whole(2, 8), whole(9, 60) }, number)
  local classes = chance(0.5) and "  slo = { tbt = 0.05, ttft = 0.02, e2e = 1 },\n" or ""
  local warmup = chance(0.3) and pick{ "  warmup = 3,\n", "  warmup = { seconds = 0.5 },\n" } or ""
  local exact = chance(0.3) and "  exact_percentiles = true,\n" or ""
  local path = ("%s/%d.lua"):format(folder, number)
  program.write(path, ("return scenario {\n  workload = %s,\n  cluster = { %s },\n  latency = %s,\n%s%s%s" ..
    "  policies = { %s },\n  seeds = 2, seed = %d,\n}\n"):format(load, cluster, times, classes, warmup, exact,
    table.concat(policies, ",\n    "), whole(1, 1e6)))
  return path
end

-- --- the comparison -------------------------------------------------------------------------------------------------

-- Sketches of percentiles have buckets of 0.2 %: two values that rounding puts apart may lie on both sides of an edge.
local function allowed(measure) return measure:find("_p%d") and 0.002 or 1e-9 end

local failed, compared, met, least, most, runs = {}, 0, {}, {}, {}, 0

local function look(row, path)
  runs = runs + 1
  for column, text in pairs(row) do
    local measure, regret = column:match("^regret_(.*)"), tonumber(text)
    if measure and regret then
      compared = compared + 1
      if regret < -allowed(measure) or regret > 1 then
        failed[#failed + 1] = ("%s, %s, seed %s: regret of %s is %s"):format(path, row.policy, row.seed, measure, text)
      end
      if regret == 0 then met[measure] = (met[measure] or 0) + 1 end
      least[measure], most[measure] = math.min(least[measure] or 1, regret), math.max(most[measure] or 0, regret)
    end
    -- Nor does anybody who knows every length.
    local reference = column:match("^clairvoyant_(.*)")
    local bound, value = tonumber(row["bound_" .. (reference or "")] or ""), tonumber(text)
    if reference and bound and value then
      local higher = reference:find("^throughput") or reference:find("_tps") or reference:find("^goodput")
        or reference == "slo_attainment"
      local beaten = higher and value - bound or bound - value
      if beaten > allowed(reference) * math.max(1, bound) then
        failed[#failed + 1] = ("%s: the clairvoyant's %s, %s, beats %.17g"):format(path, reference, text, bound)
      end
    end
  end
end

local refused = 0
for number = 1, SCENARIOS do
  local path = scenario(number)
  os.execute(("%s run %s --bound --quiet --jobs 2 --format csv > %s.out 2> %s.err"):format(program.path, path, path, path))
  local rows = program.read_table(path .. ".out")
  if not rows or #rows == 0 then
    refused = refused + 1
    print(("# %s: %s"):format(path, (io.open(path .. ".err"):read("a") or ""):sub(1, 300)))
  end
  for _, row in ipairs(rows or {}) do look(row, path) end
end

for i = 1, math.min(#failed, 20) do print("# " .. failed[i]) end
for _, measure in ipairs(program.sorted_keys(least)) do
  print(("# %-15s regret from %.3g to %.3g, %d times none"):format(measure, least[measure], most[measure], met[measure] or 0))
end
tap.equal(refused, 0, "every scenario ran")
tap.equal(#failed, 0,
  ("%d runs of %d random scenarios, %d regrets: no policy beats the bound"):format(runs, SCENARIOS, compared))
for _, measure in ipairs{ "duration_s", "throughput_rps", "ttft_mean_s", "e2e_mean_s", "e2e_max_s", "goodput_rps",
  "ttft_violation", "e2e_violation", "slo_attainment" } do
  tap.ok((met[measure] or 0) > SCENARIOS / 50, measure .. ": some policies reach the bound", met[measure] or 0)
end
if #failed == 0 and refused == 0 then os.execute("rm -r " .. folder) end
tap.done()
