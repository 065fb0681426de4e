-- Who is served when one client asks for more than another? Two clients overload one engine, 6 and 12 requests a second of
-- 256 and 256 tokens: the picture of VTC. First come, first served shares by what is asked for, so their services part without
-- end; fair orders keep them within a bound. service_gap is the most that they moved apart while both waited.
local report = require "mbsand.report"

local BOUND = 2 * math.max(1 * 256, 2 * 10240) -- 2 max(w_p longest prompt, w_q tokens of memory), VTC's theorem

local PUBLISHED = {
  fcfs = "grows without bound",
  vtc = ("at most %d"):format(BOUND),
}

local function answer(results)
  local base, rows = report.find(results, "fcfs"), {}
  for i, row in ipairs(results) do
    local change = 100 * (row.level.throughput_tps / base.level.throughput_tps - 1)
    rows[i] = { row.policy, ("%.0f"):format(row.level.service_gap), ("%.0f"):format(row.level.throughput_tps),
      ("%+.1f %%"):format(change), ("%.3f"):format(row.level.jain), ("%d"):format(row.level.rejected),
      PUBLISHED[row.policy] or "" }
  end
  report.print_table({ "policy", "service gap", "tok/s", "against fcfs", "Jain", "rejected", "published" }, rows)
  local vtc = report.find(results, "vtc").level
  print(("\nIn 600 s the services of the two part by %.0f weighted tokens under fcfs, %.0f a second and for ever."):format(
    base.level.service_gap, base.level.service_gap / 600))
  print(("Under vtc they move apart by %.0f at most, of the %d that are proven, with %.1f %% fewer tokens a second.\n"):format(
    vtc.service_gap, BOUND, 100 - 100 * vtc.throughput_tps / base.level.throughput_tps))
end

return scenario {
  title = "fairness",
  question = "Who is served when one client asks for more than another?",
  workload = trace.csv "data/two_clients.csv.gz" { columns = { time = "t", prompt = "in", output = "out", client = "user" } },
  cluster = { gpus = 1, kv_blocks = 640, kv_max_length = 1024 },
  latency = latency.step { base = 0.0113, per_token = 41.8e-6, per_context = 71.6e-9, host = 0.0015 },
  fair = { w_prompt = 1, w_output = 2 },
  stop_time = 600,
  policies = { "fcfs", "vtc", "drr", "equinox", "fairserve" },
  seeds = 1,
  columns = { "service_gap", "throughput_tps", "jain", "ttft_mean_s", "finished" },
  report = answer,
}
