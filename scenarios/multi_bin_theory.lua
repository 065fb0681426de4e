-- Does the simulator agree with the theory of multi-bin batching? (Guldogan et al., arXiv 2412.04504.) Service times
-- are lengths (1 token = 1 ms), a batch of exactly B takes as long as its longest member, the queue is never empty.
-- Then throughput = B / E[t], E[t] = sum over bins of P(bin) E[max of B drawn from the bin]. A finite run ends with one
-- partial batch per bin; the column "with end" adds their expected times, and is what the simulation should meet.
local report = require "mbsand.report"

local REQUESTS = 256000

-- E[max of m draws] of a distribution cut to low..high, in seconds; cdf(x) is its distribution function.
local function expected_max(m, low, high, cdf)
  if m == 0 then return 0 end
  local steps, base, mass, sum = 4000, cdf(low), cdf(high) - cdf(low), 0
  for i = 0, steps - 1 do
    sum = sum + ((cdf(low + (i + 0.5) * (high - low) / steps) - base) / mass) ^ m
  end
  return high - (high - low) * sum / steps
end

-- Throughput in the limit, and of a run of REQUESTS requests.
local function theory(size, edges, low, high, cdf)
  local full, tail, bins = 0, 0, #edges + 1
  for i = 1, bins do
    local from, to = edges[i - 1] or low, edges[i] or high
    full = full + (cdf(to) - cdf(from)) * expected_max(size, from, to, cdf)
    for m = 0, 7 do tail = tail + expected_max(math.floor((m + 0.5) * size / 8), from, to, cdf) / 8 end
  end
  local batches = (REQUESTS - bins * (size - 1) / 2) / size
  return size / full, REQUESTS / (batches * full + tail)
end

local function section(title, output, size, variants, low, high, cdf)
  local policies = {}
  for i, variant in ipairs(variants) do
    local edges = {}
    for j, edge in ipairs(variant.edges) do edges[j] = edge * 1000 end
    policies[i] = { "multi_bin", label = variant.label, batch_size = size, bins = #edges + 1, edges = edges }
  end
  return scenario {
    title = title,
    question = "Is the simulated throughput that of the closed form?",
    workload = synthetic { arrivals = arrivals.all_at_once {}, prompt = 1, output = output, limit = REQUESTS },
    latency = latency.batch { alpha = 0, beta = 0.001, gamma = 0 },
    policies = policies,
    report = function(results)
      local rows, inside = {}, 0
      for i, row in ipairs(results) do
        local limit, finite = theory(size, variants[i].edges, low, high, cdf)
        local mean, half = row.mean.throughput_rps, row.ci.throughput_rps or 0
        if math.abs(mean - finite) <= half then inside = inside + 1 end
        rows[i] = { row.policy, report.interval(row, "throughput_rps", 5), report.fixed(limit, 4),
          report.fixed(finite, 4), report.fixed(100 * (mean / finite - 1), 3) }
      end
      report.print_table({ "bins", "simulated req/s", "closed form", "with end", "difference %" }, rows)
      print(("\n%d of %d closed forms lie inside the 95 %% interval of the simulation.\n"):format(inside, #results))
    end,
  }
end

local uniform, exponential = {}, {}
for i, k in ipairs { 1, 2, 3, 4, 5, 8 } do
  uniform[i] = { label = "k = " .. k, edges = {} }
  for j = 1, k - 1 do uniform[i].edges[j] = 1 + 19 * j / k end
end
for i, k in ipairs { 1, 2, 3, 4, 5, 8 } do
  exponential[i] = { label = "equal mass, k = " .. k, edges = {} }
  for j = 1, k - 1 do exponential[i].edges[j] = -10 * math.log(1 - j / k) end
end
for _, edges in ipairs { { 17.7122 }, { 10.1929, 27.9051 }, { 7.02745, 17.2203, 34.9326 }, { 5.32242, 12.3499, 22.5428, 40.255 } } do
  exponential[#exponential + 1] = { label = "bound-optimal, k = " .. #edges + 1, edges = edges }
end

return {
  section("multi_bin_theory: uniform 1 .. 20 s, B = 128", lengths.uniform(999, 19999), 128, uniform, 1, 20,
    function(x) return (x - 1) / 19 end),
  section("multi_bin_theory: exponential, mean 10 s, B = 200", lengths.exponential(10000), 200, exponential, 0, 300,
    function(x) return 1 - math.exp(-x / 10) end),
}
