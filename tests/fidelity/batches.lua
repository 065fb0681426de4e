-- The roofline against closed batches of 2024: B prompts of n tokens at once, n tokens of answer each, from the start of the
-- first to the end of the last. Nothing of these measurements was fitted.
--
--   lua5.4 tests/fidelity/batches.lua      (from the repository root; needs perf/argonne)
--
-- Argonne National Laboratory, LLM-Inference-Bench (2024), vLLM on H100 (80 GB) and A100 (40 GB), weights of 16 bits.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;tests/fidelity/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"
local data = require "data"

local FILE = "perf/argonne/All_results.csv"
local path = data.folder("closed batches", FILE) .. FILE

local GPUS = { ["Nvidia H100 GPU"] = "h100-80gb", ["Nvidia A100 GPU"] = "a100-40gb" }
local MODELS = {
  ["meta-llama/Llama-2-7b-hf"] = "llama-2-7b", ["meta-llama/Meta-Llama-3-8B"] = "llama-3-8b",
  ["mistralai/Mistral-7B-v0.1"] = "mistral-7b-v0.1", ["Qwen/Qwen2-7B"] = "qwen2.5-7b-instruct",
  ["meta-llama/Llama-2-70b-hf"] = "llama-2-70b", ["meta-llama/Meta-Llama-3-70B"] = "llama-3-70b",
}
local folder = program.temporary_folder()

-- Points: gpu, tp, model, length, batch, seconds. Measured twice: the first.
local points, seen = {}, {}
for line in io.lines(path) do
  local gpu, tp, model, length, batch, seconds = line:match "^([^,]*),(%d+),vLLM,([^,]*),(%d+),(%d+),([%d.]+)"
  local key = gpu and line:match "^.-,vLLM,[^,]*,%d+,%d+"
  if gpu and GPUS[gpu] and MODELS[model] and not seen[key] then
    seen[key] = true
    table.insert(points, { gpu = GPUS[gpu], tp = tp, model = MODELS[model], length = length, batch = tonumber(batch),
      seconds = tonumber(seconds) })
  end
end

for _, point in ipairs(points) do
  local rows = { "t,n" }
  for _ = 1, point.batch do table.insert(rows, "0," .. point.length) end
  program.write(("%s/%s-%d.csv"):format(folder, point.length, point.batch), table.concat(rows, "\n") .. "\n")
end

local ONE = [[
scenario {
  workload = trace.csv "%s-%d.csv" { columns = { time = "t", prompt = "n", output = "n" }, time_unit = 1 },
  cluster = { gpu = "%s", model = "%s", gpus = %s, tp = %s, max_requests = 256 },
  latency = latency.roofline { engine = "%s" },
  policies = { "vllm_v0" }, seeds = 1,
},
]]

local function median(list)
  table.sort(list)
  return (list[(#list + 1) // 2] + list[#list // 2 + 1]) / 2
end

-- Relative errors by group of points.
local function errors(engine)
  local text, found = { "return {" }, {}
  for _, p in ipairs(points) do
    table.insert(text, ONE:format(p.length, p.batch, p.gpu, p.model, p.tp, p.tp, engine))
  end
  program.write(folder .. "/scenario.lua", table.concat(text, "\n") .. "}\n")
  program.run(folder)
  for _, row in ipairs(assert(program.read_table(folder .. "/out/summary.csv"))) do
    local p = points[tonumber(row.section)]
    local error = assert(tonumber(row.e2e_max_s), "a batch was not served") / p.seconds - 1
    for _, group in ipairs { p.gpu, ("%s, batch of %d"):format(p.gpu, p.batch), ("%s, tp %s"):format(p.gpu, p.tp) } do
      found[group] = found[group] or {}
      table.insert(found[group], error)
    end
  end
  return found
end

print(("# %-28s %6s  median of errors, of their amounts; an engine of 2023"):format("", "points"))
local today, eager = errors "graphs", errors "eager"
for _, group in ipairs(program.sorted_keys(today)) do
  local cells = {}
  for _, found in ipairs { today, eager } do
    local amounts = {}
    for i, error in ipairs(found[group]) do amounts[i] = math.abs(error) end
    table.insert(cells, ("%+7.1f %% %6.1f %%"):format(100 * median(found[group]), 100 * median(amounts)))
  end
  print(("# %-28s %6d  %s"):format(group, #today[group], table.concat(cells, "  ")))
end
for _, gpu in pairs(GPUS) do
  tap.ok(#today[gpu] > 150 and median(today[gpu]) < 0 and median(eager[gpu]) > 0,
    ("vLLM of 2024 on %s lies between the engine of today and that of 2023"):format(gpu))
end
os.execute("rm -rf " .. folder)
tap.done()
