-- When does predicting the length of answers pay? Shortest-job policies against first come, first served, as predictions get
-- worse (their error is a log-normal factor exp(sigma Z)), at two loads. Under continuous batching an order only matters while
-- somebody waits, so memory is made scarce.
local report = require "mbsand.report"

local POLICIES = { "sjf", "srpt", "multi_bin_continuous" }

local function answer(results)
  local rows, gone = {}, {}
  local key = "workload.predictor.sigma"
  for _, sigma in ipairs(report.values(results, key)) do
    local base = report.find(results, "fcfs", { [key] = sigma })
    local line = { ("%g"):format(sigma), report.interval(base, "e2e_mean_s", 3) }
    for _, name in ipairs(POLICIES) do
      local found = report.compare(report.find(results, name, { [key] = sigma }), base, "e2e_mean_s")
      line[#line + 1] = report.change(found)
      if not (found.real and found.ratio < 1) then gone[name] = gone[name] or sigma end
    end
    rows[#rows + 1] = line
  end
  report.print_table({ "sigma", "fcfs, E2E s", "sjf", "srpt", "multi_bin_continuous" }, rows)
  print()
  for _, name in ipairs(POLICIES) do
    if gone[name] == nil then
      print(name .. " is faster in the mean than fcfs at every error tried.")
    elseif gone[name] == results[1].point[key] then
      print(name .. " is not faster in the mean than fcfs even with exact predictions.")
    else
      print(("%s is no longer faster in the mean than fcfs at sigma = %g."):format(name, gone[name]))
    end
  end
  print()
end

local function setting(rate, load)
  return scenario {
    title = ("predictor_error: %s load"):format(load),
    question = "When does length prediction pay? (mean latency against fcfs)",
    workload = synthetic {
      arrivals = arrivals.poisson { rate = rate },
      prompt = lengths.lognormal { mean = 300, median = 200, max = 2000, min = 1 },
      output = lengths.lognormal { mean = 400, median = 200, max = 4000, min = 1 },
      limit = 4000,
      predictor = predict.lognormal { sigma = 0 },
    },
    cluster = { gpus = 1, max_requests = 64, kv_blocks = 6000 },
    latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
    policies = { "fcfs", "sjf", "srpt", "multi_bin_continuous" },
    over = { { "workload.predictor.sigma", { 0, 0.25, 0.5, 1, 2, 4 } } },
    seeds = 5,
    report = answer,
  }
end

return { setting(6.5, "moderate"), setting(9, "high") }
