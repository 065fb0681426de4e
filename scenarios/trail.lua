-- What do predictions buy that get better as the answer comes? Short prompts, memory for a few dozen requests: first come,
-- first served, the shortest predicted answer first, and shortest remaining first with predictions that are made once (srpt) or
-- anew (trail), preempting never (c = 0), while a request is young (0.8), or always (1). Beside the figures stands what was
-- published (another model and load: the direction is to be compared, not the size).
local report = require "mbsand.report"

local RATE = "workload.arrivals.rate"
local PUBLISHED = {
  trail = "mean latency 1.66 to 2.01 x, TTFT 1.76 to 24 x lower than vLLM's (TRAIL)",
  ["trail c=0"] = "best in the authors' port to another engine",
}

local function answer(results)
  local rows = {}
  for _, rate in ipairs(report.values(results, RATE)) do
    local base = report.find(results, "fcfs", { [RATE] = rate })
    for _, name in ipairs{ "fcfs", "sjf", "srpt", "trail c=1", "trail", "trail c=0" } do
      local row = report.find(results, name, { [RATE] = rate })
      local function times(measure) return ("%.3g x"):format(base.level[measure] / row.level[measure]) end
      rows[#rows + 1] = { report.number(rate, 2), name, report.interval(row, "ttft_mean_s", 2), times "ttft_mean_s",
        report.interval(row, "e2e_mean_s", 2), times "e2e_mean_s", report.interval(row, "e2e_p99_s", 2), PUBLISHED[name] or "" }
    end
  end
  report.print_table({ "requests/s", "policy", "TTFT mean s", "lower by", "E2E mean s", "lower by", "E2E p99 s", "published" },
    rows)
  print()
end

return scenario {
  title = "trail",
  question = "What do predictions buy that get better as the answer comes?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 8 },
    prompt = lengths.lognormal { mean = 60, median = 40, max = 500, min = 1 },
    output = lengths.exponential { mean = 180, max = 1024 },
    limit = 8000,
    predictor = predict.refined { sigma = 0.4 },
  },
  cluster = { gpus = 1, kv_blocks = 500 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = { "fcfs", "sjf", "srpt", { "trail", age = 1, label = "trail c=1" }, "trail",
    { "trail", age = 0, label = "trail c=0" } },
  over = { { RATE, { 8, 11 } } },
  seeds = 5,
  columns = { "e2e_mean_s", "ttft_mean_s", "e2e_p99_s", "throughput_tps", "preemptions" },
  report = answer,
}
