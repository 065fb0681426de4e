-- Fidelity: measured runs of vLLM 0.19, request by request, against mbsand with the operator profile of the same GPU.
--
--   lua5.4 tests/fidelity/run.lua [all]        (from the repository root; `all`: also what each ingredient does)
--
-- Prints errors of simulated times relative to the measured ones; docs/fidelity.md explains them. One host constant per
-- model of a step serves every run: the one with the least mean of the runs' E2E errors request by request.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;tests/fidelity/?.lua;" .. package.path
local tap = require "tap"
local runs = require "runs"

if not runs.data then
  tap.skip("fidelity", "no perf/llmservingsim in ../shared/data or $MBSAND_DATA")
  tap.done()
end

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

-- The host constant from 0 to 4 ms with the least mean error over the runs in `among`, to 0.1 ms.
local function best_host(errors, among)
  local best, least
  local function try(from, to, step)
    for ms = from, to, step do
      local sum = 0
      for _, run in ipairs(among) do sum = sum + errors(run, ms / 1e4).mape end
      if not least or sum < least then best, least = ms, sum end
    end
  end
  try(0, 40, 5) -- tenths of a millisecond
  try(math.max(0, best - 4), best + 4, 1)
  return best / 1e4
end

local function show_all(name, errors, host)
  for _, run in ipairs(runs) do show(name, run, errors(run, host)) end
end

local profile = model(function(run, host) return replay.profile(run, host, {}) end)
head()
show_all("profile", profile, 0)
local host = best_host(profile, runs)
show_all(("profile + %.1f ms"):format(1e3 * host), profile, host)
for i, run in ipairs(runs) do
  local others = {}
  for k, other in ipairs(runs) do others[#others + 1] = k ~= i and other or nil end
  local theirs = best_host(profile, others)
  show(("+ %.1f ms (others')"):format(1e3 * theirs), run, profile(run, theirs))
end

local laws = {}
for _, run in ipairs(runs) do
  local law, mape = replay.fit(run)
  laws[run] = law
  print(("# %s, straight law of the profile's steps: %.3f ms + %.2f us T + %.2f ns K, steps within %.2f %% on average"):format(
    run.name, 1e3 * law[1], 1e6 * law[2], 1e9 * law[3], 100 * mape))
end
local affine = model(function(run, constant) return replay.affine(laws[run], constant) end)
local affine_host = best_host(affine, runs)
show_all(("straight + %.1f ms"):format(1e3 * affine_host), affine, affine_host)

-- Nothing measured at all: the descriptions of model and GPU.
local roofline = model(function(_, constant) return ("latency.roofline { host = %.17g }"):format(constant) end)
show_all("roofline", roofline, 0)
show_all(("roofline + %.1f ms"):format(1e3 * host), roofline, host)

if arg[1] == "all" then
  local sizes = { 1, 2, 4 }
  for size = 8, 256, 8 do table.insert(sizes, size) end
  local graphs = "{ " .. table.concat(sizes, ", ") .. " }"
  for _, variant in ipairs {
    { "no communication", { no_link = true } }, { "no prefix cache", { no_cache = true } },
    { "CUDA graph sizes", { graphs = graphs } }, { "late scheduling", { late = true } },
  } do
    local changed = model(function(run, constant) return replay.profile(run, constant, variant[2]) end, variant[2])
    show_all(variant[1], changed, host)
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

-- Twice what docs/fidelity.md aims at.
for _, tested in ipairs { { "profile", profile, host }, { "straight law", affine, affine_host } } do
  for _, run in ipairs(runs) do
    local e = tested[2](run, tested[3])
    local good = math.abs(e.TTFT[1]) < 0.10 and math.abs(e.TPOT[1]) < 0.04 and math.abs(e.E2E[1]) < 0.04 and e.mape < 0.06
    tap.ok(good, ("%s, %s: means and requests within the bounds"):format(run.name, tested[1]))
  end
end
replay.clean()
tap.done()
