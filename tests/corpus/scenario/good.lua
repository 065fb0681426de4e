-- Two sections; a sweep; every kind of parameter.
local report = require "mbsand.report"
local base = {
  title = "base",
  question = "Does it load?",
  workload = synthetic {
    arrivals = arrivals.on_off { rate = 10, on = 2, off = 3 },
    prompt = lengths.normal { mean = 50, std = 10, min = 1 },
    output = lengths.lognormal { mu = 4, sigma = 1, max = 1000 },
    limit = 100,
    clients = 3,
    predictor = predict.confusion { matrix = { { 3, 1 }, { 1, 3 } }, edges = { 64 }, lowest = 1, highest = 1000 },
  },
  cluster = { gpus = 2, kv = "contiguous", kv_tokens = 20000, kv_max_length = 2048, oversize = "block", name = "toy" },
  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3, floor = 0.001, noise = 0.1 },
  slo = { e2e = 5 },
  policies = {
    "static_fifo",
    { "multi_bin", label = "bins", bins = 3, edges = { 32, 64 }, rule = "fixed", max_wait = false, unlimited_memory = true },
  },
  seeds = 2,
  seed = 7,
  warmup = 10,
  exact_percentiles = true,
  limits = { hook_seconds = 2, hook_instructions = 1000000, memory_mb = 32 },
  columns = { "e2e_mean_s", "gpu_util" },
}
local sweep = {}
for key, value in pairs(base) do sweep[key] = value end
sweep.title, sweep.over = "sweep", { { "cluster.gpus", { 1, 2, 4 } }, { "params.batch_size", { 4, 8 } } }
sweep.report = function(results)
  if results[1].mean.e2e_mean_s == 99 then error("the report's own mistake") end
  report.print_table({ "policy", "s" }, { { results[1].policy, results[1].mean.e2e_mean_s } })
end
return { scenario(base), scenario(sweep) }
