return scenario {
  workload = trace.burstgpt "data/burst_sample.csv" { rate_scale = 10, limit = 100, window_per_seed = true },
  cluster = { gpus = 4, memory = { capacity_gib = 12, weights_gib = 4, reserve_gib = 1, bytes_per_token = 196608 } },
  latency = latency.batch "data/qwen3_1_7b_latency_grid.csv" { floor = 0.001 },
  policies = { "static_fifo" },
}
