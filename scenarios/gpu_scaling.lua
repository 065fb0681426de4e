-- How many GPUs does each scheduler need until 95 % of requests end within 20 s?
local report = require "mbsand.report"

local function needed(results, policy)
  for _, gpus in ipairs(report.values(results, "cluster.gpus")) do
    local row = report.find(results, policy, { ["cluster.gpus"] = gpus })
    if row.mean.e2e_violation <= 0.05 then return string.format("%.0f", gpus) end
  end
  return "more than were tried"
end

return scenario {
  title = "gpu_scaling",
  question = "How many GPUs until 95 % of requests end within 20 s?",
  workload = trace.burstgpt "data/burst_sample.csv" { rate_scale = 5, skip_rows = 5000, limit = 9000, window_per_seed = true },
  cluster = {
    name = "RTX 4080 12 GB, Qwen3-1.7B",
    memory = { capacity_gib = 12, weights_gib = 3.2, reserve_gib = 1, bytes_per_token = 114688 },
  },
  latency = latency.batch "data/qwen3_1_7b_latency_grid.csv",
  slo = { tbt = 0.010, e2e = 20 },
  policies = { "static_fifo", "dynamic_no_bins", { "multi_bin_dynamic", key = "predicted_total", bins = 8 } },
  over = { { "cluster.gpus", { 2, 4, 6, 8, 10, 12, 16, 24, 32 } } },
  report = function(results)
    local policies, header, rows = { "static_fifo", "dynamic_no_bins", "multi_bin_dynamic" }, { "GPUs" }, {}
    for i, policy in ipairs(policies) do header[i + 1] = policy .. ", over 20 s %" end
    for _, gpus in ipairs(report.values(results, "cluster.gpus")) do
      local line = { string.format("%.0f", gpus) }
      for i, policy in ipairs(policies) do
        local row = report.find(results, policy, { ["cluster.gpus"] = gpus })
        line[i + 1] = report.interval(row, "e2e_violation", 3, 100)
      end
      rows[#rows + 1] = line
    end
    report.print_table(header, rows)
    print("\nGPUs needed for at most 5 %:")
    for _, policy in ipairs(policies) do print(("  %-20s%s"):format(policy, needed(results, policy))) end
  end,
}
