-- Should admission set aside the longest possible answer? TensorRT-LLM's two schedulers, long prompts and answers that end
-- anywhere below their callers' bound, in memory that presses and in memory that does not. Beside the figures stands what was
-- reported of that engine (its issue 16827). The direction in the tail comes out, that in throughput does not: here nothing is
-- lost but the work done twice, and what made it lose so much there is not known to us.
local report = require "mbsand.report"

local PUBLISHED = { [4000] = "161.0 -> 95.7 tok/s, TPOT p99 122 -> 1,111 ms", [60000] = "+0.24 % tok/s" }

local function answer(results)
  local rows, told = {}, {}
  for _, blocks in ipairs(report.values(results, "cluster.kv_blocks")) do
    local function at(name) return report.find(results, name, { ["cluster.kv_blocks"] = blocks }) end
    local none, most = at "trt_no_evict", at "trt_max_utilization"
    rows[#rows + 1] = { report.fixed(blocks, 0), report.interval(none, "throughput_tps", 4),
      report.interval(most, "throughput_tps", 4), report.change(report.compare(most, none, "throughput_tps")),
      report.interval(none, "tpot_p99_s", 2, 1000), report.interval(most, "tpot_p99_s", 2, 1000),
      report.interval(most, "preemptions", 3), PUBLISHED[blocks] or "" }
    told[#told + 1] = ("With %d blocks the p99 time per token under max utilization: %s."):format(blocks,
      report.against(most, none, "tpot_p99_s"))
  end
  report.print_table({ "blocks", "tok/s, no evict", "max utilization", "change", "TPOT p99 ms, no evict", "max utilization",
    "paused", "reported" }, rows)
  print("\n" .. table.concat(told, "\n") .. "\n")
end

return scenario {
  title = "no_evict",
  question = "Should admission set aside the longest possible answer?",
  workload = synthetic {
    users = 48, ramp = 5, limit = 300,
    prompt = lengths.uniform(1000, 3000), output = lengths.uniform(2000, 8000), max_output = 8000,
  },
  cluster = { gpus = 1, kv_blocks = 4000, prefix_cache = false },
  latency = latency.step { base = 0.02, per_token = 100e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = { "trt_no_evict", "trt_max_utilization" },
  over = { { "cluster.kv_blocks", { 2000, 4000, 60000 } } },
  seeds = 3,
  warmup = 50,
  columns = { "throughput_tps", "tpot_p99_s", "ttft_p99_s", "preemptions" },
  report = answer,
}
