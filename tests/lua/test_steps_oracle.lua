-- The second simulator of continuous batching on the cases worked by hand (tests/oracle/worked.lua).

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local simulator = require "simulator"
local steps = require "steps"
local worked = require "worked"

local function near(ms, seconds)
  if ms == nil then return seconds == nil end
  return type(seconds) == "number" and math.abs(seconds * 1000 - ms) < 1e-9 * math.max(1, ms)
end

local function run(case)
  local requests, cluster = {}, case.cluster
  for i, row in ipairs(case.requests) do
    requests[i] = { id = i - 1, arrival = row[1] / 1000, prompt = row[2], output = row[3], predicted = row[4] or row[3] }
  end
  return steps.run{
    policy = simulator.load_text(case.policy), requests = requests,
    latency = steps.law(0.010, 0.001, 0.0001, (case.per_request or 0) / 1000, (case.host or 0) / 1000),
    replicas = cluster.gpus, blocks = cluster.kv_blocks, block = cluster.kv_block, watermark = cluster.watermark,
    group = cluster.experts and cluster.experts.parallel, prefix_cache = cluster.prefix_cache, async = cluster.async_scheduling,
    token_budget = cluster.token_budget, max_requests = cluster.max_requests,
    reserve = cluster.reserve, max_length = cluster.kv_max_length, swap = cluster.swap,
  }
end

for _, case in ipairs(worked) do
  local result, problems = run(case), {}
  for i, want in ipairs(case.expect) do
    local got = result.requests[i]
    if not (near(want[1], got.start) and near(want[2], got.first) and near(want[3], got.stop)
            and got.preemptions == (want[4] or 0)) then
      table.insert(problems, ("request %d: %s, %s, %s, %d"):format(i - 1, tostring(got.start), tostring(got.first),
        tostring(got.stop), got.preemptions))
    end
  end
  tap.ok(#problems == 0, case.name .. ": times", table.concat(problems, "; "))
  if case.parts then
    local wrong = {}
    for name, seconds in pairs(result.requests[1].parts) do
      if not near(case.parts[name] or 0, seconds) then table.insert(wrong, name .. " = " .. seconds * 1000) end
    end
    tap.ok(#wrong == 0, case.name .. ": parts", table.concat(wrong, ", "))
  end
  if case.runs then
    local lines, good = {}, #case.runs == #result.runs
    for i, got in ipairs(result.runs) do
      local want = case.runs[i] or { 0, 0, 0, 0 }
      good = good and got.replica == want[1] and near(want[2], got.start) and near(want[3], got.stop)
        and got.count == want[4]
      lines[i] = ("{ %d, %g, %g, %d }"):format(got.replica, got.start * 1000, got.stop * 1000, got.count)
    end
    tap.ok(good, case.name .. ": runs of equal steps", table.concat(lines, ", "))
  end
end

tap.done()
