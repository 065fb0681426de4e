-- The batch executor under stable load: 32 replicas, log-normal lengths, at three loads. The cost of a decision is shared
-- by its batch, so the figures depend on the mean batch. On one thread:
--   mbsand tests/bench/batch.lua --jobs 1 --set workload.limit=10000000
local function section(rate, policies)
  return scenario {
    title = rate .. " requests/s",
    workload = synthetic {
      arrivals = arrivals.poisson{ rate = rate },
      prompt = lengths.lognormal{ mean = 611, median = 251, max = 4096 },
      output = lengths.lognormal{ mean = 123, median = 34, max = 4096 },
      limit = 1000000,
    },
    cluster = { gpus = 32, kv_tokens = 73025 },
    latency = latency.batch{ alpha = 0.05965, beta = 0.005742, gamma = 0.316 },
    slo = { tbt = 0.010, e2e = 60 },
    policies = policies,
    seeds = 1,
    columns = { "sim_requests_per_s", "sim_wall_s", "batch_mean", "gpu_util", "queue_mean_s" },
  }
end

local rate = tonumber(os.getenv("RATE")) -- one section, of one policy
if rate then return section(rate, { os.getenv("POLICY") or "static_fifo" }) end
return {
  section(2, { "static_fifo", { "multi_bin_dynamic", bins = 4 } }), -- nearly every batch is one request
  section(14, { "static_fifo", "dynamic_no_bins", { "multi_bin_dynamic", bins = 4 } }),
  section(24, { "dynamic_no_bins", { "multi_bin_dynamic", bins = 4 } }), -- static_fifo cannot keep up with these
}
