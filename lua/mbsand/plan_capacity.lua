-- The simulation of `mbsand plan --slo`: its options come as `--set`.
return scenario {
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 1 },
    prompt = lengths.lognormal { mean = 1000, median = 607, min = 1, max = 100000 }, -- sigma of ln = 1
    output = lengths.lognormal { mean = 200, median = 121, min = 1, max = 100000 },
    limit = 2000,
  },
  cluster = { gpu = "h100-80gb", model = "llama-3-8b" },
  latency = latency.roofline {},
  policies = { "least_loaded" },
  warmup = 200,
  seeds = 3,
}
