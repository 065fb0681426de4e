return scenario {
  workload = synthetic { arrivals = arrivals.all_at_once {}, prompt = 10, output = 20, limit = 5 },
  cluster = {
    gpuss = 4,
  },
  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 },
  policies = { "static_fifo" },
}
