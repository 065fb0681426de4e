return scenario {
  workload = synthetic {
    arrivals = arrivals.all_at_once {},
    prompt = lengths.empirical "data/burst_sample.csv" { column = "Request toks" },
    output = 20,
    limit = 5,
  },
  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 },
  policies = { "static_fifo" },
}
