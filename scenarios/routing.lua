-- Which router for which workload? Four engines behind one gateway, and three kinds of load: requests that share nothing, forty
-- system prompts of which an engine's cache holds eighteen, and conversations. Routers that look at nothing, at how many
-- requests there are, at where a conversation began, and at what the caches hold. Beside each figure stands what was published
-- (other models, loads and baselines: the direction is to be compared, not the size).
local report = require "mbsand.report"

local RATE = "workload.arrivals.rate"
local ROUTERS = { "random", "round_robin", "power_of_two", "least_loaded", "session_affinity", "prefix_affinity",
  "weighted_scorers", "dynamo_kv" }
local PUBLISHED = { prefix_affinity = "mean latency 1.5 to 14.5 x lower (Preble)" }

local function answer(results)
  for _, rate in ipairs(report.values(results, RATE)) do
    local function row(name) return report.find(results, name, { [RATE] = rate }) end
    local base, rows, best = row "least_loaded", {}, row "random"
    local function times(own, measure) return ("%.3g x"):format(base.level[measure] / own.level[measure]) end
    for i, name in ipairs(ROUTERS) do
      local own = row(name)
      if own.level.ttft_mean_s < best.level.ttft_mean_s then best = own end
      rows[i] = { name, report.interval(own, "ttft_mean_s", 2, 1000), times(own, "ttft_mean_s"),
        report.interval(own, "e2e_mean_s", 3), times(own, "e2e_mean_s"), report.interval(own, "cache_hit", 3, 100),
        PUBLISHED[name] or "" }
    end
    report.print_table({ ("rate %g/s"):format(rate), "TTFT mean ms", "lower by", "E2E mean s", "lower by", "prompt found %",
      "published" }, rows)
    print(("\nAt a rate of %g/s the first token comes soonest under %s: %s; whole requests: %s.\n"):format(rate, best.policy,
      report.against(best, base, "ttft_mean_s"), report.against(best, base, "e2e_mean_s")))
  end
end

local function setting(title, rates, blocks, workload)
  workload.arrivals = arrivals.poisson { rate = rates[1] }
  workload.predictor = predict.lognormal(0.3)
  return scenario {
    title = "routing: " .. title,
    question = "Which router for which workload?",
    workload = synthetic(workload),
    cluster = { gpus = 4, max_requests = 64, kv_blocks = blocks },
    latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
    policies = ROUTERS,
    over = { { RATE, rates } },
    seeds = 3,
    columns = { "ttft_mean_s", "ttft_p99_s", "e2e_mean_s", "cache_hit" },
    report = answer,
  }
end

return {
  setting("nothing in common", { 16, 24 }, 3500, {
    prompt = lengths.lognormal { mean = 1200, median = 500, max = 12000, min = 1 },
    output = lengths.lognormal { mean = 200, median = 120, max = 2000, min = 1 }, limit = 3000,
  }),
  setting("system prompts", { 16, 32 }, 3500, {
    prefix = { tokens = 3000, groups = 40, theta = 0.8 },
    prompt = lengths.lognormal { mean = 200, median = 120, max = 2000, min = 1 },
    output = lengths.lognormal { mean = 60, median = 40, max = 500, min = 1 }, limit = 4000,
  }),
  setting("conversations", { 1.5, 2.5 }, 8000, {
    sessions = { turns = lengths.uniform(2, 10), think = lengths.exponential(10), max_context = 16000 },
    prompt = lengths.lognormal { mean = 300, median = 150, max = 4000, min = 1 },
    output = lengths.lognormal { mean = 250, median = 150, max = 2000, min = 1 }, limit = 3000,
  }),
}
