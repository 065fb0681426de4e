-- Does the simulator agree with the theory of multi-bin batching? (Guldogan et al., arXiv 2412.04504.) Service times
-- are lengths (1 token = 1 ms), a batch of exactly B takes as long as its longest member, the queue is never empty:
-- throughput = B / E[t], E[t] = sum over bins of P(bin) E[max of B drawn from the bin]. A finite run ends with a partial
-- batch per bin; the column "with end" adds their expected times, and is what the simulation should meet.
local report = require "mbsand.report"
local theory = require "mbsand.theory"

local REQUESTS = 128000 -- as the paper

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
    limits = { memory_mb = 256 }, -- all requests wait from the start
    report = function(results)
      local rows, inside = {}, 0
      for i, row in ipairs(results) do
        if not variants[i] then break end -- what was added has no closed form
        local limit, finite = theory.multi_bin_throughput(REQUESTS, size, variants[i].edges, low, high, cdf)
        local mean, half = row.mean.throughput_rps, row.ci.throughput_rps or 0
        if math.abs(mean - finite) <= half then inside = inside + 1 end
        rows[i] = { row.policy, report.interval(row, "throughput_rps", 5), report.fixed(limit, 4),
          report.fixed(finite, 4), report.fixed(100 * (mean / finite - 1), 3) }
      end
      report.print_table({ "bins", "simulated req/s", "closed form", "with end", "difference %" }, rows)
      print(("\n%d of %d closed forms lie inside the 95 %% interval of the simulation.\n"):format(inside, #rows))
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
local optimal = { { 17.7122 }, { 10.1929, 27.9051 }, { 7.02745, 17.2203, 34.9326 }, { 5.32242, 12.3499, 22.5428, 40.255 } }
for _, edges in ipairs(optimal) do
  exponential[#exponential + 1] = { label = "bound-optimal, k = " .. #edges + 1, edges = edges }
end

return {
  section("multi_bin_theory: uniform 1 .. 20 s, B = 128", lengths.uniform(999, 19999), 128, uniform, 1, 20,
    function(x) return (x - 1) / 19 end),
  section("multi_bin_theory: exponential, mean 10 s, B = 200", lengths.exponential(10000), 200, exponential, 0, 300,
    function(x) return 1 - math.exp(-x / 10) end),
}
