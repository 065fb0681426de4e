-- Who waits when short answers go first? Answers of very different lengths, a host to set requests aside to, a load just below
-- what the engine can serve: first come, first served against orders that interrupt the long ones. Beside each figure stands
-- what the papers say of theirs (other models, other loads: the direction is to be compared, not the size).
local report = require "mbsand.report"

local PUBLISHED = {
  mlfq = "up to 31 x the throughput at equal latency, against vLLM (FastServe)",
  ltr = "mean latency 2.8 x lower in chat, against vLLM (LTR)",
}

local function answer(results)
  local base, rows = report.find(results, "fcfs"), {}
  local function times(row, measure)
    return measure and ("%.3g x"):format(base.level[measure] / row.level[measure]) or ""
  end
  for _, name in ipairs{ "fcfs", "sjf", "srpt", "mlfq", "ltr", "ltr without control" } do
    local row = report.find(results, name)
    rows[#rows + 1] = { name, report.interval(row, "ttft_mean_s", 2), times(row, "ttft_mean_s"),
      report.interval(row, "e2e_mean_s", 2), times(row, "e2e_mean_s"), report.interval(row, "e2e_p99_s", 2),
      PUBLISHED[name] or "" }
  end
  report.print_table({ "policy", "TTFT mean s", "lower by", "E2E mean s", "lower by", "E2E p99 s", "published" }, rows)
  print()
end

return scenario {
  title = "starvation",
  question = "Who waits when short answers go first?",
  workload = synthetic {
    arrivals = arrivals.gamma { rate = 6, cv = 2 },
    prompt = lengths.lognormal { mean = 200, median = 120, max = 2000, min = 4 },
    output = lengths.lognormal { mean = 300, median = 100, max = 4000, min = 1 },
    limit = 2000,
    predictor = predict.lognormal(0.5),
  },
  cluster = { gpus = 1, kv_blocks = 1500, max_requests = 512, swap = { tokens = 2000000, seconds_per_token = 2e-6 } },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = { "fcfs", "sjf", "srpt", { "mlfq", batch = 48 }, { "ltr", batch = 48 },
    { "ltr", batch = 48, starve = 1e9, label = "ltr without control" } },
  seeds = 5,
  columns = { "e2e_mean_s", "ttft_mean_s", "e2e_p99_s", "throughput_tps", "preemptions" },
  report = answer,
}
