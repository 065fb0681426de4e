-- An engine for each class, or both classes on both engines? The two promises of scenarios/slo_classes.lua on two engines: one
-- for each class (silo), with chunks of either size, or shared, with chunks of a fixed size or as long as the slack allows
-- (qoserve). Beside its line stands what was published (other models and loads) and the band that is tested here.
local report = require "mbsand.report"

local RATE = "workload.arrivals.rate"
local POLICIES = {
  { "silo", engine = "sarathi", chunk = 512, label = "silo 512" },
  { "silo", engine = "sarathi", chunk = 2048, label = "silo 2048" },
  { "sarathi", chunk = 512, label = "shared 512" },
  { "sarathi", chunk = 2048, label = "shared 2048" },
  "qoserve",
}
local PUBLISHED = { qoserve = { "95 % up to 1.2 x the load of the silos", "32 % more load than silos (Niyama)" } }

local function answer(results)
  local rows, rates, header = {}, report.values(results, RATE), { "promises kept, %" }
  for _, rate in ipairs(rates) do header[#header + 1] = ("%g/s"):format(rate) end
  header[#header + 1] = "band"
  header[#header + 1] = "published"
  for _, entry in ipairs(POLICIES) do
    local name = entry.label or entry
    local line, published = { name }, PUBLISHED[name] or { "", "" }
    for _, rate in ipairs(rates) do
      line[#line + 1] = report.interval(report.find(results, name, { [RATE] = rate }), "slo_attainment", 3, 100)
    end
    line[#line + 1] = published[1]
    line[#line + 1] = published[2]
    rows[#rows + 1] = line
  end
  report.print_table(header, rows)
  print()
end

return scenario {
  title = "silos",
  question = "An engine for each class, or both classes on both engines?",
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 12 },
    limit = 4000,
    classes = {
      { name = "batch", share = 0.4, prompt = lengths.lognormal { mean = 3000, median = 2000, max = 12000, min = 16 },
        output = lengths.lognormal { mean = 150, median = 100, max = 1000, min = 1 }, slo = { ttft = 20, tbt = 0.2 } },
      { name = "chat", share = 0.6, prompt = lengths.lognormal { mean = 400, median = 250, max = 4000, min = 1 },
        output = lengths.lognormal { mean = 200, median = 120, max = 1000, min = 1 }, slo = { ttft = 2, tbt = 0.05 } },
    },
  },
  cluster = { gpus = 2, kv_blocks = 12000, kv_max_length = 14000, max_requests = 128 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  policies = POLICIES,
  over = { { RATE, { 12, 15, 18 } } },
  seeds = 3,
  columns = { "slo_attainment", "goodput_rps", "ttft_p99_s", "tpot_p99_s" },
  report = answer,
}
