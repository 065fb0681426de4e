-- Two findings about the origin's schedulers. The ratchet: inside its tolerance band the controller can only shrink the
-- batch, so with the default tolerance of 5 ms one small batch lowers throughput for good. The K = 1 artefact: its
-- multi-bin scheduler caps the last bin at 9 requests, so its gain "from K = 1 to 4" is mostly the cap that goes away.
local report = require "mbsand.report"

local function setting(title, question, rate_scale)
  return {
    title = title,
    question = question,
    workload = trace.burstgpt "data/burst_sample.csv" { rate_scale = rate_scale, limit = 10000, window_per_seed = true },
    cluster = { gpus = 1, name = "12 GB, the origin's figures", kv_tokens = 37333 },
    latency = latency.batch "data/qwen3_1_7b_latency_grid.csv" { floor = 0.001 },
    slo = { tbt = 0.010, e2e = 20 },
    oracle = true, -- the origin cuts its bins over the whole run
  }
end

local function print_rows(results, conclusion)
  local rows = {}
  for i, row in ipairs(results) do
    rows[i] = { row.policy, report.interval(row, "throughput_rps", 3), report.interval(row, "e2e_mean_s", 3),
      report.interval(row, "e2e_violation", 3, 100), report.interval(row, "batch_mean", 3) }
  end
  report.print_table({ "policy", "req/s", "mean latency s", "over 20 s %", "batch" }, rows)
  print("\n" .. conclusion(results[1].mean, results[2].mean, results[#results].mean) .. "\n")
end

local ratchet = setting("origin_flaws: the ratchet", "What does the controller's tolerance do to the origin's single queue?", 1)
ratchet.policies = {
  { "origin/dynamic_no_bins", tolerance = 0.005, label = "origin, tolerance 5 ms (its default)" },
  { "origin/dynamic_no_bins", tolerance = 0.001, label = "origin, tolerance 1 ms (its tables)" },
  { "dynamic_no_bins", label = "corrected" },
}
ratchet.report = function(results)
  print_rows(results, function(default, tables)
    local text = "The default tolerance makes the mean latency %.0f times that of 1 ms: %.1f requests a batch, not %.1f."
    return text:format(default.e2e_mean_s / tables.e2e_mean_s, default.batch_mean, tables.batch_mean)
  end)
end

local artefact = setting("origin_flaws: the K = 1 artefact", "Is multi-bin with one bin the same as no bins?", 1)
artefact.policies = {
  { "origin/multi_bin_dynamic", bins = 1, tolerance = 0.001, label = "origin, multi-bin, K = 1" },
  { "origin/dynamic_no_bins", tolerance = 0.001, label = "origin, no bins" },
  { "multi_bin_dynamic", bins = 1, label = "corrected, multi-bin, K = 1" },
  { "dynamic_no_bins", label = "corrected, no bins" },
}
artefact.report = function(results)
  print_rows(results, function(capped, free)
    local same = results[3].mean.e2e_mean_s == results[4].mean.e2e_mean_s
    local text = "With one bin there is nothing to sort, yet the origin's two differ %.1f times in mean latency; "
      .. "the corrected ones %s."
    return text:format(capped.e2e_mean_s / free.e2e_mean_s, same and "agree" or "differ by batch-size statistics only")
  end)
end

return { scenario(ratchet), scenario(artefact) }
