-- What does it cost that replicas take time to start? Ten minutes of 4 requests/s and ten of 20/s, in turn, on at most four
-- engines, of which a reactive autoscaler drains and adds as many as the load asks for (Kubernetes' rule); those that are added
-- are up after so long. Against all four, all the time. Beside the figures stands what was published.
local report = require "mbsand.report"

local DELAY = "cluster.start_delay"

local function answer(results)
  local delays, rows = report.values(results, DELAY), {}
  local function row(name, delay) return report.find(results, name, { [DELAY] = delay }) end
  local whole = row("four replicas", delays[1])
  local function line(name, own, published)
    rows[#rows + 1] = { name, report.interval(own, "ttft_mean_s", 2), report.interval(own, "ttft_p99_s", 2),
      report.interval(own, "goodput_rps", 3), report.interval(own, "replica_s", 4),
      ("%.3g"):format(own.level.replica_s / whole.level.replica_s), published }
  end
  line("four, always", whole, "")
  for _, delay in ipairs(delays) do
    line(("up after %g s"):format(delay), row("autoscale", delay),
      delay == 30 and "starts of 30 to 120 s make reactive scaling late (BLIS)" or "")
  end
  report.print_table({ "replicas", "TTFT mean s", "TTFT p99 s", "goodput/s", "replica s", "of four", "published" }, rows)
  local first, last = row("autoscale", delays[1]), row("autoscale", delays[#delays])
  print(("\nIts replicas are there %.0f %% of the time; from a delay of %g to %g s the p99 first token grows from %s to %s s.\n"
    ):format(100 * first.level.replica_s / whole.level.replica_s, delays[1], delays[#delays],
    report.digits(first.level.ttft_p99_s), report.digits(last.level.ttft_p99_s)))
end

return scenario {
  title = "autoscaling",
  question = "What does it cost that replicas take time to start?",
  workload = synthetic {
    arrivals = arrivals.piecewise { { 600, 4 }, { 600, 20 }, ["repeat"] = true },
    prefix = { tokens = 2000, groups = 24, theta = 0.8 },
    prompt = lengths.lognormal { mean = 200, median = 120, max = 2000, min = 1 },
    output = lengths.lognormal { mean = 150, median = 100, max = 1000, min = 1 },
    limit = 28800,
    predictor = predict.lognormal(0.3),
  },
  cluster = { gpus = 4, max_gpus = 4, start_delay = 0, max_requests = 64, kv_blocks = 2500 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  slo = { ttft = 2, tbt = 0.05, e2e = 60 },
  policies = { "autoscale", { "autoscale", least = 4, label = "four replicas" } },
  over = { { DELAY, { 0, 30, 60, 120 } } },
  seeds = 3,
  columns = { "ttft_mean_s", "ttft_p99_s", "goodput_rps", "replica_s" },
  report = answer,
}
