-- How much may be admitted when nobody knows how long answers become? Thirty users, answers of 1 to 4096 tokens, one engine
-- whose memory holds 48,000: admission by what is free now, by the longest possible answer, and by the peak of the memory that
-- the running and the next one will ask for. Beside each figure stands what was published (another model, another load).
local report = require "mbsand.report"

local PUBLISHED = {
  past_future = "goodput 2 to 3 x that of aggressive or conservative admission (Past-Future)",
  mc_sf = "mean latency within 5 % of hindsight's, exact lengths (MC-SF)",
}

local function answer(results)
  local rows = {}
  for _, name in ipairs{ "aggressive", "conservative", "past_future", "mc_sf" } do
    local row = report.find(results, name)
    rows[#rows + 1] = { name, report.interval(row, "throughput_tps", 4), report.interval(row, "preemptions", 3),
      report.interval(row, "tpot_p99_s", 2, 1000), report.interval(row, "goodput_rps", 2), PUBLISHED[name] or "" }
  end
  report.print_table({ "admission", "tok/s", "preemptions", "TPOT p99 ms", "goodput req/s", "published" }, rows)
  print()
end

return scenario {
  title = "peak_memory",
  question = "How much may be admitted when nobody knows how long answers become?",
  workload = synthetic {
    users = 30, ramp = 20, limit = 1000, prompt = lengths.uniform(32, 1024), output = lengths.uniform(1, 4096),
  },
  cluster = { gpus = 1, kv_blocks = 3000, kv_max_length = 5120 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  slo = { ttft = 10, tbt = 0.05 },
  policies = { { "vllm_v1", reserve = "chunk", label = "aggressive" },
    { "vllm_v1", reserve = "maximum", label = "conservative" }, "past_future", "mc_sf" },
  seeds = 3,
  warmup = 100,
  columns = { "goodput_rps", "throughput_tps", "ttft_p99_s", "tpot_p99_s", "preemptions", "kv_mean" },
  report = answer,
}
