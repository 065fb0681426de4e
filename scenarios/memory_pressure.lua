-- How much KV memory is enough, and what should admission demand of it? One engine with ever fewer blocks, and five rules for
-- what a request must find (replica.reserve): its first chunk, its whole known sequence, room for its prompt, for its
-- predicted answer too, or for the longest possible sequence. Below a certain size throughput and waiting fall off a cliff;
-- the rules move the cliff.
local report = require "mbsand.report"

local function answer(results)
  local sizes, names, rows = report.values(results, "cluster.kv_blocks"), {}, {}
  for _, row in ipairs(results) do
    if row.point["cluster.kv_blocks"] == sizes[1] then names[#names + 1] = row.policy end
  end
  for _, size in ipairs(sizes) do
    for _, name in ipairs(names) do
      local row = report.find(results, name, { ["cluster.kv_blocks"] = size })
      rows[#rows + 1] = { name == names[1] and report.fixed(size, 0) or "", name, report.interval(row, "throughput_rps", 3),
        report.interval(row, "ttft_p99_s", 3), report.interval(row, "kv_mean", 3, 100), report.number(row.mean.preemptions, 3),
        report.number(100 * row.mean.padding_waste, 2) }
    end
  end
  report.print_table({ "blocks", "reserve", "requests/s", "TTFT p99 s", "KV %", "preemptions", "computed twice %" }, rows)
  print()
  local plenty, least = sizes[1], math.huge
  for _, name in ipairs(names) do
    least = math.min(least, report.find(results, name, { ["cluster.kv_blocks"] = plenty }).mean.ttft_p99_s)
  end
  for _, name in ipairs(names) do
    local enough
    for _, size in ipairs(sizes) do -- from the largest down
      local row = report.find(results, name, { ["cluster.kv_blocks"] = size })
      if row.mean.ttft_p99_s > 2 * least then break end
      enough = size
    end
    print(("%-10s keeps the p99 first token within twice the best (%.3g s) %s"):format(name, least,
      enough and "down to " .. report.fixed(enough, 0) .. " blocks" or "at no size tried"))
  end
  print()
end

local function rule(name)
  return { "vllm_v1", label = name, reserve = name, max_tokens = 1024 }
end

return scenario {
  title = "memory_pressure",
  question = "How much KV memory is enough, and what should admission demand of it?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 5 },
    prompt = lengths.lognormal { mean = 1200, median = 800, max = 8000, min = 1 },
    output = lengths.lognormal { mean = 300, median = 200, max = 2000, min = 1 },
    limit = 2000,
    predictor = predict.lognormal(0.3),
  },
  cluster = { gpus = 1, kv_blocks = 8000, kv_max_length = 10000 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = { rule "chunk", rule "sequence", rule "prompt", rule "predicted", rule "maximum" },
  over = { { "cluster.kv_blocks", { 8000, 6000, 5500, 5000, 4500, 4000, 3500 } } },
  seeds = 5,
  report = answer,
}
