-- How many bins, and what do bad length predictions cost? First the number of bins with exact predictions, then the
-- prediction's error (the factor exp(sigma Z)) with eight bins; no bins at all as the yardstick.
local report = require "mbsand.report"

local function setting(title, question)
  return {
    title = title,
    question = question,
    workload = trace.burstgpt "data/burst_sample.csv" {
      rate_scale = 5, skip_rows = 5000, limit = 9000, window_per_seed = true,
    },
    cluster = {
      gpus = 4,
      name = "RTX 4080 12 GB, Qwen3-1.7B",
      memory = { capacity_gib = 12, weights_gib = 3.2, reserve_gib = 1, bytes_per_token = 114688 },
    },
    latency = latency.batch "data/qwen3_1_7b_latency_grid.csv",
    slo = { tbt = 0.010, e2e = 20 },
  }
end

local function print_by(key)
  return function(results)
    local rows = {}
    for _, row in ipairs(results) do
      local first = row.policy == "dynamic_no_bins"
      if not first or row.point[key] == results[1].point[key] then
        local value = first and "no bins" or string.format("%.4g", row.point[key])
        rows[#rows + 1] = { value, report.interval(row, "e2e_mean_s", 3), report.interval(row, "e2e_p99_s", 3),
          report.interval(row, "e2e_violation", 3, 100), report.interval(row, "padding_waste", 3, 100) }
      end
    end
    report.print_table({ key:match("[^.]*$"), "mean latency s", "p99 s", "over 20 s %", "padding %" }, rows)
    local best = results[1]
    for _, row in ipairs(results) do
      if row.mean.e2e_mean_s < best.mean.e2e_mean_s then best = row end
    end
    print(("\nLowest mean latency: %s at %s = %.4g.\n"):format(best.policy, key, best.point[key]))
  end
end

local count = setting("bin_sensitivity: number of bins", "How many bins?")
count.policies = { "dynamic_no_bins", { "multi_bin_dynamic", key = "predicted_total" } }
count.over = { { "params.bins", { 1, 2, 4, 8, 16, 32 } } }
count.report = print_by("params.bins")

local noise = setting("bin_sensitivity: prediction error", "How good must length predictions be? (8 bins by predicted output)")
noise.workload = synthetic {
  arrivals = arrivals.poisson { rate = 1.5 },
  prompt = lengths.fixed(64),
  output = lengths.lognormal { mean = 600, median = 300, max = 4096 },
  limit = 10000,
  predictor = predict.lognormal { sigma = 0 },
}
noise.policies = { "dynamic_no_bins", { "multi_bin_dynamic", bins = 8 } }
noise.over = { { "workload.predictor.sigma", { 0, 0.25, 0.5, 1, 2 } } }
noise.report = print_by("workload.predictor.sigma")

return { scenario(count), scenario(noise) }
