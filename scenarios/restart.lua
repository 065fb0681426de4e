-- What does it cost when a request that makes room loses what it generated? The model of theory: steps of a
-- second, memory for 50 tokens, fifty requests at once or one after the other, exact lengths. Shortest first while the peak to
-- come fits (MC-SF) against greedy admission that lets requests start again, and against memory set aside for the final length
-- or the longest. Beside each figure stands what was published.
local report = require "mbsand.report"

local PUBLISHED = { mc_sf = "mean latency within 0.5 % (at once) and 4.7 % of hindsight's (MC-SF)" }

local function answer(results)
  local base, rows = report.find(results, "mc_sf"), {}
  for _, row in ipairs(results) do
    rows[#rows + 1] = { row.policy, report.interval(row, "e2e_mean_s", 3),
      ("%.3g x"):format(row.level.e2e_mean_s / base.level.e2e_mean_s), report.interval(row, "preemptions", 3),
      report.interval(row, "kv_peak", 3, 100), PUBLISHED[row.policy] or "" }
  end
  report.print_table({ "policy", "E2E mean s", "of mc_sf", "restarts", "peak of memory %", "published" }, rows)
  local sjf, fcfs = report.find(results, "greedy, shortest first"), report.find(results, "greedy, first come")
  print(("\nMean latency, greedy with restarts: first come %s, shortest first %s.\n"):format(
    report.against(fcfs, base, "e2e_mean_s"), report.against(sjf, base, "e2e_mean_s")))
end

local function setting(title, arrive, limit)
  return scenario {
    title = "restart: " .. title,
    question = "What does it cost when a request that makes room loses what it generated?",
    workload = synthetic { arrivals = arrive, prompt = lengths.uniform(1, 5), output = lengths.uniform(1, 40), limit = limit },
    cluster = { gpus = 1, kv_block = 1, kv_blocks = 50, prefix_cache = false, kv_max_length = 50 },
    latency = latency.step { base = 1 },
    policies = { "mc_sf", { "clearing", alpha = 0, beta = 0, label = "greedy, first come" },
      { "clearing", alpha = 0, beta = 0, by = "predicted_output", label = "greedy, shortest first" }, "clearing",
      { "vllm_v1", reserve = "predicted", label = "final length" },
      { "vllm_v1", reserve = "maximum", label = "longest length" } },
    seeds = 10,
    columns = { "e2e_mean_s", "preemptions", "kv_peak", "throughput_tps" },
    report = answer,
  }
end

return {
  setting("all at once", arrivals.all_at_once{}, 50),
  setting("one after the other", arrivals.poisson { rate = 0.08 }, 500),
}
