-- Fidelity: loads of a served model, from a step law that was fitted on its slowest and its fastest load.
--
--   lua5.4 tests/fidelity/loads.lua        (from the repository root; needs perf/served)
--
-- Four models on H100 under vLLM, five loads each; three of five are left out of the fit. docs/fidelity.md explains it.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;tests/fidelity/?.lua;" .. package.path
local tap = require "tap"
local csv = require "csv"
local program = require "program"
local data = require "data"

local FILE = "perf/served/blis_h100_vllm.csv"
local path = data.folder("fidelity of loads", FILE) .. FILE

-- Prompts of 100 kinds, cycled: after the first round all of each but its end, which `prompt` is, is in the cache.
local SCENARIO = [[
return scenario {
  workload = synthetic {
    arrivals = arrivals.constant { rate = %.17g }, prompt = 1, output = %d, limit = 1500,
    prefix = { tokens = %d, groups = 100 },
  },
  cluster = { max_requests = 256, token_budget = 2048 },
  latency = latency.step { base = %.17g, per_context = %.17g },
  policies = { "vllm_v1" }, seeds = 1, warmup = 300,
}
]]
local folder = program.temporary_folder()

local function simulate(load, law)
  program.write(folder .. "/scenario.lua",
    SCENARIO:format(load.rate, load.output, load.prompt - 1, law[1], law[2]))
  program.run(folder, "requests")
  local row = assert(program.read_table(folder .. "/out/summary.csv"))[1]
  return tonumber(row.e2e_mean_s), tonumber(row.ttft_mean_s)
end

local models, names = {}, {}
for _, row in ipairs(csv.rows(path)) do
  if not models[row.model] then
    models[row.model] = {}
    table.insert(names, row.model)
  end
  table.insert(models[row.model], {
    name = ("%s, %g/s"):format(row.profile, tonumber(row.rate_rps)), rate = tonumber(row.rate_rps),
    prompt = math.floor((tonumber(row.prompt_p5) + tonumber(row.prompt_p95)) / 2 + 0.5),
    output = tonumber(row.output_tokens), e2e = tonumber(row.e2e_mean_s), ttft = tonumber(row.ttft_mean_s),
  })
end

-- base and per_context with which the two loads decode as long as they did: Newton, from Little's law.
local function fit(slow, fast)
  local function little(load) -- seconds of a step, context that it reads
    local decoding = load.e2e - load.ttft
    return decoding / (load.output - 1), load.rate * decoding * (load.prompt + load.output / 2)
  end
  local t1, k1 = little(slow)
  local t2, k2 = little(fast)
  local per_context = (t2 - t1) / (k2 - k1)
  local law = { t1 - per_context * k1, per_context }
  local function off(base, slope)
    local errors = {}
    for i, load in ipairs { slow, fast } do
      local e2e, ttft = simulate(load, { base, slope })
      errors[i] = (e2e - ttft) / (load.e2e - load.ttft) - 1
    end
    return errors
  end
  for _ = 1, 5 do
    local at = off(law[1], law[2])
    if math.max(math.abs(at[1]), math.abs(at[2])) < 1e-3 then break end
    local db, ds = 0.01 * law[1], 0.02 * law[2]
    local by_base, by_slope = off(law[1] + db, law[2]), off(law[1], law[2] + ds)
    local a, b = (by_base[1] - at[1]) / db, (by_slope[1] - at[1]) / ds
    local c, d = (by_base[2] - at[2]) / db, (by_slope[2] - at[2]) / ds
    local determinant = a * d - b * c
    law = { law[1] - (at[1] * d - b * at[2]) / determinant, law[2] - (a * at[2] - c * at[1]) / determinant }
  end
  return law
end

local worst, within, count = 0, 0, 0
for _, name in ipairs(names) do
  local loads = models[name]
  table.sort(loads, function(a, b) return a.rate < b.rate end)
  local slow, fast = loads[1], loads[#loads]
  local law = fit(slow, fast)
  local front = 0 -- what the client saw of TTFT beyond the engine's, mean of the two
  for _, load in ipairs { slow, fast } do
    local _, ttft = simulate(load, law)
    front = front + (load.ttft - ttft) / 2
  end
  print(("# %s: %.2f ms + %.1f ns K, %.0f ms in front"):format(name, 1e3 * law[1], 1e9 * law[2], 1e3 * front))
  for i = 2, #loads - 1 do
    local error = (simulate(loads[i], law) + front) / loads[i].e2e - 1
    print(("#   %-16s mean E2E %+.2f %%"):format(loads[i].name, 100 * error))
    worst, within, count = math.max(worst, math.abs(error)), within + (math.abs(error) < 0.03 and 1 or 0), count + 1
  end
end
print(("# %d of %d left-out loads within 3 %%, the worst %.2f %%"):format(within, count, 100 * worst))
tap.ok(count == 12 and within >= 11 and worst < 0.04, "left-out loads: 11 of 12 within 3 %, all within 4 %")
os.execute(("rm -rf '%s'"):format(folder))
tap.done()
