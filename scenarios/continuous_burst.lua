-- Do bins still pay under continuous batching? The burst of the main job, whole batches against iteration-level scheduling,
-- on the same GPUs, once at the main job's rate and once twenty times faster.
-- Step times are estimates from the hardware, not measurements: weights 1.72e9 x 2 bytes read at 432 GB/s (8 ms) and 1 ms of
-- launches per step; 2 x 1.72e9 FLOP per token at half of 98 TFLOP/s (70 us); 114,688 bytes per token of context (0.27 us).
local report = require "mbsand.report"

local function answer(results)
  local rows = {}
  for _, row in ipairs(results) do
    rows[#rows + 1] = { row.policy, report.interval(row, "throughput_rps", 3), report.interval(row, "e2e_mean_s", 3),
      report.interval(row, "ttft_p99_s", 3), report.interval(row, "itl_p99_s", 3, 1000),
      report.interval(row, "e2e_violation", 3, 100) }
  end
  report.print_table({ "policy", "requests/s", "E2E mean s", "TTFT p99 s", "ITL p99 ms", "over 20 s %" }, rows)
  local find = function(name) return report.find(results, name) end
  local plain, bins, static = find "fcfs", find "multi_bin_continuous", find "static_fifo"
  local batches, one = find "multi_bin_dynamic", find "dynamic_no_bins"
  print()
  if plain and bins and batches and one and static then
    print("Mean latency. Bins on whole batches (multi_bin_dynamic): " .. report.against(batches, one, "e2e_mean_s"))
    print("Bins on continuous batching (multi_bin_continuous): " .. report.against(bins, plain, "e2e_mean_s"))
    print("Continuous batching itself (fcfs): " .. report.against(plain, batches, "e2e_mean_s") .. "\n")
  end
end

local function setting(rate)
  return scenario {
    title = "continuous_burst: " .. rate .. " times the recorded rate",
    question = "The burst of the main job under continuous batching: do bins still pay?",
    workload = trace.burstgpt "data/burst_sample.csv" {
      rate_scale = rate, skip_rows = 5000, limit = 4500, window_per_seed = true, predictor = predict.lognormal(0.3),
    },
    cluster = {
      gpus = 4,
      name = "RTX 4080 12 GB, Qwen3-1.7B",
      memory = { capacity_gib = 12, weights_gib = 3.2, reserve_gib = 1, bytes_per_token = 114688 },
    },
    latency = latency.step { base = 0.009, per_token = 70e-6, per_context = 0.27e-6 },
    slo = { tbt = 0.050, e2e = 20 },
    policies = { "static_fifo", "dynamic_no_bins", "multi_bin_dynamic", "fcfs", "multi_bin_continuous", "vllm_v1", "sarathi" },
    seeds = 10,
    report = answer,
  }
end

return { setting(5), setting(100) }
