-- What does a failure cost, and what a late notice of it? One of four engines fails after a minute and is repaired in another:
-- without that, and where the router learns of it at once, after 5 s and after 20 s, and until then sends requests there.
local report = require "mbsand.report"

local POLICIES = {
  { "failover", detect = 0, label = "known at once" },
  { "failover", detect = 5, label = "known after 5 s" },
  { "failover", detect = 20, label = "known after 20 s" },
}

local function answer(results)
  local rows = {}
  for i, row in ipairs(results) do
    rows[i] = { row.policy, report.interval(row, "ttft_mean_s", 2), report.interval(row, "ttft_p99_s", 2),
      report.interval(row, "ttft_max_s", 2), report.interval(row, "e2e_p99_s", 2),
      report.interval(row, "slo_attainment", 4, 100),
      report.interval(row, "lost_s", 2) }
  end
  report.print_table({ "failure", "TTFT mean s", "TTFT p99 s", "TTFT max s", "E2E p99 s", "promises kept %", "lost s" }, rows)
  local last = results[#results]
  print(("\nThe p99 first token, %s: %s s; the longest: %s s.\n"):format(last.policy, report.digits(last.level.ttft_p99_s),
    report.digits(last.level.ttft_max_s)))
end

local function setting(title, failures, policies)
  return scenario {
    title = "failures: " .. title,
    question = "What does a failure cost, and what a late notice of it?",
    workload = synthetic {
      arrivals = arrivals.poisson { rate = 20 },
      prefix = { tokens = 2000, groups = 24, theta = 0.8 },
      prompt = lengths.lognormal { mean = 200, median = 120, max = 2000, min = 1 },
      output = lengths.lognormal { mean = 150, median = 100, max = 1000, min = 1 },
      limit = 4000,
      predictor = predict.lognormal(0.3),
    },
    cluster = { gpus = 4, max_requests = 64, kv_blocks = 2500 },
    failures = failures,
    latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
    slo = { ttft = 2, tbt = 0.05, e2e = 60 },
    policies = policies,
    seeds = 3,
    columns = { "ttft_mean_s", "ttft_p99_s", "ttft_max_s", "e2e_p99_s", "slo_attainment", "lost_s" },
    report = answer,
  }
end

return {
  setting("none", nil, { { "failover", label = "without a failure" } }),
  setting("one for a minute", { { at = 60, replica = 2, repair = 60 } }, POLICIES),
}
