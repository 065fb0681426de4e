-- What does the chunk size trade? A small token budget per step keeps the gaps between tokens short, and makes prompts wait;
-- a large one the reverse. Sarathi's budget from 128 to 8192 tokens, and vllm_v0 (prefills first, whole prompts) beside it.
-- Llama-3.1-8B on one large GPU (an affine fit to profiled steps, docs/fidelity.md), long prompts, 60 % load.
local report = require "mbsand.report"

local OBJECTIVE = 0.100 -- s, for the 99th percentile of the gap between tokens

local function answer(results)
  local rows, best = {}, nil
  for _, row in ipairs(results) do
    local chunk = row.point["params.chunk"]
    local first = row.policy ~= "vllm_v0" or chunk == results[1].point["params.chunk"]
    if first then
      rows[#rows + 1] = { row.policy == "sarathi" and "sarathi, " .. chunk or row.policy,
        report.interval(row, "itl_p99_s", 3, 1000), report.interval(row, "ttft_p99_s", 3),
        report.interval(row, "ttft_mean_s", 3), report.interval(row, "e2e_mean_s", 3),
        report.interval(row, "throughput_rps", 3) }
    end
    local meets = (row.high.itl_p99_s or row.level.itl_p99_s) <= OBJECTIVE
    if row.policy == "sarathi" and meets and (not best or row.level.ttft_p99_s < best.level.ttft_p99_s) then best = row end
  end
  report.print_table({ "policy, chunk", "ITL p99 ms", "TTFT p99 s", "TTFT mean s", "E2E mean s", "requests/s" }, rows)
  if not best then
    print(("\nNo chunk size keeps the p99 gap under %g ms.\n"):format(1000 * OBJECTIVE))
    return
  end
  local whole = report.find(results, "vllm_v0", { ["params.chunk"] = results[1].point["params.chunk"] })
  print(("\nThe p99 gap stays under %g ms, with the shortest wait for the first token, at a chunk of %d tokens."):format(
    1000 * OBJECTIVE, best.point["params.chunk"]))
  if whole then
    print(("Against prefills first: p99 gap %s, p99 first token %s.\n"):format(
      report.against(best, whole, "itl_p99_s"), report.against(best, whole, "ttft_p99_s")))
  end
end

return scenario {
  title = "chunked_prefill",
  question = "How large should the chunks of a prefill be?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 3 },
    prompt = lengths.lognormal { mean = 3000, median = 2000, max = 16000, min = 1 },
    output = lengths.lognormal { mean = 200, median = 130, max = 1500, min = 1 },
    limit = 3000,
  },
  cluster = { gpus = 1, kv_blocks = 28615 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = { "sarathi", { "vllm_v0", max_tokens = 8192 } },
  over = { { "params.chunk", { 128, 256, 512, 1024, 2048, 4096, 8192 } } },
  seeds = 5,
  report = answer,
}
