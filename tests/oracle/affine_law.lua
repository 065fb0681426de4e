-- Exact laws of an engine whose step takes c0 + c1 T + c2 K seconds (T tokens computed, K context read by decodes):
-- a request with i prompt and o output tokens computes w = i + o - 1 tokens and reads S = (o - 1) i + o (o - 1) / 2.
-- 1. N users without think time, everybody alike, no limits: throughput = 1 / (c0 o / N + c1 w + c2 S).
-- 2. Any lengths, arrivals and policy without preemption: busy time = c0 steps + c1 sum w + c2 sum S.
-- 3. Prompts in P chunks add P - 1 steps each: c0 (o + P - 1) / N.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local csv = require "csv"

local binary = os.getenv("MBSAND") or "build/mbsand"
local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))

local C0, C1, C2 = 0.0127826, 41.818e-6, 71.61e-9

-- The summary's row and the requests of one run.
local function run(workload, cluster, policy)
  local path = folder .. "/scenario.lua"
  local file = assert(io.open(path, "w"))
  file:write(("return scenario { workload = %s, cluster = { %s },\n"):format(workload, cluster))
  file:write(("  latency = latency.step { base = %.17g, per_token = %.17g, per_context = %.17g },\n"):format(C0, C1, C2))
  file:write(('  policies = { "%s" }, seeds = 1 }\n'):format(policy or "tests/oracle/greedy.lua"))
  file:close()
  local out = folder .. "/out"
  local command = ("%s %s --quiet --out %s --dump requests --format csv >/dev/null"):format(binary, path, out)
  local status = os.execute(command)
  assert(status == true or status == 0, command)
  local name = (policy or "greedy"):match("([%w_]+)%.?l?u?a?$"):gsub("%.lua$", "")
  local summary = csv.rows(out .. "/summary.csv")[1]
  return summary, csv.rows(out .. "/requests-" .. (policy and name or "greedy") .. "-1.csv")
end

local function close(got, want, name)
  local error = math.abs(got - want) / math.abs(want)
  tap.equal(error < 1e-12, true, ("%s: %.15g against %.15g, relative error %.1e"):format(name, got, want, error))
end

local function work(i, o) return i + o - 1, (o - 1) * i + o * (o - 1) / 2 end

-- 1. With c0 = 12.7826 ms, c1 = 41.818 us, c2 = 71.61 ns, i = 1024, o = 256 the law gives these, requests/s.
local published = { [1] = 0.298786898, [8] = 2.067976132, [64] = 7.958502737, [256] = 11.454232103 }
for _, n in ipairs{ 1, 8, 64, 256 } do
  local w, s = work(1024, 256)
  local law = 1 / (C0 * 256 / n + C1 * w + C2 * s)
  local row = run(("synthetic { users = %d, think = 0, prompt = 1024, output = 256, limit = %d }"):format(n, 4 * n), "gpus = 1")
  close(tonumber(row.throughput_rps), law, n .. " users")
  tap.equal(math.abs(law - published[n]) < 1.5e-9, true, n .. " users: the published figure")
end

-- 2. Random lengths, 3 kinds of load.
for _, load in ipairs{
  "arrivals = arrivals.poisson{ rate = 5 }", "users = 20, think = 0, ramp = 3", "arrivals = arrivals.all_at_once{}",
} do
  local row, requests = run(("synthetic { %s, prompt = lengths.lognormal{ mean = 300, median = 200, min = 1, max = 4000 }, "
    .. "output = lengths.exponential{ mean = 80, min = 1 }, limit = 400 }"):format(load), "gpus = 1")
  local w, s = 0, 0
  for _, request in ipairs(requests) do
    local a, b = work(tonumber(request.prompt_tokens), tonumber(request.output_tokens))
    w, s = w + a, s + b
  end
  tap.equal(#requests, 400, "all were served: " .. load)
  local busy = tonumber(row.gpu_util) * tonumber(row.duration_s)
  close(busy, C0 * tonumber(row.batches) + C1 * w + C2 * s, "busy time, " .. load)
end

-- 3. One user, prompts of 1024 in chunks of 256: 3 steps more each. (Several users would share their chunks' steps.)
do
  local w, s = work(1024, 256)
  local row = run("synthetic { users = 1, think = 0, prompt = 1024, output = 256, limit = 5 }", "gpus = 1, token_budget = 256")
  close(tonumber(row.throughput_rps), 1 / (C0 * (256 + 3) + C1 * w + C2 * s), "chunked prefill")
end

os.execute("rm -r " .. folder)
tap.done()
