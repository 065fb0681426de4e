-- The origin's first state, on its own synthetic trace: the table of its document "scheduler fixes", all digits.
-- 1 replica, 4 bins, alpha 0.010, beta 0.0002, gamma 0.3, a request is late after 1.0 s.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local csv = require "csv"
local simulator = require "simulator"

local TRACE = "../shared/data/traces/origin/v1_synthetic5000.csv"
local ROWS = { -- req/s, tok/s, mean, p50, p95, p99, max, late %, utilisation %, batches
  { "static_fifo", "24.424611 10256.158 24.351011 26.803735 37.804233 41.385917 42.535483 99.24 96.4873 627" },
  { "dynamic_no_bins", "25.573526 10738.600 0.851643 0.854774 1.212325 1.312765 1.424122 27.76 32.6200 151" },
  { "multi_bin_dynamic", "25.547861 10727.823 0.689216 0.688400 1.334777 1.544153 1.715321 18.10 35.1530 345" },
  { "multi_bin_only", "25.547861 10727.823 0.691249 0.689282 1.338649 1.548489 1.715230 18.32 35.1937 346" },
}

local function percentile(sorted, q)
  local at = q * (#sorted - 1)
  local below = math.floor(at)
  local a, b = sorted[below + 1], sorted[math.min(below + 2, #sorted)]
  return a + (b - a) * (at - below)
end

local function summary(result)
  local latencies, tokens, late, sum, first, last, busy = {}, 0, 0, 0, math.huge, 0, 0
  for i, r in ipairs(result.requests) do
    latencies[i] = r.stop - r.arrival
    tokens = tokens + r.prompt + r.output
    sum = sum + latencies[i]
    if r.stop > r.arrival + 1.0 then late = late + 1 end
    first, last = math.min(first, r.arrival), math.max(last, r.stop)
  end
  for _, batch in ipairs(result.batches) do busy = busy + batch.stop - batch.start end
  table.sort(latencies)
  local n, span = #latencies, last - first
  return string.format("%.6f %.3f %.6f %.6f %.6f %.6f %.6f %.2f %.4f %d", n / span, tokens / span, sum / n,
    percentile(latencies, 0.5), percentile(latencies, 0.95), percentile(latencies, 0.99), latencies[n],
    100 * late / n, 100 * busy / last, #result.batches) -- its utilisation counts from time 0
end

for _, row in ipairs(ROWS) do
  local name = "first state, " .. row[1] .. ": throughput, latency, lateness, use and batches"
  local requests = csv.read(TRACE)
  if requests then
    local result = simulator.run{
      policy = simulator.load("policies/origin/first_" .. row[1] .. ".lua"), requests = requests, oracle = true,
      latency = simulator.law(0.010, 0.0002, 0.3, 0.001),
    }
    tap.equal(summary(result), row[2], name)
  else
    tap.skip(name, "no " .. TRACE)
  end
end

tap.done()
