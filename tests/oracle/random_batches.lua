-- Random scenarios of whole batches, with random policies.
--   local draws = require("random_batches")(seed, policies per file); draws.make() -> scenario; draws.write(scenario, folder)

local program = require "program"
local number, literal, write, sorted_keys = program.number, program.literal, program.write, program.sorted_keys

return function(seed, policies_per_file)
  local random = program.random(seed)
  local uniform, whole, pick, chance = random.uniform, random.whole, random.pick, random.chance

  -- --- drawn -----------------------------------------------------------------------------------------------

  -- Arrivals of `n` requests. `equal`: several may come at the same time, and ends may meet arrivals.
  local function make_requests(n, equal)
    local pattern = equal and pick{ "grid", "poisson", "bursts", "at_once" } or pick{ "poisson", "slow_poisson" }
    local gap = pick{ 0.01, 0.1, 1 }
    local longest = pick{ 8, 100, 2000 }
    local requests, time = {}, 0
    for i = 1, n do
      if pattern == "poisson" then time = time - gap * math.log(uniform())
      elseif pattern == "slow_poisson" then time = time - 10 * gap * math.log(uniform())
      elseif pattern == "grid" then time = time + gap * whole(0, 3)
      elseif pattern == "bursts" and chance(0.1) then time = time + gap * whole(1, 40) end
      local output = whole(1, longest)
      requests[i] = { arrival = time, prompt = whole(1, longest), output = output,
        predicted = chance(0.5) and output or whole(1, longest), service = whole(1, 20) / 4 }
    end
    local first = requests[1].arrival -- mbsand's clock starts at the first row
    for i = 1, n do requests[i].arrival = requests[i].arrival - first end
    return requests
  end

  -- Parameters by policy: functions, drawn anew for each use. Equal times: only where the origin's own order of events does
  -- not matter.
  local RULES = { "equal_mass", "equal_width", "geometric", "optimal" }
  local function limits(params)
    params.max_batch = pick{ 1, 2, 8, 32, 128 }
    params.min_batch = whole(1, math.min(3, params.max_batch))
    params.memory_rule = pick{ "exact", "linear", "margin", "off" }
    params.overflow = pick{ 0.01, 0.05, 0.3 }
    params.margin = pick{ 0, 0.1, 0.5 }
    params.sla_width, params.sla_step, params.sla_window = pick{ 2, 16 }, pick{ 1, 4 }, pick{ 1, 5, 20 }
    return params
  end
  local function bins(params)
    params.bins, params.key = whole(1, 6), pick{ "predicted_output", "prompt_tokens", "predicted_total" }
    if chance(0.3) then
      local edge, edges = 0, {}
      for i = 1, whole(1, 4) do
        edge = edge + whole(1, 300)
        edges[i] = edge
      end
      params.edges = edges
    else
      params.rule = pick(RULES)
    end
    return params
  end
  local function selection(params)
    params.selection = pick{ "round_robin", "longest_queue" }
    return params
  end
  local CORRECTED = {
    static_fifo = function() return { batch_size = whole(1, 12) } end,
    dynamic_no_bins = function() return limits{} end,
    multi_bin = function()
      return bins{ batch_size = whole(1, 8), max_wait = chance(0.5) and pick{ 0.05, 1, 7 } or nil }
    end,
    multi_bin_dynamic = function()
      return limits(bins{ batch_size = whole(2, 16), selection = pick{ "round_robin", "longest_queue", "oldest_head" },
        controller = pick{ "per_bin", "global" } })
    end,
  }
  local ORIGIN = {
    ["origin/static_fifo"] = function() return { batch_size = whole(1, 12) } end,
    ["origin/dynamic_no_bins"] = function() return { max_batch = pick{ 8, 128 }, tolerance = pick{ 0.001, 0.005 } } end,
    ["origin/multi_bin_only"] = function() return selection{ bins = whole(1, 6), batch_size = whole(1, 32) } end,
    ["origin/multi_bin_dynamic"] = function()
      return selection{ bins = whole(1, 6), controller = pick{ "per_bin", "global" }, max_batch = pick{ 8, 128 } }
    end,
    ["origin/first_static_fifo"] = function() return { batch_size = whole(1, 12) } end,
    ["origin/first_dynamic_no_bins"] = function() return { max_candidates = pick{ 4, 64 } } end,
    ["origin/first_multi_bin_only"] = function()
      return selection{ bins = whole(1, 6), batch_size = whole(1, 32), max_candidates = pick{ 4, 64 } }
    end,
    ["origin/first_multi_bin_dynamic"] = function() return selection{ bins = whole(1, 6), max_candidates = pick{ 4, 64 } } end,
  }

  local CORRECTED_NAMES, ORIGIN_NAMES = sorted_keys(CORRECTED), sorted_keys(ORIGIN)

  local function make_scenario()
    local equal = chance(0.6)
    local s = { equal = equal, requests = make_requests(whole(5, 200), equal), replicas = whole(1, 5), policies = {} }
    local largest, sum = 0, 0
    for _, r in ipairs(s.requests) do
      largest, sum = math.max(largest, r.prompt + r.output), sum + r.prompt + r.output
    end
    -- None, ample, tight, and too small for some requests.
    s.kv = pick{ false, sum, largest + whole(0, largest), math.max(2, math.floor(largest * 0.7)) }
    s.block = s.kv and s.kv < largest and chance(0.3) or false
    s.jobs = chance(0.2)
    s.alpha, s.beta, s.gamma = pick{ 0, 0.01, 0.25 }, pick{ 0.0002, 0.005, 0.0078125 }, pick{ 0, 0.3, 1 }
    s.least = pick{ 0, 0.05 }
    s.slo = { tbt = chance(0.7) and pick{ 0.0003, 0.006, 0.01 } or nil, ttft = chance(0.3) and pick{ 0.25, 1, 8 } or nil,
      e2e = chance(0.6) and pick{ 0.5, 3, 20 } or nil }
    local last = s.requests[#s.requests].arrival
    s.stop = chance(0.3) and 0.01 + last * 1.3 * uniform() or nil
    s.warmup = chance(0.3) and pick{ { requests = whole(1, 60) }, { seconds = 0.01 + last * 0.6 * uniform() } } or nil
    if chance(0.3) then
      s.failures = {}
      for id = 1, s.replicas do
        local at = 0
        for _ = 1, whole(0, 3) do
          at = at + 0.001 + last * uniform() * 0.6
          local failure = { at = at, replica = id, repair = (id > 1 and chance(0.1)) and nil or 0.05 + uniform() }
          table.insert(s.failures, failure)
          at = at + (failure.repair or 0)
        end
      end
      if #s.failures == 0 then s.failures = nil end
    end
    for i = 1, policies_per_file do
      local name = (equal or chance(0.4)) and pick(CORRECTED_NAMES) or pick(ORIGIN_NAMES)
      s.policies[i] = { name = name, label = "p" .. i, params = (CORRECTED[name] or ORIGIN[name])() }
    end
    return s
  end

  -- --- as files for the program -------------------------------------------------------------------------------------------

  local function write_files(s, folder)
    local rows = { "arrival,prompt,output,predicted,service" }
    for _, r in ipairs(s.requests) do
      table.insert(rows, table.concat({ number(r.arrival), number(r.prompt), number(r.output), number(r.predicted),
        number(r.service) }, ","))
    end
    write(folder .. "/requests.csv", table.concat(rows, "\n") .. "\n")
    local policies = {}
    for i, p in ipairs(s.policies) do
      local fields = { literal(p.name), "label = " .. literal(p.label) }
      for _, key in ipairs(sorted_keys(p.params)) do table.insert(fields, key .. " = " .. literal(p.params[key])) end
      policies[i] = "    { " .. table.concat(fields, ", ") .. " },\n"
    end
    write(folder .. "/scenario.lua", table.concat{
      "return scenario {\n  workload = trace.csv ", literal(folder .. "/requests.csv"), " {\n",
      "    columns = { time = 'arrival', prompt = 'prompt', output = 'output', predicted = 'predicted', ",
      "service = 'service' },\n    predictor = predict.column {},\n  },\n",
      "  cluster = { gpus = ", s.replicas, ", kv_tokens = ", s.kv and number(s.kv) or "'unlimited'",
      s.block and ", oversize = 'block'" or "", " },\n",
      s.jobs and "  latency = latency.jobs {},\n" or string.format(
        "  latency = latency.batch { alpha = %s, beta = %s, gamma = %s, floor = %s },\n",
        number(s.alpha), number(s.beta), number(s.gamma), number(s.least)),
      "  slo = ", literal(s.slo), ",\n", s.stop and "  stop_time = " .. number(s.stop) .. ",\n" or "",
      "  columns = { 'replica_s', 'lost_s' },\n",
      s.failures and "  failures = " .. literal(s.failures) .. ",\n" or "",
      s.warmup and "  warmup = " .. literal(s.warmup) .. ",\n" or "",
      "  seeds = 1, oracle = true,\n  policies = {\n", table.concat(policies), "  },\n}\n" })
  end

  return { make = make_scenario, write = write_files }
end
