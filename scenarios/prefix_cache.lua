-- What does a prefix cache save, and when does it stop helping? First conversations whose context grows with every turn, then
-- requests that share long system prompts; each with the cache off and on, at ever smaller pools.
local report = require "mbsand.report"

local function answer(what)
  return function(results)
    local rows, saved = {}, {}
    local sizes = report.values(results, "cluster.kv_blocks")
    for _, size in ipairs(sizes) do
      local off = report.find(results, "vllm_v1", { ["cluster.kv_blocks"] = size, ["cluster.prefix_cache"] = false })
      local on = report.find(results, "vllm_v1", { ["cluster.kv_blocks"] = size, ["cluster.prefix_cache"] = true })
      local found = report.compare(on, off, "ttft_mean_s")
      saved[size] = found.real and 1 - found.ratio or 0
      rows[#rows + 1] = { report.fixed(size, 0), report.interval(off, "ttft_mean_s", 3),
        report.interval(on, "ttft_mean_s", 3), report.change(found),
        report.interval(on, "cache_hit", 3, 100), report.interval(off, "e2e_mean_s", 3), report.interval(on, "e2e_mean_s", 3) }
    end
    report.print_table({ "blocks", "TTFT s, off", "TTFT s, on", "change", "prompt found %", "E2E s, off",
      "E2E s, on" }, rows)
    local last
    for _, size in ipairs(sizes) do
      if saved[size] > 0.1 then last = size end
    end
    if last then
      print(("\nWith %s the cache shortens the mean first token by more than 10 %% down to %d blocks.\n"):format(what, last))
    else
      print(("\nWith %s the cache shortens the mean first token by less than 10 %% at every size.\n"):format(what))
    end
  end
end

local function setting(title, what, workload, sizes)
  return scenario {
    title = "prefix_cache: " .. title,
    question = "What does a prefix cache save, and when does it stop helping?",
    workload = workload,
    cluster = { gpus = 1, kv_blocks = sizes[1] },
    latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
    policies = { "vllm_v1" },
    over = { { "cluster.kv_blocks", sizes }, { "cluster.prefix_cache", { false, true } } },
    seeds = 5,
    report = answer(what),
  }
end

return {
  setting("conversations", "conversations", synthetic {
    arrivals = arrivals.poisson { rate = 0.5 },
    sessions = { turns = lengths.uniform(2, 10), think = lengths.exponential(20), max_context = 16000 },
    prompt = lengths.lognormal { mean = 300, median = 150, max = 4000, min = 1 },
    output = lengths.lognormal { mean = 250, median = 150, max = 2000, min = 1 },
    limit = 2000,
  }, { 20000, 10000, 6000, 4000, 3000 }),
  setting("system prompts", "eight shared prompts of 2,000 tokens", synthetic {
    arrivals = arrivals.poisson { rate = 5 },
    prefix = { tokens = 2000, groups = 8 },
    prompt = lengths.lognormal { mean = 300, median = 150, max = 4000, min = 1 },
    output = lengths.lognormal { mean = 250, median = 150, max = 2000, min = 1 },
    limit = 3000,
  }, { 20000, 10000, 6000, 4000, 3000 }),
}
