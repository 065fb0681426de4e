-- The workloads that wait for answers, classes, prefixes and JSON lines, as test_scenario.c reads them.
local function section(workload)
  return scenario { workload = workload, latency = latency.jobs { noise = 0 }, policies = { "static_fifo" } }
end

local plain = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 }

return {
  section(synthetic {
    users = 7, think = lengths.exponential(2), ramp = 3,
    sessions = { turns = lengths.uniform(1, 5), think = 4, max_context = 900 },
    classes = {
      { name = "chat", share = 0.7, prompt = 9, priority = -2, slo = { ttft = 1, e2e = 30 } },
      { name = "code", share = 0.3, output = 8 },
    },
    prompt = 5, output = 6, service = 1, limit = 10,
  }),
  section(synthetic {
    arrivals = arrivals.poisson { rate = 1 }, prefix = { tokens = 100, groups = 3, theta = 0.5 }, service = 1, limit = 10,
  }),
  scenario { workload = trace.mooncake "../jsonl/good.jsonl" { jitter = 3, longest = 4000 }, latency = plain,
    policies = { "static_fifo" } },
  scenario {
    workload = trace.jsonl "../jsonl/fields.jsonl" {
      fields = {
        time = "at", prompt = "in", output = "out", predicted = "guess", client = "who", priority = "urgent", prefix = "ids",
      },
      time_unit = 1e-9, prefix_unit = 16, predictor = predict.column {},
    },
    latency = plain, policies = { "static_fifo" },
  },
}
