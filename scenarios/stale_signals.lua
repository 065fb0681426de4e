-- What do old signals cost a router? Four engines behind a gateway that sees what they publish every so often, forty system
-- prompts, 24 requests/s: routers that send to the fewest requests, to the fewer of two that are drawn, to whoever has most of
-- its memory free, or to whom these and the cached prefixes speak for. With what they publish, or counting besides what they
-- sent themselves since. Beside each figure stands what was published (other models and loads).
local report = require "mbsand.report"

local PERIOD = "cluster.signals.period"
local POLICIES = {
  "round_robin",
  { "least_loaded", signals = "seen", label = "least loaded" },
  { "least_loaded", signals = "counted", label = "least loaded, counted" },
  { "power_of_two", signals = "seen", label = "two choices" },
  { "power_of_two", signals = "counted", label = "two choices, counted" },
  { "weighted_scorers", signals = "seen", prefix = 0, queue = 0, label = "free memory" },
  { "weighted_scorers", signals = "seen", label = "scorers" },
}
local PUBLISHED = {
  ["free memory"] = "TTFT p99 +14 % at 10 ms, +354 % at 100 ms (BLIS)",
  ["least loaded"] = "worse than two choices once signals are old (Mitzenmacher 2000)",
}

local function answer(results)
  local periods, header, rows = report.values(results, PERIOD), { "TTFT p99 s, signals every" }, {}
  for _, period in ipairs(periods) do header[#header + 1] = period == 0 and "always" or ("%g s"):format(period) end
  header[#header + 1] = "last / first"
  header[#header + 1] = "published"
  local function row(name, period) return report.find(results, name, { [PERIOD] = period }) end
  for i, entry in ipairs(POLICIES) do
    local name = entry.label or entry
    local line = { name }
    for _, period in ipairs(periods) do line[#line + 1] = report.interval(row(name, period), "ttft_p99_s", 2) end
    line[#line + 1] = ("%.3g x"):format(row(name, periods[#periods]).level.ttft_p99_s / row(name, periods[1]).level.ttft_p99_s)
    line[#line + 1] = PUBLISHED[name] or ""
    rows[i] = line
  end
  report.print_table(header, rows)
  print()
  for _, period in ipairs(periods) do
    print(("With signals every %g s p99 TTFT under least loaded: %s; under two choices: %s."):format(period,
      report.against(row("least loaded", period), row("round_robin", period), "ttft_p99_s"),
      report.against(row("two choices", period), row("round_robin", period), "ttft_p99_s")))
  end
  print()
end

return scenario {
  title = "stale_signals",
  question = "What do old signals cost a router?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 24 },
    prefix = { tokens = 3000, groups = 40, theta = 0.8 },
    prompt = lengths.lognormal { mean = 200, median = 120, max = 2000, min = 1 },
    output = lengths.lognormal { mean = 60, median = 40, max = 500, min = 1 },
    limit = 4000,
    predictor = predict.lognormal(0.3),
  },
  cluster = { gpus = 4, max_requests = 64, kv_blocks = 3500, signals = { period = 0 } },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = POLICIES,
  over = { { PERIOD, { 0, 0.01, 0.1, 1, 5 } } },
  seeds = 3,
  columns = { "ttft_mean_s", "ttft_p99_s", "e2e_mean_s", "cache_hit" },
  report = answer,
}
