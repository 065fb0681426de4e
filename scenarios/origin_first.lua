-- The origin's first published comparison (5,000 synthetic requests, one GPU, K = 4), reproduced digit by digit beside
-- its own numbers. The requests are those of its generator, to the last bit.
local report = require "mbsand.report"

-- As published: req/s, tok/s, mean s, p50, p95, p99, max, violations %, utilisation %, batches
local published = {
  static_fifo = { "24.424611", "10256.158", "24.351011", "26.803735", "37.804233", "41.385917", "42.535483", "99.24",
    "96.4873", "627" },
  dynamic_no_bins = { "25.573526", "10738.600", "0.851643", "0.854774", "1.212325", "1.312765", "1.424122", "27.76",
    "32.6200", "151" },
  multi_bin_dynamic = { "25.547861", "10727.823", "0.689216", "0.688400", "1.334777", "1.544153", "1.715321", "18.10",
    "35.1530", "345" },
  multi_bin_only = { "25.547861", "10727.823", "0.691249", "0.689282", "1.338649", "1.548489", "1.715230", "18.32",
    "35.1937", "346" },
}

local measures = { { "throughput_rps", 6 }, { "total_tps", 3 }, { "e2e_mean_s", 6 }, { "e2e_p50_s", 6 },
  { "e2e_p95_s", 6 }, { "e2e_p99_s", 6 }, { "e2e_max_s", 6 }, { "e2e_violation", 2, 100 }, { "gpu_util", 4, 100 },
  { "batches", 0 } }

-- The origin counts utilisation from time 0 of its clock; mbsand from the first arrival, which came at
local FIRST_ARRIVAL = 7.452709062883104

local function beside(results)
  local rows, differing = {}, 0
  for _, row in ipairs(results) do
    local mean = row.mean
    if not published[row.policy] then break end -- what was added
    mean.gpu_util = mean.gpu_util * mean.duration_s / (mean.duration_s + FIRST_ARRIVAL)
    local line = { row.policy }
    for i, item in ipairs(measures) do
      line[i + 1] = report.fixed(mean[item[1]] * (item[3] or 1), item[2])
      if line[i + 1] ~= published[row.policy][i] then differing = differing + 1 end
    end
    rows[#rows + 1] = line
    rows[#rows + 1] = { "  published", (table.unpack or unpack)(published[row.policy]) }
  end
  report.print_table({ "policy", "req/s", "tok/s", "mean s", "p50", "p95", "p99", "max", "viol %", "util %", "batches" },
    rows)
  print(differing == 0 and "\nAll digits agree." or "\n" .. differing .. " values differ from the published ones.")
end

return scenario {
  title = "origin_first",
  question = "Do the origin's first published numbers come out again?",
  workload = origin_requests { seed = 42, limit = 5000, predictor = predict.origin { seed = 42 } },
  cluster = { gpus = 1, kv_tokens = 1800000, oversize = "block" },
  latency = latency.batch { alpha = 0.010, beta = 0.0002, gamma = 0.3, floor = 0.001 },
  slo = { e2e = 1 },
  policies = {
    { "origin/first_static_fifo", label = "static_fifo", unlimited_memory = true },
    { "origin/first_dynamic_no_bins", label = "dynamic_no_bins" },
    { "origin/first_multi_bin_dynamic", label = "multi_bin_dynamic", bins = 4 },
    { "origin/first_multi_bin_only", label = "multi_bin_only", bins = 4, unlimited_memory = true },
  },
  seeds = 1,
  oracle = true, -- the origin cuts its bins over the whole run
  exact_percentiles = true,
  report = beside,
}
