-- CSV replay: rows of a trace through the whole simulator. The trace is made by tests/bench/run.sh.
return scenario {
  title = "CSV replay",
  workload = trace.burstgpt "build/bench_trace.csv" {},
  cluster = { gpus = 64, kv_tokens = 73025 },
  latency = latency.batch{ alpha = 0.05965, beta = 0.005742, gamma = 0.316 },
  policies = { "static_fifo" },
  seeds = 1,
  columns = { "sim_requests_per_s", "sim_wall_s", "batch_mean", "gpu_util", "queue_mean_s" },
}
