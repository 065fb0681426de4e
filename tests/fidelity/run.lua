-- Fidelity: measured runs of vLLM 0.19, request by request, against mbsand with the operator profile of the same GPU.
--
--   lua5.4 tests/fidelity/run.lua [all]        (from the repository root; `all`: also what each ingredient does)
--
-- Prints errors of simulated times relative to the measured ones; docs/fidelity.md explains them.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;tests/fidelity/?.lua;" .. package.path
local tap = require "tap"
local runs = require "runs"
local replay = require "replay"
local measured = require "measured"
for _, run in ipairs(runs) do replay.read(run) end

local function head()
  print(("# %-44s %-28s %-28s %-28s %s"):format("errors in %", "TTFT mean   p50   p90   p99", "TPOT mean   p50   p90   p99",
    "E2E  mean   p50   p90   p99", "E2E by request"))
end

local function show(name, run, errors)
  local cells = {}
  for i, measure in ipairs(replay.measures) do
    cells[i] = (" %+8.1f %+5.1f %+5.1f %+5.1f "):format(table.unpack((function()
      local percent = {}
      for k, value in ipairs(errors[measure]) do percent[k] = 100 * value end
      return percent
    end)()))
  end
  print(("# %-22s %-21s %s %6.2f"):format(name, run.name, table.concat(cells, " "), 100 * errors.mape))
end

-- A model is a function(run, host) that gives the latency's source. Errors are remembered by host.
local function model(source, options)
  local known = {}
  return function(run, host)
    local key = ("%s %.3f"):format(run.name, host * 1e3)
    known[key] = known[key] or replay.errors(run, source(run, host), options)
    return known[key]
  end
end

local function show_all(name, errors)
  for _, run in ipairs(runs) do show(name, run, errors(run, 0)) end
end

-- By the kernels alone; with what was measured beside them, of each run its own; and with one constant for both instead.
local kernels = model(function(run, host) return replay.profile(run, host, { no_link = true }) end)
local profile = model(function(run, host) return replay.profile(run, host, { corrections = run.corrections }) end)
head()
show_all("kernels", kernels)
show_all("profile", profile)
for _, ms in ipairs { 1.7, 3.8 } do -- what suits both together best, and Qwen3-32B alone
  local constant = model(function(run) return replay.profile(run, ms / 1e3, { straight_link = true }) end)
  show_all(("a constant of %.1f ms"):format(ms), constant)
end

local laws = {}
for _, run in ipairs(runs) do
  local law, mape = replay.fit(run)
  laws[run] = law
  print(("# %s, straight law of the profile's steps: %.3f ms + %.2f us T + %.2f ns K, steps within %.2f %% on average"):format(
    run.name, 1e3 * law[1], 1e6 * law[2], 1e9 * law[3], 100 * mape))
end
local affine = model(function(run, constant) return replay.affine(laws[run], constant) end)
show_all("straight law", affine)

-- Nothing measured at all: the descriptions of model and GPU.
local roofline = model(function(_, constant) return ("latency.roofline { host = %.17g }"):format(constant) end)
show_all("roofline", roofline)

if arg[1] == "all" then
  local sizes = { 1, 2, 4 }
  for size = 8, 256, 8 do table.insert(sizes, size) end
  local graphs = "{ " .. table.concat(sizes, ", ") .. " }"
  for _, variant in ipairs {
    { "no prefix cache", { no_cache = true } }, { "a straight link", { straight_link = true } },
    { "CUDA graph sizes", { graphs = graphs } }, { "late places", { late = true } },
    { "async scheduling", { async = true } },
  } do
    local changed = model(function(run, constant)
      variant[2].corrections = run.corrections
      return replay.profile(run, constant, variant[2])
    end, variant[2])
    show_all(variant[1], changed)
    for _, run in ipairs(runs) do
      local errors, usual = changed(run, 0), profile(run, 0)
      if variant[2].async then
        print(("# TTFT of the %d requests of %s that found a place at once: %+.1f %%, %+.1f %% without"):format(errors.placed,
          run.name, 100 * errors.placed_TTFT, 100 * usual.placed_TTFT))
      end
    end
  end
end

-- How much longer the measured steps took than the straight law of the profile, which has no host: by rows of steps of
-- decodes, and of those with prompts.
local function show_steps(run)
  local groups, names = {}, {}
  for _, step in ipairs(measured.find(run.measured, laws[run], runs.block, run.token_budget)) do
    local low = step.decodes > 96 and 97 or step.decodes > 64 and 65 or step.decodes > 32 and 33 or 1
    local name = step.prompts > 0 and "with prompts" or ("%d to %d decodes"):format(low, low + 31)
    if not groups[name] then table.insert(names, name) end
    local group = groups[name] or { count = 0, excess = 0, seconds = 0 }
    groups[name] = group
    group.count, group.excess = group.count + 1, group.excess + step.seconds - step.law
    group.seconds = group.seconds + step.seconds
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local group = groups[name]
    print(("# %s, %3d measured steps %-16s %6.2f ms on average, %+6.2f ms beyond the straight law"):format(run.name,
      group.count, name .. ":", 1e3 * group.seconds / group.count, 1e3 * group.excess / group.count))
  end
end
if arg[1] == "all" then
  for _, run in ipairs(runs) do show_steps(run) end
end

-- The profile: the bounds that docs/fidelity.md aims at. The straight law, which has three numbers: twice those.
for _, tested in ipairs { { "profile", profile, 1 }, { "straight law", affine, 2 } } do
  for _, run in ipairs(runs) do
    local e, wide = tested[2](run, 0), tested[3]
    local good = math.abs(e.TTFT[1]) < 0.05 * wide and math.abs(e.TPOT[1]) < 0.02 * wide
      and math.abs(e.E2E[1]) < 0.02 * wide and e.mape < 0.03 * wide
    tap.ok(good, ("%s, %s: means and requests within the bounds"):format(run.name, tested[1]))
  end
end
replay.clean()
tap.done()
