return scenario {
  workload = synthetic {
    users = 5, think = lengths.exponential(20), ramp = 3,
    sessions = { turns = lengths.uniform(2, 10), think = lengths.exponential(20), max_context = 16000 },
    prompt = lengths.lognormal { mean = 300, median = 150, max = 4000, min = 1 },
    output = lengths.lognormal { mean = 250, median = 150, max = 2000, min = 1 },
    limit = 200, predictor = predict.lognormal(0.3),
  },
  cluster = { gpus = 1, kv_blocks = 2000, kv_block = 16, prefix_cache = true, token_budget = 512, max_requests = 64,
    swap = { tokens = 500, seconds_per_token = 0.0002 }, watermark = 0.01, reserve = "chunk" },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015,
    prompts = { base = 0.01, per_token = 1e-6 }, graph_sizes = { 1, 2, 4 } },
  slo = { e2e = 5 },
  policies = { "vllm_v1", { "sarathi", label = "s" } },
  warmup = { seconds = 2 },
}
