-- Random scenarios of engines that step, with random policies: for the comparisons of the program with itself.
--   local draws = require("random_steps")(seed, folder, mode); draws.scenario(number, policies, seeds) -> path;
--   draws.whole(low, high), draws.pick(list): more draws
-- mode: "meddle": only the random policy, making random changes from every callback, also where they are refused;
-- "cluster": clusters in nearly all of which KV memory moves, and replicas come, go and fail; else a little of everything.

return function(seed, folder, mode)
  local meddle, clustered = mode == "meddle", mode == "cluster"
  local state = seed * 7919 + 12345
  local function draw() -- Lehmer, the same under every Lua
    state = (state * 48271) % 2147483647
    return state / 2147483647
  end
  for _ = 1, 20 do draw() end
  local function whole(low, high) return low + math.floor(draw() * (high - low + 1)) end
  local function pick(list) return list[whole(1, #list)] end
  local function chance(p) return draw() < p end
  local function text(value) return type(value) == "string" and '"' .. value .. '"' or tostring(value) end

  local function fields(values)
    local parts = {}
    for name, value in pairs(values) do parts[#parts + 1] = name .. " = " .. text(value) end
    table.sort(parts)
    return table.concat(parts, ", ")
  end

  local function chaos_policy(number, longest, together, staged, moving, coming, signals)
    local params = {
      seed = whole(1, 1e6), budget = pick{ 0, 0, 4, 16, 64 }, requests = pick{ 0, 0, 3, 12 },
      reserve = pick{ "chunk", "sequence", "prompt", "predicted", "expected", "maximum" }, watermark = pick{ 0, 0, 0.01, 0.1 },
      chunked = chance(0.8), routed = pick{ 0, 0, 0.5, 1 }, preempt = pick{ 0, 0, 0.1 },
      how = pick{ "recompute", "swap", "pause", "restart", "any" }, reject = pick{ 0, 0, 0, 0.02 },
      skip = pick{ 0, 0, 0.2 }, single = pick{ 0, 0, 0.2 },
      rank = pick{ 0, 0, 0.3, 1 }, alike = chance(0.5), quantum = pick{ 0, 0, 0.3 },
      cost = pick{ 0, 0, 0.3 }, idle = pick{ 0, 0.2 }, barrier = pick{ 0, 0, 0.3 }, timer = pick{ 0, 0, 0.3, 2 },
      order = pick{ "none", "none", "rank", "expected_remaining", "predicted_output", "predicted_remaining", "priority",
        "function", "bins", "function bins" },
      carry = pick{ "needed", "spare" }, meddle = (meddle or chance(0.2)) and 0.1 or 0, ask = pick{ 0, 0.2, 1 },
      plain = pick{ 0, 0, 0, 0.1 }, displace = pick{ 0, 0.5 },
    }
    if moving then params.move = pick{ clustered and 0.1 or 0, 0.05, 0.3 } end
    if meddle and chance(0.4) then params.order, params.routed, params.preempt = "function", 0, 0.2 end
    if coming then params.come = pick{ clustered and 0.05 or 0, 0.02, 0.1 } end
    params.waits = not staged
    params.see, params.exact = pick{ 0, 0, 0.3 }, not signals
    if together or staged then params.barrier = 0 end
    local _ = longest
    return ('{ "%s/tests/oracle/chaos.lua", label = "chaos%d", %s }'):format(os.getenv("PWD"), number, fields(params))
  end

  local BUNDLED = { "fcfs", "orca", "vllm_v0", "vllm_v1", "sarathi", "sjf", "srpt", "edf", "priority", "pang",
    "multi_bin_continuous", "mlfq", "ltr", "vtc", "mc_sf", "drr", "rpm_limit", "fairserve", "equinox", "plas",
    "slai", "scorpio", "qoserve", "exegpt_rra", "andes", "polyserve", "trail", "silo", "scls", "multi_bin_slo", "bucketserve",
    "dlpm", "sglang_lpm", "trt_no_evict", "trt_max_utilization", "wait", "nested_wait", "hygen",
    "a_min", "clearing",
    "past_future", "round_robin", "random", "least_loaded", "power_of_two", "static_fifo",
    "session_affinity", "prefix_affinity", "weighted_scorers", "dynamo_kv", "failover",
    "dynamic_no_bins",
    "multi_bin_dynamic", "multi_bin" }

  local ROUTERS = { round_robin = true, random = true, least_loaded = true, power_of_two = true, polyserve = true, silo = true,
    session_affinity = true, prefix_affinity = true, weighted_scorers = true, dynamo_kv = true, failover = true }
  local STATIC = { static_fifo = true, dynamic_no_bins = true, multi_bin_dynamic = true, multi_bin = true,
    multi_bin_slo = true, bucketserve = true, scls = true }

  local ENGINES = { "", 'engine = "fcfs", ', 'engine = "sarathi", ', 'engine = "srpt", ', 'engine = "pang", ' }

  -- Those of the bundled that need KV memory to move, or replicas that come and go; @: the first group, if there are any.
  local function of_clusters(number, moving)
    local name = moving and pick{ "disaggregated", "llumnix" } or pick{ "autoscale", "autoscale", "failover" }
    local params = {
      disaggregated = ('rule = "%s", prefills = %d, pending = %d, layers = %d, '):format(
        pick{ "distserve", "splitwise", "mooncake" }, pick{ 0, 1, 1 }, pick{ 20, 8192 }, pick{ 1, 8 }),
      llumnix = ("period = %g, low = %d, stages = %d, last = %d, "):format(pick{ 0.01, 0.05, 0.3 }, pick{ 1, 3, 20 },
        whole(1, 4), whole(0, 4)),
      autoscale = ('target = %d, period = %g, hold = %g, group = "@", '):format(whole(1, 6), pick{ 0.05, 0.3 }, pick{ 0.1, 1 }),
      failover = "",
    }
    return ('{ "%s", %s%slabel = "%s%d" }'):format(name, params[name], pick{ "", "", 'engine = "sarathi", ' }, name, number)
  end

  local function exists(path)
    local file = io.open(path)
    if file then file:close() end
    return file ~= nil
  end

  local function workload(requests)
    local rate = pick{ 2, 10, 40 }
    local arrivals = pick{ "arrivals.poisson{ rate = %g }", "arrivals.constant{ rate = %g }",
      "arrivals.gamma{ rate = %g, cv = 3 }", "arrivals.all_at_once{}" }:format(rate)
    local lengths = function(most)
      return pick{ ("lengths.uniform(1, %d)"):format(most), tostring(whole(1, most)),
        ("lengths.lognormal{ mean = %g, median = %g, min = 1, max = %d }"):format(most / 4, most / 8, most) }
    end
    local more = {}
    if chance(0.3) then
      more[#more + 1] = "clients = 3"
    elseif chance(0.4) then
      more[#more + 1] = 'classes = { { name = "a", share = 2, slo = { ttft = 0.4, tbt = 0.03 } }, '
        .. '{ name = "b", share = 1, priority = 1, slo = { tbt = 0.07 } }, '
        .. ('{ name = "c", share = 1, priority = 2, output = %s, slo = { e2e = 0.5 }, '
        .. "qoe = { speed = 8, ttft = 0.1 } } }"):format(lengths(20))
    end
    if chance(0.7) then
      more[#more + 1] = "predictor = " .. pick{ "predict.lognormal(0.5)", "predict.lognormal(0.5)",
        "predict.refined{ sigma = 0.7, every = 3, floor = 0.1 }", "predict.bins{ edges = { 8, 20 }, highest = 40 }" }
    end
    if chance(0.3) then more[#more + 1] = "max_output = " .. pick{ "25", "lengths.uniform(1, 60)", "{ factor = 1.5 }" } end
    local who = "arrivals = " .. arrivals
    if chance(0.2) then who = ("users = %d, think = lengths.exponential(0.5)"):format(whole(1, 12)) end
    if chance(0.2) then
      more[#more + 1] = "sessions = { turns = lengths.uniform(1, 4), think = 0.3, max_context = 120 }"
    elseif chance(0.5) then
      more[#more + 1] = ("prefix = { tokens = %d, groups = %d }"):format(whole(1, 40), whole(1, 8))
    end
    more[#more + 1] = ""
    return ("synthetic { %s, prompt = %s, output = %s, limit = %d, %s}"):format(who, lengths(40), lengths(40), requests,
      table.concat(more, ", "))
  end

  -- Replicas of several kinds.
  local function groups(latency, block, moving)
    local list = {}
    for i = 1, whole(2, 3) do
      local parts = { ('name = "g%d", gpus = %d'):format(i, whole(1, 2)) }
      if chance(0.7) then parts[#parts + 1] = "latency = " .. latency() end
      if chance(0.5) then parts[#parts + 1] = "kv_tokens = " .. 16 * whole(13, 60) end
      if chance(0.3) then parts[#parts + 1] = "kv_block = " .. pick{ block, 1, 4, 16 } end
      if chance(0.3) then parts[#parts + 1] = "max_requests = " .. whole(2, 20) end
      if chance(0.3) then parts[#parts + 1] = "token_budget = " .. whole(1, 40) end
      if moving and chance(0.5) then parts[#parts + 1] = ('role = "%s"'):format(pick{ "prefill", "decode" }) end
      list[i] = "{ " .. table.concat(parts, ", ") .. " }"
    end
    return "groups = { " .. table.concat(list, ", ") .. " }"
  end

  -- What KV memory moves over, where it does: rates that are powers of two make ties with the ends of steps.
  local function link()
    local parts = { "seconds_per_token = " .. pick{ "0", "1 / 1024", "1 / 16384", ("%.17g"):format(0.002 * draw()) } }
    if chance(0.5) then parts[#parts + 1] = "latency = " .. pick{ "1 / 1024", "1 / 64", ("%.17g"):format(0.01 * draw()) } end
    parts[#parts + 1] = ('share = "%s"'):format(pick{ "fifo", "fair", "fair", "none" })
    if chance(0.3) then parts[#parts + 1] = 'per = "replica"' end
    return "link = { " .. table.concat(parts, ", ") .. " }"
  end

  -- The layers of each replica dealt out to stages.
  local function pipeline(stages)
    local parts = { "stages = " .. stages }
    if chance(0.4) then parts[#parts + 1] = "batches = " .. whole(1, 6) end
    if chance(0.5) then parts[#parts + 1] = "batch_requests = " .. whole(1, 6) end
    if chance(0.3) then parts[#parts + 1] = "ahead = true" end
    if chance(0.4) then
      local shares = {}
      for i = 1, stages do shares[i] = pick{ "0.5", "0.25", "0.125", ("%.17g"):format(0.01 + 0.9 * draw()) } end
      parts[#parts + 1] = "shares = { " .. table.concat(shares, ", ") .. " }"
    end
    if chance(0.4) then parts[#parts + 1] = pick{ "send = 0.001", "send = { latency = 0.0005, per_token = 0.0001 }" } end
    return "pipeline = { " .. table.concat(parts, ", ") .. " }"
  end

  local function cluster(hardware, together, kinds, stages, moving, signals)
    local block = pick{ 1, 2, 4, 16 }
    local gpus = (together and together * whole(1, 3) or pick{ 1, 1, 2, 3 }) * (stages or 1)
    local parts = { kinds and groups(kinds, block, moving) or "gpus = " .. gpus, "kv_max_length = 160", "kv_block = " .. block }
    local kind = pick{ "paged", "paged", "paged", "paged", "tokens", "contiguous" }
    parts[#parts + 1] = ('kv = "%s"'):format(kind)
    if kind == "paged" then
      if chance(0.8) then parts[#parts + 1] = "kv_blocks = " .. math.ceil(whole(200, 900) / block) end
      parts[#parts + 1] = "prefix_cache = " .. tostring(chance(0.7))
    else
      parts[#parts + 1] = "kv_tokens = " .. whole(200, 900)
    end
    parts[#parts + 1] = hardware
    if moving then parts[#parts + 1] = link() end
    parts[#parts + 1] = signals
    if together then parts[#parts + 1] = ("experts = { parallel = %d }"):format(together) end
    if stages then parts[#parts + 1] = pipeline(stages) end
    if not stages and chance(0.3) then parts[#parts + 1] = "async_scheduling = true" end
    if chance(0.15) then parts[#parts + 1] = pick{ "front_end = 0.0625", "front_end = { base = 0.01, per_token = 0.003 }" } end
    if chance(0.3) then parts[#parts + 1] = "token_budget = " .. whole(1, 40) end
    if chance(0.3) then parts[#parts + 1] = "max_requests = " .. whole(2, 20) end
    if not stages and chance(0.5) then parts[#parts + 1] = "swap = { tokens = 500, seconds_per_token = 0.0002 }" end
    return "{ " .. table.concat(parts, ", ") .. " }"
  end

  -- Coefficients that are powers of two make exact ties between replicas likely, others make none.
  local function latency()
    local unit = chance(0.4) and 2 ^ -10 or 0.001 * draw()
    local more = chance(0.15) and ", noise = 0.1" or ""
    if chance(0.2) then
      more = more .. (", prompts = { base = %.17g, per_token = %.17g }"):format(4 * unit, 2 * unit)
    end
    if chance(0.2) then more = more .. ", graph_sizes = { 1, 2, 4, 8 }" end
    if chance(0.2) then more = more .. (", max_tokens = %d, max_context = %d"):format(whole(20, 220), whole(50, 2000)) end
    return ("latency.step { base = %.17g, per_token = %.17g, per_context = %.17g, per_request = %.17g, host = %.17g%s }")
      :format(16 * unit, unit, pick{ 0, unit / 16, unit / 2 }, pick{ 0, unit }, pick{ 0, unit }, more)
  end

  -- Beside them, what is stepped one by one: a roofline, of a mixture of experts with windows and of a dense model.
  local function roofline()
    local model = pick{ 'gpu = "h100-80gb", model = "gpt-oss-20b"', 'gpu = "rtx-4090-24gb", model = "qwen3-1.7b"' }
    return model, ("latency.roofline { host = %.17g%s }"):format(0.001 * draw(), chance(0.2) and ", noise = 0.1" or "")
  end

  -- policies: how many, drawn; or the list of them, as Lua texts.
  local function scenario(number, policies, seeds)
    local list = type(policies) == "table" and policies or {}
    -- Replicas in a row that step together, and serve no static batch.
    local together = #list == 0 and chance(clustered and 0.08 or 0.25) and whole(2, 4) or nil
    local staged = #list == 0 and not together and chance(0.2) and whole(2, 4) or nil
    -- KV memory moves, which only the random policy understands; replicas come, go and fail.
    local moving = #list == 0 and not together and chance(clustered and 0.85 or 0.3)
    local coming = #list == 0 and chance(clustered and 0.85 or (staged or together) and 0.6 or 0.35)
    local signals = chance(0.3) and pick{ "signals = { period = 0.125 }", "signals = { period = 0.1, delay = 0.01 }",
      "signals = { period = 0.01, delay = 0.3 }", "signals = { period = 0.0078125, delay = 0.25 }" } or nil
    for i = #list + 1, type(policies) == "number" and policies or 0 do
      local name = pick(BUNDLED)
      if name == "fcfs" and number % 2 == 1 then name = "llama_server" end -- without other draws than before
      local static = (together or staged) and STATIC[name]
      local chaotic = meddle or moving or coming and not ROUTERS[name]
      if not meddle and (moving or coming) and chance(0.35) then
        list[i] = of_clusters(i, moving)
      elseif chance(0.65) or chaotic or not exists("policies/" .. name .. ".lua") or static then
        list[i] = chaos_policy(i, 80, together, staged, moving, coming, signals)
      else
        local engine = ROUTERS[name] and pick(ENGINES) or name == "hygen" and 'offline = "a", ' or ""
        list[i] = ('{ "%s", %slabel = "%s%d" }'):format(name, engine, name, i)
      end
    end
    local path = folder .. "/" .. number .. ".lua"
    local file = assert(io.open(path, "w"))
    local hardware, times = nil, latency()
    if chance(0.15) and not together and not staged then hardware, times = roofline() end
    local kinds = not together and not staged and not hardware and chance((moving or clustered) and 0.8 or 0.2)
      and latency or nil
    file:write(("return scenario {\n  workload = %s,\n  cluster = %s,\n  latency = %s,\n"
      .. "  slo = { ttft = 0.2, tbt = 0.03, e2e = 5%s },\n")
      :format(workload(whole(5, 60)), cluster(hardware, together, kinds, staged, moving, signals), times,
        chance(0.5) and ", gap = 0.06" or ""))
    if coming and chance(0.6) then
      file:write(pick{ "  failures = { mtbf = 0.5, mttr = 0.1 },\n", "  failures = { mtbf = 3, mttr = 0.5 },\n",
        "  failures = { { at = 0.25, replica = 1, repair = 0.125 }, { at = 0.5, replica = 1, repair = 0.25 } },\n" })
    end
    if chance(0.5) then file:write("  why = true,\n") end
    if chance(0.5) then file:write(("  qoe = { speed = %g, ttft = %g },\n"):format(pick{ 5, 40, 300 }, pick{ 0, 0.05, 1 })) end
    if chance(0.5) then file:write('  columns = { "program_mean_s", "service_gap", "late_mean_s" },\n') end
    if chance(0.2) then file:write("  fair = { w_output = 3 },\n") end
    if chance(0.25) then file:write(("  stop_time = %.3f,\n"):format(draw() * 5)) end
    if chance(0.3) then
      file:write(pick{ ("  warmup = %d,\n"):format(whole(1, 10)),
        ("  warmup = { seconds = %.3f },\n"):format(0.01 + draw() * 2) })
    end
    local texts = table.concat(list, ",\n    "):gsub("@", kinds and "g1" or "")
    file:write(("  policies = { %s },\n  seeds = %d, seed = %d,\n}\n"):format(texts, seeds, whole(1, 1e6)))
    file:close()
    return path
  end

  return { scenario = scenario, whole = whole, pick = pick }
end
