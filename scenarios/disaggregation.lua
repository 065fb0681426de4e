-- When does it pay to compute prompts on some engines and answers on others, and in what ratio? Four engines, long prompts, a
-- first token within 0.4 s and 25 ms per token promised: mixed, with prompts first and in chunks of two sizes, and split one to
-- three, two to two and three to one over a link of 50 GB/s. Beside each figure stands what was published (another model and
-- other loads). Then one engine for prompts of one length, one at a time, beside the closed form of the wait before it.
local report = require "mbsand.report"

local RATE = "workload.arrivals.rate"
local MIXED, SPLIT = { "prefill first", "chunk 2048", "chunk 512" }, { "1P 3D", "2P 2D", "3P 1D" }
local PUBLISHED = {
  ["2P 2D"] = "up to 7.4 x the rate with 90 % of the promises kept (DistServe)",
  ["1P 3D"] = "worse where the ratio is wrong",
}

local function best(results, names, rate)
  local found
  for _, name in ipairs(names) do
    local row = report.find(results, name, { [RATE] = rate })
    if not found or row.level.slo_attainment > found.level.slo_attainment then found = row end
  end
  return found
end

local function answer(results)
  local rates, rows, header = report.values(results, RATE), {}, { "promises kept, %" }
  for _, rate in ipairs(rates) do header[#header + 1] = ("%g/s"):format(rate) end
  header[#header + 1] = ("TTFT p99 s at %g/s"):format(rates[#rates])
  header[#header + 1] = "TPOT p99 ms"
  header[#header + 1] = "published"
  for _, names in ipairs{ MIXED, SPLIT } do
    for _, name in ipairs(names) do
      local line = { name }
      for _, rate in ipairs(rates) do
        line[#line + 1] = report.interval(report.find(results, name, { [RATE] = rate }), "slo_attainment", 3, 100)
      end
      local last = report.find(results, name, { [RATE] = rates[#rates] })
      line[#line + 1] = report.interval(last, "ttft_p99_s", 2)
      line[#line + 1] = report.interval(last, "tpot_p99_s", 2, 1000)
      line[#line + 1] = PUBLISHED[name] or ""
      rows[#rows + 1] = line
    end
  end
  report.print_table(header, rows)
  print()
  for _, rate in ipairs(rates) do
    local mixed, split = best(results, MIXED, rate), best(results, SPLIT, rate)
    print(("At %g/s the best split, %s: promises kept %s."):format(rate, split.policy,
      report.against(split, mixed, "slo_attainment")))
  end
  print()
end

-- M/D/1: D the time of a prompt, R the rate; DistServe's equation 1.
local D = 0.0128 + 1000 * 41.8e-6
local function one_prompt(results)
  local rows = {}
  for _, rate in ipairs(report.values(results, RATE)) do
    local row = report.find(results, "1P 1D", { [RATE] = rate })
    local theory = D + rate * D ^ 2 / (2 * (1 - rate * D))
    rows[#rows + 1] = { ("%g/s"):format(rate), report.interval(row, "ttft_mean_s", 4, 1000), report.number(theory * 1000, 4),
      ("%+.2f %%"):format(100 * (row.level.ttft_mean_s / theory - 1)) }
  end
  report.print_table({ "rate", "TTFT mean ms", "M/D/1", "difference" }, rows)
  print()
end

local STEP = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 }

return {
  scenario {
    title = "disaggregation: four engines",
    question = "When does it pay to compute prompts and answers on engines of their own, and in what ratio?",
    workload = synthetic {
      arrivals = arrivals.poisson { rate = 4 },
      prompt = lengths.lognormal { mean = 1500, median = 1000, max = 8000, min = 16 },
      output = lengths.lognormal { mean = 150, median = 100, max = 1000, min = 2 },
      limit = 3000,
    },
    cluster = { gpus = 4, kv_blocks = 8000, kv_max_length = 10000, kv_bytes_per_token = 131072,
      link = { bandwidth = 50, latency = 0.001 } },
    latency = STEP,
    slo = { ttft = 0.4, tbt = 0.025 },
    policies = {
      { "vllm_v0", label = "prefill first" }, { "vllm_v1", max_tokens = 2048, label = "chunk 2048" },
      { "sarathi", label = "chunk 512" }, { "disaggregated", prefills = 1, label = "1P 3D" },
      { "disaggregated", prefills = 2, label = "2P 2D" }, { "disaggregated", prefills = 3, label = "3P 1D" },
    },
    over = { { RATE, { 4, 16, 24 } } },
    seeds = 3,
    columns = { "slo_attainment", "ttft_p99_s", "tpot_p99_s", "itl_p99_s", "throughput_tps" },
    report = answer,
  },
  scenario {
    title = "disaggregation: prompts of one length",
    question = "How long does a prompt wait for those before it?",
    workload = synthetic { arrivals = arrivals.poisson { rate = 4 }, prompt = 1000, output = 2, limit = 20000 },
    cluster = { gpus = 2, kv_blocks = 8000, link = { bandwidth = 50 }, kv_bytes_per_token = 131072, token_budget = 1000 },
    latency = STEP,
    policies = { { "disaggregated", prefills = 1, label = "1P 1D" } },
    over = { { RATE, { 4, 8, 12 } } },
    seeds = 5,
    columns = { "ttft_mean_s" },
    report = one_prompt,
  },
}
