-- Fidelity of a mixture of experts: a published run of vLLM on two GPUs, data-parallel attention with expert parallelism,
-- against mbsand with the operator profile of that GPU. Only the run's summary is public here (percentiles over its 300
-- requests), so distributions are compared, not requests.
--
--   lua5.4 tests/fidelity/experts.lua          (from the repository root; needs perf/llmservingsim)
--
-- Qwen3-30B-A3B on two RTX PRO 6000: LLMServingSim, bench/examples/RTXPRO6000/Qwen3-30B-A3B-Instruct-2507 (MIT licence);
-- its prompts, answers and arrivals are those of the Qwen3-32B run.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;tests/fidelity/?.lua;" .. package.path
local tap = require "tap"
local data = require "data"
local runs = require "runs"
local csv = require "csv"
local program = require "program"

local PROFILE = runs.data .. "perf/llmservingsim/profile/RTXPRO6000/Qwen/Qwen3-30B-A3B-Instruct-2507/bf16/tp1"
local PROMPTS = runs.data .. "perf/llmservingsim/workloads/sharegpt-qwen3-32b-300-sps10.blocks16.jsonl"
local LAYERS, HIDDEN, BLOCKS = 48, 2048, 37819 -- blocks: 605,104 tokens of 16, in the engine's own words
local GRAPHS = "{ 1, 2, 4"
for size = 8, 256, 8 do GRAPHS = GRAPHS .. ", " .. size end
GRAPHS = GRAPHS .. " }"

-- Mean, p50, p90, p99: validation/summary.txt, in seconds.
local MEASURED = {
  TTFT = { 1.0860, 0.1388, 5.1826, 9.5879 },
  TPOT = { 0.0473, 0.0489, 0.0522, 0.0533 },
  E2E = { 32.3446, 31.4623, 38.4482, 43.9011 },
}
local NAMES = { "TTFT", "TPOT", "E2E" }

local SCENARIO = [[
return scenario {
  workload = trace.jsonl "%s" {
    fields = { time = "t", prompt = "in", output = "out", prefix = "ids" }, time_unit = 1e-9, prefix_unit = 16,
  },
  cluster = { gpus = 2, kv_blocks = %d, reserve = "sequence", max_requests = 128, token_budget = 2048, %s },
  latency = latency.profile "%s" { layers = %d, hidden = %d, %s },
  policies = { { "least_loaded", engine = "vllm_v1" } },
  seeds = 1,
}
]]

local folder = program.temporary_folder()

-- The list of block ids goes on over the answer; what is shared is the prompt.
local function write_trace()
  local rows = {}
  for line in io.lines(PROMPTS) do
    local function field(name) return tonumber(line:match('"' .. name .. '":(%d+)')) end
    local ids = {}
    for id in line:match('"block_ids":%[(.-)%]'):gmatch("%d+") do
      if #ids < field "n_input_blocks" then ids[#ids + 1] = id end
    end
    rows[#rows + 1] = ('{"t": %d, "in": %d, "out": %d, "ids": [%s]}'):format(field "arrival_time_ns", field "input_toks",
      field "output_toks", table.concat(ids, ","))
  end
  program.write(folder .. "/trace.jsonl", table.concat(rows, "\n") .. "\n")
end
write_trace()

-- Relative errors in %, by measure and figure.
local function errors(cluster, latency)
  program.write(folder .. "/scenario.lua", SCENARIO:format(folder .. "/trace.jsonl", BLOCKS, cluster, PROFILE, LAYERS, HIDDEN,
    latency))
  program.run(folder, "requests")
  local got = { TTFT = {}, TPOT = {}, E2E = {} }
  for _, row in ipairs(assert(csv.rows(folder .. "/out/requests-least_loaded-1.csv"))) do
    local arrival, first, last = tonumber(row.arrival_s), tonumber(row.first_token_s), tonumber(row.end_s)
    table.insert(got.TTFT, first - arrival)
    table.insert(got.TPOT, (last - first) / (tonumber(row.output_tokens) - 1))
    table.insert(got.E2E, last - arrival)
  end
  assert(#got.E2E == 300)
  local found = {}
  for name, values in pairs(got) do
    found[name] = {}
    for i, value in ipairs(data.summary(values)) do found[name][i] = 100 * (value / MEASURED[name][i] - 1) end
  end
  return found
end

local function show(title, cluster, latency)
  local found, cells = errors(cluster, latency), {}
  for _, name in ipairs(NAMES) do
    for _, value in ipairs(found[name]) do table.insert(cells, ("%+6.1f"):format(value)) end
  end
  print(("# %-44s %s"):format(title, table.concat(cells, " ")))
  return found
end

local here = io.popen("pwd"):read("l")
local exchange = ('exchange = "%s/data/rtx_pro_6000_x2_all_reduce.csv"'):format(here)
local together, graphs = "experts = { parallel = 2 }", "graph_sizes = " .. GRAPHS
print("# errors in %: mean p50 p90 p99 of TTFT, TPOT, E2E")
local alone = show("two engines by themselves, all experts each", "prefix_cache = true", graphs)
local silent = show("in lockstep, experts dealt out, no exchange", together, "per_token = 1e-12, " .. graphs)
local whole = show("the same with the exchange", together, exchange .. ", " .. graphs)
show("and asynchronous scheduling", together .. ", async_scheduling = true", exchange .. ", " .. graphs)
show("lockstep and exchange without graph sizes", together, exchange)

local function worst(found) return math.max(math.abs(found.TPOT[1]), math.abs(found.E2E[1])) end
tap.ok(worst(whole) < 4, ("mean TPOT and E2E within 4 %% (aim 2 %%): %.1f %%"):format(worst(whole)))
tap.ok(worst(alone) > 10 and worst(silent) > 10, "without either they are more than 10 % off")
os.execute(("rm -r '%s'"):format(folder))
tap.done()
