return scenario {
  title = "t", question = "q?",
  workload = synthetic {
    arrivals = arrivals.on_off { rate = 10, on = 2, off = 3, off_rate = 1 },
    prompt = lengths.normal { mean = 50, std = 10, min = 1 },
    output = lengths.lognormal { mu = 4, sigma = 1, max = 1000 },
    limit = 100, clients = 3,
    predictor = predict.confusion { matrix = { { 3, 1 }, { 1, 3 } }, edges = { 64 }, lowest = 1, highest = 1000 },
  },
  cluster = { gpus = 2, kv = "contiguous", kv_tokens = 20000, kv_max_length = 2048, oversize = "block", name = "toy" },
  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3, floor = 0.001, noise = 0.1 },
  slo = { e2e = 5, ttft = 1, tbt = 0.1 },
  policies = { "static_fifo", { "multi_bin", label = "bins", bins = 3, edges = { 32, 64 }, rule = "fixed" } },
  seeds = 2, seed = 7, warmup = 10, exact_percentiles = true, oracle = true, stop_time = 60,
  limits = { hook_seconds = 2, hook_instructions = 1000000, memory_mb = 32 },
  columns = { "e2e_mean_s", "gpu_util" },
  over = { { "cluster.gpus", { 1, 2, 4 } }, { "params.batch_size", { 4, 8 } } },
}
