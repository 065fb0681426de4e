-- Does it pay to move requests that run? Bursts of requests with long tails, memory for few of them on each of four engines:
-- dispatched in turn, by the fewest requests and by freeness (Llumnix), and then moved live from engines that are full to
-- engines that are not. Beside each figure stands what was published (other models and loads).
local report = require "mbsand.report"

local RATE = "workload.arrivals.rate"
local POLICIES = { "round_robin", "least_loaded", { "llumnix", period = 0, label = "freeness" }, "llumnix" }
local PUBLISHED = { llumnix = "P99 of the first token up to 15 x lower (Llumnix, against INFaaS++)" }

local function answer(results)
  for _, rate in ipairs(report.values(results, RATE)) do
    local function row(name) return report.find(results, name, { [RATE] = rate }) end
    local base, rows = row "freeness", {}
    for i, entry in ipairs(POLICIES) do
      local name = entry.label or entry
      local own = row(name)
      rows[i] = { name, report.interval(own, "ttft_mean_s", 2), report.interval(own, "ttft_p99_s", 2),
        ("%.3g x"):format(base.level.ttft_p99_s / own.level.ttft_p99_s), report.interval(own, "e2e_p99_s", 2),
        report.interval(own, "preemptions", 3), PUBLISHED[name] or "" }
    end
    report.print_table({ ("%g requests/s"):format(rate), "TTFT mean s", "TTFT p99 s", "lower by", "E2E p99 s", "preemptions",
      "published" }, rows)
    print(("\nAt %g requests/s with migration the p99 first token is %s, whole requests' p99 %s.\n"):format(rate,
      report.against(row "llumnix", base, "ttft_p99_s"), report.against(row "llumnix", base, "e2e_p99_s")))
  end
end

return scenario {
  title = "migration",
  question = "Does it pay to move requests that run?",
  workload = synthetic {
    arrivals = arrivals.gamma { rate = 12, cv = 3 },
    prompt = lengths.lognormal { mean = 500, median = 150, max = 6000, min = 4 },
    output = lengths.lognormal { mean = 300, median = 100, max = 4000, min = 1 },
    limit = 3000,
    predictor = predict.lognormal(0.3),
  },
  cluster = { gpus = 4, kv_blocks = 800, kv_bytes_per_token = 131072, link = { bandwidth = 50, latency = 0.001 } },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = POLICIES,
  over = { { RATE, { 8, 12 } } },
  seeds = 10,
  columns = { "ttft_mean_s", "ttft_p99_s", "e2e_mean_s", "e2e_p99_s", "preemptions" },
  report = answer,
}
