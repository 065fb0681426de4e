-- The scenario that every attack runs in: small, with a policy beside it that must come through unharmed.
-- luacheck: read globals scenario synthetic arrivals lengths latency
return scenario {
  title = "small",
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = lengths.uniform { low = 10, high = 200 },
    output = lengths.uniform { low = 5, high = 100 }, limit = 300 },
  cluster = { gpus = 2, kv_tokens = 2000 },
  latency = latency.batch { alpha = 0.02, beta = 0.001, gamma = 0.3 },
  slo = { tbt = 0.010, e2e = 20 },
  policies = { "static_fifo" },
  seeds = 1,
}
