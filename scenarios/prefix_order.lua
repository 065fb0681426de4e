-- Does it pay to admit first what the prefix cache holds? Forty system prompts on one engine that holds 18 of them, and more
-- requests than it can serve; then less load, on four such engines. First come, first served (one queue), fairly
-- (VTC), longest prefix first (SGLang's lpm), and that fairly (DLPM). Beside each figure stands what was published.
local report = require "mbsand.report"

local PUBLISHED = { dlpm = "up to 2.87 x the throughput of VTC (DLPM)" }

local function answer(results)
  local base, rows = report.find(results, "vtc"), {}
  local function times(row, measure, lower)
    local ratio = row.level[measure] / base.level[measure]
    return ("%.3g x"):format(lower and 1 / ratio or ratio)
  end
  for _, name in ipairs{ "fcfs", "vtc", "sglang_lpm", "dlpm" } do
    local row = report.find(results, name)
    rows[#rows + 1] = { name, report.interval(row, "cache_hit", 3, 100), report.interval(row, "throughput_tps", 3),
      times(row, "throughput_tps"), report.interval(row, "ttft_mean_s", 2), report.interval(row, "jain", 3),
      PUBLISHED[name] or "" }
  end
  report.print_table({ "policy", "prompt found %", "tok/s", "of vtc", "TTFT mean s", "jain", "published" }, rows)
  print()
  for _, name in ipairs{ "sglang_lpm", "dlpm" } do
    print(("Tokens per second under %s: %s."):format(name, report.against(report.find(results, name), base, "throughput_tps")))
  end
  print()
end

local function setting(title, rate, gpus, limit)
  return scenario {
    title = "prefix_order: " .. title,
    question = "Does it pay to admit first what the prefix cache holds?",
    workload = synthetic {
      arrivals = arrivals.poisson { rate = rate },
      prefix = { tokens = 3000, groups = 40, theta = 0.8 },
      prompt = lengths.lognormal { mean = 200, median = 120, max = 2000, min = 1 },
      output = lengths.lognormal { mean = 60, median = 40, max = 500, min = 1 },
      limit = limit, clients = 4,
    },
    cluster = { gpus = gpus, max_requests = 64, kv_blocks = 3500 },
    latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
    policies = { "fcfs", "vtc", { "sglang_lpm", bound = 500 }, "dlpm" },
    seeds = 3,
    columns = { "cache_hit", "throughput_tps", "ttft_mean_s", "e2e_mean_s", "jain" },
    report = answer,
  }
end

return { setting("overload, one engine", 16, 1, 2000), setting("less load, four engines", 32, 4, 4000) }
