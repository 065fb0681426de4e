-- Who waits when programs make many calls? Agents that call the model again and again, their numbers of calls spread widely
-- (Zipf, 1 to 40), more of them than the engine can serve: first come, first served by call, shortest predicted call first, and
-- programs that were served least first. Beside each figure stands what was published (another model, another load: the
-- direction is to be compared, not the size).
local report = require "mbsand.report"

local PUBLISHED = { plas = "4 to 15 x the programs per second at equal latency, against vLLM (Autellix)" }

local function answer(results)
  local base, rows = report.find(results, "fcfs"), {}
  local function times(row, measure) return ("%.3g x"):format(base.level[measure] / row.level[measure]) end
  for _, name in ipairs{ "fcfs", "sjf", "plas", "plas, recompute" } do
    local row = report.find(results, name)
    rows[#rows + 1] = { name, report.interval(row, "ttft_mean_s", 2), times(row, "ttft_mean_s"),
      report.interval(row, "program_mean_s", 3), times(row, "program_mean_s"), report.interval(row, "throughput_tps", 3),
      PUBLISHED[name] or "" }
  end
  report.print_table({ "policy", "TTFT of a call, s", "lower by", "program, mean s", "lower by", "tok/s", "published" }, rows)
  local plas = report.find(results, "plas")
  print(("\nUnder plas a call's first token: %s; a program: %s; tokens per second: %s.\n"):format(
    report.against(plas, base, "ttft_mean_s"), report.against(plas, base, "program_mean_s"),
    report.against(plas, base, "throughput_tps")))
end

return scenario {
  title = "agents",
  question = "Who waits when programs make many calls?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 0.9 },
    sessions = { turns = lengths.zipf { theta = 1.2, min = 1, max = 40 }, think = 0.5, max_context = 16000 },
    prompt = lengths.lognormal { mean = 200, median = 100, max = 2000, min = 1 },
    output = lengths.lognormal { mean = 200, median = 120, max = 1500, min = 1 },
    limit = 2500,
  },
  cluster = { gpus = 1, max_requests = 48, kv_blocks = 3000, swap = { tokens = 400000, seconds_per_token = 2e-6 } },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = { "fcfs", "sjf", "plas", { "plas", preempt = "recompute", label = "plas, recompute" } },
  seeds = 10,
  columns = { "program_mean_s", "ttft_mean_s", "throughput_tps", "preemptions", "cache_hit" },
  report = answer,
}
