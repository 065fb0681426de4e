-- Does binning by length pay under bursty load with real GPU memory? Chat requests (BurstGPT's layout) are played five
-- times faster than they came, so that four small GPUs are busy but not swamped. Bins follow prompt + output, since
-- that is what a batch's time follows here; try --set params.key=predicted_output to see what is left without it.
return scenario {
  title = "burst",
  question = "Bursty chat load on four RTX 4080: which of three schedulers keeps requests under 20 s?",
  workload = trace.burstgpt "data/burst_sample.csv" { rate_scale = 5, limit = 10000, window_per_seed = true },
  cluster = {
    gpus = 4,
    name = "RTX 4080 12 GB, Qwen3-1.7B",
    -- 1.72e9 parameters in 16 bit; 2 x 28 layers x 8 KV heads x 128 x 2 bytes per token
    memory = { capacity_gib = 12, weights_gib = 3.2, reserve_gib = 1, bytes_per_token = 114688 },
  },
  latency = latency.batch "data/qwen3_1_7b_latency_grid.csv",
  slo = { tbt = 0.010, e2e = 20 },
  policies = { "static_fifo", "dynamic_no_bins", "multi_bin_dynamic" },
  seeds = 5,
}
