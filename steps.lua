return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 2 }, prompt = lengths.uniform { low = 50, high = 400 },
    output = lengths.uniform { low = 20, high = 300 }, limit = 150 },
  latency = latency.step { base = 0.02, per_token = 2e-4, per_context = 1e-6 }, cluster = { gpus = 2, kv_blocks = 60, kv_block = 16 },
  policies = { "vllm_v1", "static_fifo", "./rejects.lua" }, seeds = 2 }
