-- The cost of each call of the policy API, in ns: so many calls in one run, less the empty loop. On one thread:
--   mbsand tests/bench/calls.lua --jobs 1
local report = require "mbsand.report"

local TIMES = 1000000
local names = {
  "self.params.times", "req.prompt_tokens", "sim.queue", "sim.observing", "sim.now", "sim.waiting", "sim.inbox", "#queue",
  "queue.mean_predicted", "replica.running", "replica.kv.free", "replica.kv.fits(100)", "step.requests", "req:waited()",
  "queue:peek()", "queue:each(), per request", "queue:pop() + queue:push(req)", "keyed queue: pop + push",
  "queue by function: pop + push", "bins[i]", "bins:next(i)", "bins:longest()", "bins:oldest()", "bins:push(req)",
  "step:admit(queue, 0)", "sim:observe(name, value)", "sim:random()", "math.random(6)", "replica:estimate{...}",
  "ipairs, 10 values, whole loop", "pairs, 10 names, whole loop",
}

local policies = { { "tests/bench/calls_policy.lua", label = "loop", call = "loop", times = TIMES } }
for i, name in ipairs(names) do
  policies[i + 1] = { "tests/bench/calls_policy.lua", label = name, call = name, times = TIMES }
end

return scenario {
  title = "cost of calls",
  workload = synthetic { arrivals = arrivals.all_at_once {}, prompt = 100, output = lengths.uniform(1, 300), limit = 4000 },
  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 },
  policies = policies,
  seeds = 5,
  limits = { hook_seconds = 60 },
  report = function(results)
    local rows = {}
    local function fastest(row)
      local best = math.huge
      for _, run in ipairs(row.values) do best = math.min(best, run.sim_wall_s) end
      return best
    end
    local empty = fastest(results[1])
    for i = 2, #results do
      local scale = results[i].policy:find("whole loop", 1, true) and 10 or 1
      rows[i - 1] = { results[i].policy, report.fixed(scale * (fastest(results[i]) - empty) / TIMES * 1e9, 0) }
    end
    report.print_table({ "call", "ns" }, rows)
  end,
}
