-- What does lockstep cost? Ranks of data-parallel attention that share their experts step together: each waits for the
-- slowest, and computes as many tokens as the largest. The same eight replicas by themselves, and in groups of 2, 4 and 8; the
-- law of a step is the same for all, so what differs is the waiting and the padding alone.
local report = require "mbsand.report"

local function answer(results)
  local rows = {}
  for _, row in ipairs(results) do
    rows[#rows + 1] = { row.policy, row.point["cluster.experts.parallel"], report.interval(row, "tpot_mean_s", 3, 1000),
      report.interval(row, "itl_p99_s", 3, 1000), report.interval(row, "ttft_mean_s", 3),
      report.interval(row, "e2e_mean_s", 3), report.interval(row, "gpu_util", 3) }
  end
  report.print_table({ "policy", "ranks that step together", "TPOT mean ms", "ITL p99 ms", "TTFT mean s", "E2E mean s",
    "util" }, rows)
  for _, policy in ipairs { "least_loaded", "round_robin" } do
    local alone = report.find(results, policy, { ["cluster.experts.parallel"] = 1 })
    local all = report.find(results, policy, { ["cluster.experts.parallel"] = 8 })
    if alone and all then
      print(("\n%s: eight ranks in lockstep take %.1f times as long per token as eight replicas by themselves, E2E %.1f times.")
        :format(policy, all.level.tpot_mean_s / alone.level.tpot_mean_s, all.level.e2e_mean_s / alone.level.e2e_mean_s))
    end
  end
  print()
end

return scenario {
  title = "lockstep",
  question = "What does it cost that ranks which share their experts step together?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 24 },
    prompt = lengths.lognormal { mean = 1000, median = 500, max = 8000, min = 1 },
    output = lengths.lognormal { mean = 200, median = 130, max = 1500, min = 1 },
    limit = 4000,
  },
  cluster = { gpus = 8, kv_blocks = 28615, token_budget = 2048, max_requests = 128, experts = { parallel = 1 } },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9 },
  policies = { "least_loaded", "round_robin" },
  over = { { "cluster.experts.parallel", { 1, 2, 4, 8 } } },
  seeds = 5,
  report = answer,
}
