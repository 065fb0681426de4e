-- A hundred replicas and a router: requests/s of the simulation on one core.
--   POLICY=power_of_two mbsand tests/bench/signals.lua --jobs 1; or POLICY=tests/bench/signals_policy.lua, on signals of 0.1 s
return scenario {
  title = "a router on old signals",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 2000 },
    prompt = lengths.lognormal { mu = 4.633, sigma = 0.985, min = 1, max = 14050 },
    output = lengths.lognormal { mu = 4.019, sigma = 0.859, min = 1, max = 1000 },
    limit = 300000,
  },
  cluster = { gpus = 100, kv_blocks = 28615, kv_max_length = 16384, max_requests = 1024, token_budget = 8192,
    signals = { period = 0.1, delay = 0.02 } },
  latency = latency.step { base = 0.0127826, per_token = 41.818e-6, per_context = 71.61e-9 },
  policies = { os.getenv("POLICY") or "power_of_two" },
  columns = { "throughput_rps", "ttft_p99_s", "gpu_util", "batch_mean", "sim_requests_per_s" },
  seeds = 1,
}
