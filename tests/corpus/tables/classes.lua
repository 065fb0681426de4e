return { scenario {
  workload = synthetic {
    arrivals = arrivals.piecewise { segments = { { 10, 2 }, { 5, 8 } }, ["repeat"] = true },
    classes = {
      { name = "chat", share = 0.7, prompt = lengths.uniform(1, 50), output = 20, slo = { ttft = 1 } },
      { name = "code", share = 0.3, prompt = lengths.zipf { theta = 1.2, max = 50 },
        output = lengths.pareto { min = 5, shape = 2, max = 99 }, priority = 2 },
    },
    prefix = { tokens = 2000, groups = 8 }, until_time = 20, limit = 50,
  },
  cluster = { gpu = "h100-80gb", model = "llama-3-8b", tp = 1, gpus = 2 },
  latency = latency.roofline { host = 0.002, compute = 0.5, bandwidth = 0.8 },
  slo = { e2e = 5 }, policies = { "fcfs" }, seeds = 1,
} }
