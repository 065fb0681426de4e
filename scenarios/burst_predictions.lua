-- The burst of scenarios/burst.lua with exact, good, usual and poor predictions of output lengths: who depends on them?
-- sigma is the standard deviation of the logarithm of the factor that a prediction is off by; 0.8 is about the predictor of
-- the multi-bin paper.
return scenario {
  title = "burst_predictions",
  question = "Bursty chat load, whole batches: how good must predictions be, and for whom?",
  workload = trace.burstgpt "data/burst_sample.csv" {
    rate_scale = 5, skip_rows = 5000, limit = 10000, window_per_seed = true, predictor = predict.lognormal { sigma = 0.8 },
  },
  cluster = { gpus = 4, kv_blocks = 2588, name = "RTX 4090, Llama-3.1-8B" },
  latency = latency.step { base = 0.01695, per_token = 90.8e-6, per_context = 101e-9, host = 0.0018 },
  slo = { tbt = 0.025, e2e = 20 },
  policies = { "static_sjf", { "dynamic_no_bins", max_batch = 64 }, { "multi_bin_dynamic", max_batch = 64 } },
  over = { { "workload.predictor.sigma", { 0, 0.4, 0.8, 1.6 } } },
  columns = { "goodput_rps", "e2e_mean_s", "e2e_p99_s" },
  seeds = 5,
}
