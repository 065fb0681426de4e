return scenario {
  workload = trace.burstgpt "data/burst_sample.csv" { limit = 20, rate_scale = 2, from = 1, to = 9000, jitter = 1,
    window_per_seed = false, keep_zero = true, thin = 2, max_gap = 100, longest = 4000, until_time = 1e5 },
  cluster = { gpus = 1 },
  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 },
  slo = {}, policies = { "static_fifo" },
}
