-- How many batches fill a pipeline, and what do prompts cost in one? Llama-3.1-405B on eight stages of eight A100 each, from
-- one batch in flight to twelve, under Orca, which computes prompts whole, and Sarathi, which cuts them into chunks of 256
-- tokens that fill up the batches of decodes, so that all batches take nearly as long. What SARATHI's authors found for GPT-3
-- (Agrawal et al., arXiv 2308.16369, abstract) stands beside what is measured.
local report = require "mbsand.report"

local STAGES = 8

-- Seconds in which stages had nothing to do, per request served.
local function bubbles(row)
  return (1 - row.level.gpu_util) * row.level.duration_s / row.level.finished
end

local function answer(results)
  local rows, best = {}, nil
  for _, row in ipairs(results) do
    rows[#rows + 1] = { row.policy, row.point["cluster.pipeline.batches"], report.interval(row, "throughput_tps", 4),
      report.interval(row, "gpu_util", 3, 100), report.number(bubbles(row), 3), report.interval(row, "batch_mean", 3),
      report.interval(row, "itl_p99_s", 3) }
    if row.policy == "sarathi" and (not best or row.level.throughput_tps > best.level.throughput_tps) then best = row end
  end
  report.print_table({ "policy", "batches in flight", "tok/s", "stages busy %", "bubbles, s per request", "rows of a batch",
    "ITL p99 s" }, rows)
  local place = { ["cluster.pipeline.batches"] = STAGES }
  local whole, chunks = report.find(results, "orca", place), report.find(results, "sarathi", place)
  if best then
    print(("\n%d batches fill %d stages best; more only make each of them smaller."):format(
      best.point["cluster.pipeline.batches"], STAGES))
  end
  if whole and chunks then
    print(("Chunks against whole prompts, %d batches: bubbles %.1f times smaller (published 6.29), "
      .. "throughput %.2f times (1.91)."):format(STAGES, bubbles(whole) / bubbles(chunks),
      chunks.level.throughput_tps / whole.level.throughput_tps))
    print "The direction comes out, the sizes do not: here chunks gain more, since nearly always one batch of the eight has a"
    print "whole prompt in it, and the others follow behind it from stage to stage. The times are of another model by another"
    print "law.\n"
  end
end

return scenario {
  title = "pipeline",
  question = "How many batches fill a pipeline, and what do bubbles cost?",
  workload = synthetic {
    arrivals = arrivals.all_at_once {},
    prompt = lengths.zipf { theta = 0.4, min = 931, max = 3723 },
    output = lengths.uniform(93, 372),
    limit = 1000,
  },
  cluster = {
    gpus = 8 * STAGES, tp = 8, gpu = "a100-80gb", model = "llama-3.1-405b", kv_max_length = 4096,
    pipeline = { stages = STAGES, send = { latency = 20e-6, bandwidth = 25 } },
    max_requests = 27 * STAGES,
  },
  policies = { { "orca", max_requests = 27 * STAGES }, { "sarathi", chunk = 256, max_requests = 27 * STAGES } },
  over = { { "cluster.pipeline.batches", { 1, 2, 4, 8, 12 } } },
  seeds = 3,
  report = answer,
}
