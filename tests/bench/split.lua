-- Four replicas, all for prompts and answers (least_loaded), or two for each: requests/s of the simulation on one core.
--   POLICY=disaggregated mbsand tests/bench/split.lua --jobs 1; or POLICY=tests/bench/split_policy.lua
local policy = os.getenv("POLICY") or "least_loaded"

return scenario {
  title = "prompts and answers apart",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 20 },
    prompt = lengths.lognormal { mu = 6.633, sigma = 0.985, min = 1, max = 14050 },
    output = lengths.lognormal { mu = 5.019, sigma = 0.859, min = 1, max = 1000 },
    limit = 100000,
  },
  cluster = { gpus = 4, kv_blocks = 28615, kv_max_length = 16384, max_requests = 1024, token_budget = 8192,
    link = { bandwidth = 50, latency = 0.001 }, kv_bytes_per_token = 131072 },
  latency = latency.step { base = 0.0127826, per_token = 41.818e-6, per_context = 71.61e-9 },
  policies = { policy == "disaggregated" and { policy, prefills = 2 } or policy },
  columns = { "throughput_rps", "ttft_p99_s", "tpot_p99_s", "sim_requests_per_s" },
  seeds = 1,
}
