-- Whole batches for growth.sh: bins, and replicas that are idle. Environment: BINS, REPLICAS, RATE (requests/s).
local replicas, rate = tonumber(os.getenv("REPLICAS")), tonumber(os.getenv("RATE"))
return scenario {
  title = "growth",
  workload = synthetic {
    arrivals = arrivals.poisson{ rate = rate },
    prompt = lengths.lognormal{ mean = 611, median = 251, max = 4096 },
    output = lengths.uniform{ low = 1, high = 8192 },
    limit = 100000,
  },
  cluster = { gpus = replicas, kv_tokens = 200000 },
  latency = latency.batch{ alpha = 0.05965, beta = 0.00005, gamma = 0.316 },
  policies = { { "multi_bin", bins = tonumber(os.getenv("BINS")) } },
  seeds = 1,
}
