-- Who reads as fast as the answer comes? Readers of 10 tokens a second who expect the first one within a second, memory for few
-- of them, a host to set the others aside to: first come, first served against an order by what being served adds to each
-- reader's experience. Beside each figure stands what was published (another model and load: compare the direction).
local report = require "mbsand.report"

local RATE = "workload.arrivals.rate"
local PUBLISHED = {
  [4] = "no difference below saturation (Andes)",
  [8] = "mean QoE up to 3.2 to 4.7 x of vLLM's, or 61 % fewer GPUs (Andes)",
}

local function answer(results)
  local rows = {}
  for _, rate in ipairs(report.values(results, RATE)) do
    local function row(name) return report.find(results, name, { [RATE] = rate }) end
    local fcfs, andes = row "fcfs", row "andes"
    rows[#rows + 1] = { report.number(rate, 2), report.interval(fcfs, "qoe_mean", 3, 100),
      report.interval(andes, "qoe_mean", 3, 100), ("%.3g x"):format(andes.level.qoe_mean / fcfs.level.qoe_mean),
      report.interval(fcfs, "ttft_mean_s", 2), report.interval(andes, "ttft_mean_s", 2), PUBLISHED[rate] or "" }
  end
  report.print_table({ "requests/s", "QoE of fcfs, %", "of andes", "higher by", "TTFT of fcfs, s", "of andes", "published" },
    rows)
  print()
end

return scenario {
  title = "qoe",
  question = "Whose answers come as fast as they are read?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 4 },
    prompt = 300,
    output = lengths.exponential { mean = 300, max = 1500 },
    limit = 2000,
  },
  cluster = { gpus = 1, kv_blocks = 1500, swap = { tokens = 400000, seconds_per_token = 2e-6 } },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  qoe = { speed = 10, ttft = 1 },
  policies = { "fcfs", "andes" },
  over = { { RATE, { 4, 6, 8 } } },
  seeds = 3,
  columns = { "qoe_mean", "qoe_p10", "ttft_mean_s", "ttft_p99_s", "tpot_p99_s", "throughput_tps", "preemptions" },
  report = answer,
}
