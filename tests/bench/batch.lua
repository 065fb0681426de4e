-- The batch executor under stable load: 16 replicas, log-normal lengths. Run one policy at a time, on one thread:
--   mbsand tests/bench/batch.lua --jobs 1 --set workload.limit=10000000
return scenario {
  title = "batch executor, stable load",
  workload = synthetic {
    arrivals = arrivals.poisson{ rate = 14 },
    prompt = lengths.lognormal{ mean = 611, median = 251, max = 4096 },
    output = lengths.lognormal{ mean = 123, median = 34, max = 4096 },
    limit = 1000000,
  },
  cluster = { gpus = 32, kv_tokens = 73025 },
  latency = latency.batch{ alpha = 0.05965, beta = 0.005742, gamma = 0.316 },
  slo = { tbt = 0.010, e2e = 60 },
  policies = { "static_fifo", "dynamic_no_bins", { "multi_bin_dynamic", bins = 4 } },
  seeds = 1,
  columns = { "sim_requests_per_s", "sim_wall_s", "batch_mean", "gpu_util", "queue_mean_s" },
}
