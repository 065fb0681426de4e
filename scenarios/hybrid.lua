-- Can offline work fill what online requests leave? One engine, chat that was promised a first token within a second and 50 ms
-- per token, first alone; then with documents to summarise that may take until tomorrow, more of them than fit: first come,
-- first served, in whole prompts and in small chunks; the chat first; and offline work into what each step has left (HyGen).
-- Beside the figures stands what was published (another model, another load).
local report = require "mbsand.report"

local PUBLISHED = { hygen = "3.9 to 5.8 x the throughput of online alone or mixed, promises kept (HyGen)" }

local function answer(results)
  local rows = {}
  for _, row in ipairs(results) do
    rows[#rows + 1] = { row.policy, report.interval(row, "slo_attainment", 3, 100), report.interval(row, "total_tps", 4),
      report.interval(row, "tpot_p99_s", 2, 1000), PUBLISHED[row.policy] or "" }
  end
  report.print_table({ "policy", "promises kept %", "prompt + output tok/s", "TPOT p99 ms", "published" }, rows)
  local best = results[#results]
  if best.level.slo_attainment then
    print(("\n%s: promises kept to %.1f %%.\n"):format(best.policy, 100 * best.level.slo_attainment))
  end
end

local ONLINE = { name = "online", share = 1, priority = 1, slo = { ttft = 1, tbt = 0.05 },
  prompt = lengths.lognormal { mean = 300, median = 150, max = 4000, min = 1 },
  output = lengths.lognormal { mean = 250, median = 150, max = 2000, min = 1 } }
local OFFLINE = { name = "offline", share = 2, slo = { e2e = 86400 },
  prompt = lengths.lognormal { mean = 3000, median = 2500, max = 8000, min = 1 },
  output = lengths.lognormal { mean = 150, median = 100, max = 1000, min = 1 } }

local function setting(title, rate, limit, classes, policies)
  return scenario {
    title = "hybrid: " .. title,
    question = "Can offline work fill what online requests leave?",
    workload = synthetic { arrivals = arrivals.poisson { rate = rate }, classes = classes, limit = limit },
    cluster = { gpus = 1, kv_blocks = 8000, max_requests = 512 },
    latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
    policies = policies,
    stop_time = 300,
    seeds = 3,
    columns = { "slo_attainment", "total_tps", "ttft_mean_s", "tpot_p99_s", "preemptions" },
    report = answer,
  }
end

return {
  setting("online alone", 10 / 3, 900, { ONLINE }, { "fcfs" }),
  setting("online and offline", 10, 2700, { ONLINE, OFFLINE }, { "fcfs", "sarathi", "priority", { "hygen", budget = 0.045 } }),
}
