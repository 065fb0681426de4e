-- What a scenario may say: every mistake with its sentence, and what good ones become.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local policies = require "mbsand.policies"
local schema = require "mbsand.schema"
local scenario = require "mbsand.scenario"

local function check(name, good, detail)
  return tap.ok(good, name, detail)
end

local native = {
  root = ".",
  is_file = tap.is_file,
  measures = { "e2e_mean_s", "e2e_p99_s", "gpu_util" },
  find_policy = function(name)
    if name == "static_fifo" or name == "multi_bin" then return "policies/" .. name .. ".lua" end
    return nil, 'there is no policy "' .. name .. '"'
  end,
}

local function load(text, sets, added)
  local good, result = pcall(scenario.load, "s.lua", text, native, { sets = sets or {}, policies = added or {} })
  if good then return result end
  return nil, type(result) == "table" and result.mbsand or "not a sentence: " .. tostring(result)
end

local function equal(name, got, expected)
  tap.equal(got, expected, (name:gsub("%s+", " "):gsub("[^%g ]", "?"):gsub("#", "number "))) -- no TAP directives
end

-- A good scenario, line by line, so that a test can replace a line.
local GOOD = {
  "return scenario {",
  "  workload = synthetic { arrivals = arrivals.poisson { rate = 5 }, prompt = 100, output = lengths.uniform(1, 9),",
  "    limit = 10 },",
  "  cluster = { gpus = 2, kv_tokens = 1000 },",
  "  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 },",
  "  slo = { tbt = 0.01, e2e = 20 },",
  '  policies = { "static_fifo" },',
  "}",
}

local function with(number, line)
  local lines = {}
  for i, text in ipairs(GOOD) do lines[i] = i == number and line or text end
  return table.concat(lines, "\n")
end

local function mistake(number, line, expected)
  local result, message = load(with(number, line))
  equal(line, result and "no error" or message, expected)
end

local function override(set, expected)
  local result, message = load(table.concat(GOOD, "\n"), { set })
  equal("--set " .. set, result and "no error" or message, expected)
end

local function first(text, sets, added)
  local result, message = load(text, sets, added)
  check("loads", result, message)
  return result and result.sections[1].points[1].experiment
end

-- Mistakes in a key -------------------------------------------------------------------------------------------

local CLUSTER_KEYS = "activation_gib, async_scheduling, experts, front_end, gpu, gpus, groups, kv, kv_block, kv_blocks, "
  .. "kv_bytes_per_token, kv_max_length, kv_precision, kv_tokens, link, max_gpus, max_requests, memory, memory_gib, model, "
  .. "name, oversize, pipeline, precision, prefix_cache, reserve, role, rules, runtime_gib, signals, start, start_delay, "
  .. "step_tokens, swap, token_budget, tp, "
  .. "usd_per_hour, utilization, watermark, weight_precision"
local LATENCIES = "latency.step{base=, per_token=, per_context=}, latency.batch{alpha=, beta=, gamma=}, "
  .. 'latency.batch "GRID.csv", latency.table "GRID.csv", latency.profile "DIR", latency.custom(FUNCTION), '
  .. "latency.roofline{} or latency.jobs{}"
mistake(4, "  cluster = { gpuss = 2 },",
  's.lua:4: cluster has no key "gpuss"; did you mean "gpus"?')
mistake(4, "  cluster = { gpus = 0 },", "s.lua:4: cluster.gpus is 0; expected a whole number from 1 to 1048576")
mistake(4, "  cluster = { gpus = 1.5 },", "s.lua:4: cluster.gpus is 1.5; expected a whole number from 1 to 1048576")
mistake(4, '  cluster = { gpus = "4" },', 's.lua:4: cluster.gpus is "4"; expected a whole number from 1 to 1048576')
mistake(4, "  cluster = { gpus = 0/0 },",
  "s.lua:4: cluster.gpus is not a number (NaN); expected a whole number from 1 to 1048576")
mistake(4, '  cluster = { kv = "pages" },', 's.lua:4: cluster.kv is "pages"; expected "tokens", '
  .. '"contiguous" or "paged"; did you mean "paged"?')
mistake(4, '  cluster = { kv = "contiguous" },',
  's.lua:4: cluster.kv = "contiguous" needs cluster.kv_max_length, the tokens set aside per request')
mistake(4, "  cluster = 4,", "s.lua:4: cluster is 4; expected a table { ... }")
mistake(4, "  cluster = { 4 },",
  "s.lua:4: cluster has a value without a key (4); its keys: " .. CLUSTER_KEYS)
mistake(4, "  cluster = { memory = { capacity_gib = 4, weights_gib = 4, bytes_per_token = 1 } },",
  "s.lua:4: cluster.memory leaves no room: 4 GiB less 4 GiB of weights less 0 GiB reserved")
mistake(5, "  latency = latency.batch { alpha = -1, beta = 0.001, gamma = 0.3 },",
  "s.lua:5: latency.alpha is -1; expected a number of at least 0 (seconds)")
mistake(5, "  latency = latency.batch { alpha = 1 },",
  "s.lua:5: latency.batch needs alpha (s), beta (s per token) and gamma, or a grid to fit them to")
mistake(5, '  latency = latency.batch "nowhere.csv",',
  's.lua:5: latency: there is no file "nowhere.csv" (looked in the current folder, the scenario\'s folder and the project\'s)')
mistake(5, "  latency = 5,", "s.lua:5: latency is 5; expected " .. LATENCIES)
mistake(5, "  latency = arrivals.poisson { rate = 1 },", "s.lua:5: latency is arrivals.poisson; expected " .. LATENCIES)
mistake(5, "", "s.lua:1: latency is missing; expected " .. LATENCIES)
-- A model on a GPU.
mistake(4, "  cluster = { gpu = 2 },",
  's.lua:4: cluster.gpu is 2; expected the name of a GPU in quotes, such as "h100-80gb"')
mistake(4, '  cluster = { gpu = "h100-80gb" },',
  "s.lua:4: cluster.gpu and cluster.model go together, and cluster.model is missing")
mistake(4, '  cluster = { model = "llama-3-8b" },',
  "s.lua:4: cluster.gpu and cluster.model go together, and cluster.gpu is missing")
mistake(4, "  cluster = { gpus = 3, tp = 2 },",
  "s.lua:4: cluster.gpus = 3 cannot be dealt out to replicas of cluster.tp = 2 GPUs")
mistake(5, "  latency = latency.roofline {},", "s.lua:5: latency.roofline needs cluster.gpu and cluster.model")
mistake(5, "  latency = latency.roofline { compute = 2 },",
  "s.lua:5: latency.compute is 2; expected a number above 0 and at most 1 (share of the peak)")

local function mistake_in_latency(cluster, latency, expected)
  local result, message = load((with(4, cluster):gsub("  latency = [^\n]*", "  latency = " .. latency .. ",")))
  equal(latency, result and "no error" or message, expected)
end
local CARD = '  cluster = { gpu = "h100-80gb", model = "llama-3-8b"'
mistake_in_latency(CARD .. ", gpus = 2, tp = 2 },", 'latency.roofline { links = "nowhere.csv" }',
  's.lua:5: latency: there is no file "nowhere.csv" (looked in the current folder, the scenario\'s folder and the project\'s)')

-- Memory and steps.
local STEP = "  latency = latency.step { base = 0.01, per_token = 0.001 },"
local function mistake_in_steps(cluster, expected)
  local result, message = load((with(4, cluster):gsub("  latency = [^\n]*", STEP)))
  equal(cluster, result and "no error" or message, expected)
end
mistake(4, '  cluster = { kv = "paged" },',
  's.lua:4: cluster.kv = "paged" needs a latency model of single steps, such as latency.step; latency.batch times whole '
  .. "batches")
mistake(4, "  cluster = { async_scheduling = true },",
  "s.lua:4: cluster.async_scheduling needs a latency model of single steps, such as latency.step; latency.batch times whole "
  .. "batches")
mistake(4, "  cluster = { experts = { parallel = 2 }, gpus = 2 },",
  "s.lua:4: cluster.experts needs a latency model of single steps, such as latency.step; latency.batch times whole batches")
mistake_in_steps("  cluster = { experts = { parallel = 2 }, gpus = 3 },",
  "s.lua:4: cluster.gpus = 3 cannot be dealt out to groups of cluster.experts.parallel = 2 GPUs")
mistake_in_steps("  cluster = { experts = { parallel = 3 }, tp = 2, gpus = 6 },",
  "s.lua:4: cluster.experts.parallel = 3 must be a multiple of cluster.tp = 2, the GPUs of a replica")
mistake(4, "  cluster = { kv_blocks = 10 },", 's.lua:4: cluster.kv_blocks needs cluster.kv = "paged"')
mistake_in_steps("  cluster = { kv_blocks = 10, kv_tokens = 160 },",
  "s.lua:4: cluster.kv_blocks and cluster.kv_tokens both say how much memory there is; leave one out")
mistake_in_steps('  cluster = { reserve = "maximum" },',
  's.lua:4: cluster.reserve = "maximum" needs cluster.kv_max_length, the tokens set aside per request')
mistake_in_steps("  cluster = { swap = { host_gib = 4 } },",
  "s.lua:4: cluster.swap needs host_gib and bandwidth (GB/s), or tokens and seconds_per_token")
mistake_in_steps("  cluster = { swap = { host_gib = 4, bandwidth = 25 } },",
  "s.lua:4: cluster.swap.host_gib needs cluster.memory.bytes_per_token")
mistake_in_steps("  cluster = { watermark = 1 },",
  "s.lua:4: cluster.watermark is 1; expected a number from 0 to 0.9 (share of the blocks)")
mistake_in_steps("  cluster = { kv_block = 0 },",
  "s.lua:4: cluster.kv_block is 0; expected a whole number from 1 to 65536 (tokens)")
mistake(5, "  latency = latency.step { base = -1 },", "s.lua:5: latency.base is -1; expected a number of at least 0 (seconds)")
mistake(5, "  latency = latency.custom(5),", "s.lua:5: latency.time is 5; expected a function")
mistake(5, "  latency = latency.step {},",
  "s.lua:5: latency.step: base, per_token and host are all 0, so a step would take no time; set one of them")
mistake(5, "  latency = latency.jobs {},",
  "s.lua:1: latency.jobs needs the requests' service times: workload.service of synthetic, or columns.service")
mistake(6, "  slo = { tbt = 0 },", "s.lua:6: slo.tbt is 0; expected a number above 0 (seconds)")
mistake(6, "  seeds = 0,", "s.lua:6: seeds is 0; expected a whole number from 1 to 1000000")
mistake(6, '  columns = { "e2e_mean" },',
  's.lua:6: columns[1]: there is no measure "e2e_mean"; did you mean "e2e_mean_s"? (measures: e2e_mean_s, e2e_p99_s, '
  .. "gpu_util)")
mistake(6, '  report = "yes",', 's.lua:6: report is "yes"; expected a function')
mistake(6, "  exact_percentiles = 1,", "s.lua:6: exact_percentiles is 1; expected true or false")
mistake(3, "  },", "s.lua:2: synthetic needs limit (how many requests) or until_time (seconds); without one it never ends")
mistake(3, "    limit = 10, predictor = predict.column {} },",
  "s.lua:1: predict.column needs a trace with a column of predictions: trace.csv with columns.predicted, "
  .. "or trace.jsonl with fields.predicted")
mistake(3, "    limit = 10, predictor = predict.bin_flip { p = 0.1, edges = { 5, 5 }, lowest = 1, highest = 9 } },",
  "s.lua:3: predict.bin_flip: edges must ascend, but 5 follows 5")
mistake(2, "  workload = synthetic { arrivals = arrivals.gamma { rate = 5 }, prompt = 1, output = 1,",
  "s.lua:2: arrivals.gamma needs either cv (of the gaps) or shape")
mistake(2, "  workload = synthetic { arrivals = 5, prompt = 1, output = 1,",
  "s.lua:2: workload.arrivals is 5; expected arrivals.constant, poisson, gamma, weibull, on_off, piecewise or all_at_once")
mistake(2, "  workload = synthetic { arrivals = arrivals.poisson { rate = 5 }, output = 1,",
  "s.lua:2: synthetic needs prompt, the lengths of its requests in tokens")
mistake(2, "  workload = synthetic { arrivals = arrivals.poisson { rate = 5 }, prompt = lengths.uniform(9, 1), output = 1,",
  "s.lua:2: lengths.uniform: low 9 is above high 1")
mistake(7, "  policies = {},", 's.lua:7: policies is empty; name at least one, as in policies = { "static_fifo" }')
mistake(7, "", 's.lua:1: policies is missing; name at least one, as in policies = { "static_fifo" }')
mistake(7, '  policies = { "static_fifa" },', 's.lua:7: there is no policy "static_fifa"')
mistake(7, "  policies = { 5 },",
  's.lua:7: policies[1] is 5; expected a policy\'s name in quotes, or { "name", parameter = value }')
mistake(7, '  policies = { { "multi_bin", bins = print } },',
  "s.lua:7: policies[1].bins is a function; expected a number, a text, true, false or a list of numbers")
mistake(7, '  policies = { "static_fifo" }, over = { ["cluster.gpus"] = { 1, 2 } },',
  's.lua:7: over is a list, and has the key "cluster.gpus"; expected over = { { "cluster.gpus", { 1, 2, 4 } } }')
mistake(7, '  policies = { "static_fifo" }, over = { { "cluster.gpus" } },',
  's.lua:7: item 1 of over is not { key, { values } }; expected over = { { "cluster.gpus", { 1, 2, 4 } } }')
mistake(7, '  policies = { "static_fifo" }, over = { { "cluster.gpus", { 1, 0 } } },',
  "s.lua:7: cluster.gpus is 0; expected a whole number from 1 to 1048576")

-- Mistakes in the script --------------------------------------------------------------------------------------

local function script(text, expected)
  local result, message = load(text)
  equal(text, result and "no error" or message, expected)
end

script("x = 1", 's.lua: a scenario must end with "return scenario { ... }"; this one returns nothing')
script("return 5", 's.lua: a scenario must end with "return scenario { ... }"; this one returns 5')
script("return { workload = 1 }",
  's.lua: the returned table is not a scenario; write "return scenario { ... }" with the word scenario before the brace')
script("return { 5 }", "s.lua: item 1 of the returned list is 5; expected scenario { ... }")
script("\nreturn scenaro {}", 's.lua:2: there is no "scenaro" in a scenario; did you mean "scenario"?')
script("\nlocal a = arrivals.poison { rate = 1 }\nreturn a",
  's.lua:2: there is no arrivals.poison; did you mean "poisson"? (there are: all_at_once, constant, gamma, on_off, '
  .. "piecewise, poisson, weibull)")
script("\n\nlocal x = nil + 1\nreturn x", "s.lua:3: attempt to perform arithmetic on a nil value")
local _, syntax = load("return scenario {\n  workload = = 5\n}")
check("syntax error", syntax:find("^s%.lua:2: "), syntax)
script(string.dump(function() end), "s.lua: this is compiled Lua; expected the script's text")

-- Changes from the command line -------------------------------------------------------------------------------

override("cluster.gpuss=4", '--set cluster.gpuss=4: cluster has no key "gpuss"; did you mean "gpus"?')
override("cluster.gpus=none", '--set cluster.gpus=none: cluster.gpus is "none"; expected a whole number from 1 to 1048576')
override("cluster.gpus=1,2", "--set cluster.gpus=1,2: cluster.gpus is a table; expected a whole number from 1 to 1048576")

-- --over: axes from outside, and what they are read from.
local function load_over(overs, more)
  local overrides = { overs = overs }
  for key, value in pairs(more or {}) do overrides[key] = value end
  local text = table.concat(GOOD, "\n"):gsub('"static_fifo" },', '"static_fifo" }, over = { { "cluster.gpus", { 1, 2 } } },')
  local good, result = pcall(scenario.load, "s.lua", text, native, overrides)
  if not good then return result.mbsand or result end
  local labels = {}
  for _, point in ipairs(result.sections[1].points) do labels[#labels + 1] = point.label end
  return ("%d: %s"):format(result.points, table.concat(labels, "; "))
end
local function over(text, expected) equal("--over " .. text, load_over { text }, expected) end
over("cluster.gpus=4,8", "2: cluster.gpus=4; cluster.gpus=8")
over("cluster.gpus=1..3", "3: cluster.gpus=1; cluster.gpus=2; cluster.gpus=3")
over("cluster.gpus=1..9:x2,12", "5: cluster.gpus=1; cluster.gpus=2; cluster.gpus=4; cluster.gpus=8; cluster.gpus=12")
over("cluster.gpus=5..1:-2", "3: cluster.gpus=5; cluster.gpus=3; cluster.gpus=1")
over("cluster.gpus=8..1:x0.5", "4: cluster.gpus=8; cluster.gpus=4; cluster.gpus=2; cluster.gpus=1")
over("slo.tbt=0.1..0.4:0.1", "8: cluster.gpus=1 slo.tbt=0.1; cluster.gpus=1 slo.tbt=0.2; cluster.gpus=1 slo.tbt=0.3; "
  .. "cluster.gpus=1 slo.tbt=0.4; cluster.gpus=2 slo.tbt=0.1; cluster.gpus=2 slo.tbt=0.2; cluster.gpus=2 slo.tbt=0.3; "
  .. "cluster.gpus=2 slo.tbt=0.4")
equal("--over twice, a window", load_over({ "slo.tbt=1,2,3", "slo.e2e=4,5" }, { first = 6, most = 3 }),
  "12: cluster.gpus=1 slo.tbt=3 slo.e2e=5; cluster.gpus=2 slo.tbt=1 slo.e2e=4; cluster.gpus=2 slo.tbt=1 slo.e2e=5")
equal("a window past the end", load_over({}, { first = 3, most = 3 }), "2: ")
over("cluster.gpus=4..1", "--over cluster.gpus=4..1: '4..1' never gets from 4 to 1")
over("cluster.gpus=1..4:x1", "--over cluster.gpus=1..4:x1: '1..4:x1' never gets from 1 to 4")
over("cluster.gpus=1..4:x-2", "--over cluster.gpus=1..4:x-2: '1..4:x-2' never gets from 1 to 4")
over("cluster.gpus=0..4:x2", "--over cluster.gpus=0..4:x2: '0..4:x2' never gets from 0 to 4")
over("cluster.gpus=1..4:0", "--over cluster.gpus=1..4:0: '1..4:0' never gets from 1 to 4")
over("cluster.gpus=1..b", "--over cluster.gpus=1..b: '1..b' is no range; expected first..last, first..last:step or "
  .. "first..last:xfactor, as in 1..32:x2")
over("cluster.gpus=1..9e9", "--over cluster.gpus=1..9e9: '1..9e9' has more than 100000 values")
over("cluster.gpus=a", '--over cluster.gpus=a: cluster.gpus is "a"; expected a whole number from 1 to 1048576')
over("cluster.gpu=1", "--over cluster.gpu=1: cluster.gpu is 1; expected the name of a GPU in quotes, such as \"h100-80gb\"")
over("cluster.gpus", "--over cluster.gpus: expected key=value,value,... or key=first..last, as in --over cluster.gpus=1,2,4")
over("policies=a", "--over policies=a: policies cannot be swept")
over("seeds=1,2", "--over seeds=1,2: seeds are no axis; use --seeds N")
equal("an axis twice", load_over { "slo.tbt=1", "slo.tbt=2" }, "--over slo.tbt=2: slo.tbt is swept twice")
equal("too many points", load_over { "slo.tbt=1..50000", "slo.e2e=1..50000" },
  "s.lua:1: 5000000000 points are more than the 1000000 that a sweep may have")
equal("an axis and one value", load_over({ "slo.tbt=1,2" }, { sets = { "slo.tbt=3" } }),
  "--over slo.tbt=1,2: --set slo.tbt=3 gives the same key one value")
override("cluster.gpus=nan", '--set cluster.gpus=nan: cluster.gpus is "nan"; expected a whole number from 1 to 1048576')
override("cluster.gpus", "--set cluster.gpus: expected key=value, as in --set cluster.gpus=8")
override("=4", "--set =4: expected key=value, as in --set cluster.gpus=8")
override("cluster..gpus=4", "--set cluster..gpus=4: expected key=value, as in --set cluster.gpus=8")
override("policies=x", "--set policies=x: policies cannot be set so; use --policy NAME to add one, --only NAME to run some")
override("workload.prompt.min=4", "--set workload.prompt.min=4: workload.prompt is 100 and has no keys")
override("workload.arrivals.rate=-5",
  "--set workload.arrivals.rate=-5: workload.arrivals.rate is -5; expected a number above 0 (requests per second)")
-- What only the option makes wrong is the option's mistake, whatever line of the script it does not go with.
override("cluster.gpu=h100-80gb",
  "--set cluster.gpu=h100-80gb: cluster.gpu and cluster.model go together, and cluster.model is missing")
override("cluster.model=llama-3-8b",
  "--set cluster.model=llama-3-8b: cluster.gpu and cluster.model go together, and cluster.gpu is missing")
override("cluster.tp=3", "--set cluster.tp=3: cluster.tp changes nothing about how long steps take, which latency.batch says "
  .. "here; set what that says too, or add --set latency=latency.roofline to take it from cluster.gpu and cluster.model")
override("cluster.kv_blocks=8", '--set cluster.kv_blocks=8: cluster.kv_blocks needs cluster.kv = "paged"')
override("workload.limit=nil",
  "--set workload.limit=nil: synthetic needs limit (how many requests) or until_time (seconds); without one it never ends")
over("cluster.gpu=a,b", "--over cluster.gpu=a,b: cluster.gpu and cluster.model go together, and cluster.model is missing")
do -- not the script's own, and of two the one that is to blame, or both
  local bad = with(4, "  cluster = { gpus = 2, kv_blocks = 10 },")
  local _, said = load(bad, { "seeds=2" })
  equal("a script's own mistake", said, 's.lua:4: cluster.kv_blocks needs cluster.kv = "paged"')
  _, said = load(table.concat(GOOD, "\n"), { "seeds=2", "cluster.kv_blocks=8", "title=a" })
  equal("the one of three", said, '--set cluster.kv_blocks=8: cluster.kv_blocks needs cluster.kv = "paged"')
  _, said = load(table.concat(GOOD, "\n"), { "cluster.gpus=3", "cluster.experts.parallel=2" })
  equal("either of two", said and said:match("^(%-%-set.-): "), "--set cluster.experts.parallel=2")
end

-- Another GPU, where the script says itself how long steps take, would change nothing and look as if it had.
do
  local card = with(4, '  cluster = { gpu = "h100-80gb", model = "llama-3-8b", kv_tokens = 1000, name = "mine" },')
  local figures = { tokens = 5000, gpu_title = "A", model = "M", model_path = "m.json", token_bytes = 1, roofline = {} }
  native.plan = function() return figures end
  local _, said = load(card, { "cluster.gpu=a100-80gb" })
  equal("a GPU that says nothing of times", said,
    "--set cluster.gpu=a100-80gb: cluster.gpu changes nothing about how long steps take, which latency.batch says here; set "
      .. "what that says too, or add --set latency=latency.roofline to take it from cluster.gpu and cluster.model")
  _, said = load(card, { "cluster.gpu=a100-80gb", "latency=latency.roofline" })
  equal("nor of memory", said,
    "--set cluster.gpu=a100-80gb: cluster.gpu changes nothing about how much memory there is, which cluster.kv_tokens says "
      .. "here; set that too, or add --set cluster.kv_tokens=nil to take it from cluster.gpu and cluster.model")
  local now = first(card, { "cluster.gpu=a100-80gb", "latency=latency.roofline", "cluster.kv_tokens=nil" }).cluster
  equal("nil takes a key out", now.kv_tokens, 5000)
  equal("no cluster at all", first(with(4, ""), { "workload.limit=7" }).workload.limit, 7)
  equal("and the name was that of the other", now.name, "A, M")
  equal("as it stands", first(card).cluster.name, "mine")
  local two = with(4, '  cluster = { model = "llama-3-8b", groups = { { name = "a", gpus = 1, gpu = "h100-80gb" } } },')
    :gsub("  latency = [^\n]*", "")
  equal("a group's GPU times its steps", first(two).groups[1].latency.kind, "latency.roofline")
  native.plan = nil
end

local text = table.concat(GOOD, "\n")
equal("set a text with a comma", first(text, { "title=a,b" }).title, "a,b")
equal("set a text of digits", first(text, { "title=2023" }).title, "2023")
override("workload.output.low=20", "--set workload.output.low=20: lengths.uniform: low 20 is above high 9")
equal("set a number", first(text, { "cluster.gpus=8" }).cluster.gpus, 8)
equal("set a length", first(text, { "workload.prompt=7" }).workload.prompt.value, 7)
equal("set in a constructor", first(text, { "workload.output.high=12" }).workload.output.high, 12)
equal("set twice", first(text, { "seeds=3", "seeds=4" }).seeds, 4)
equal("new table", first(text, { "limits.memory_mb=5" }).limits.memory_mb, 5)
equal("unlimited", first(text, { "cluster.kv_tokens=unlimited" }).cluster.capacity, nil)

-- Policies ----------------------------------------------------------------------------------------------------

local two = with(7, '  policies = { { "multi_bin", bins = 2 }, { "multi_bin", bins = 4 }, { "static_fifo", label = "S" } },')
local list = first(two).policies
equal("distinct labels", list[1].label .. "|" .. list[2].label .. "|" .. list[3].label, "multi_bin bins=2|multi_bin bins=4|S")
list = first(with(7, '  policies = { "static_fifo", "static_fifo" },')).policies
equal("numbered labels", list[1].label .. "|" .. list[2].label, "static_fifo|static_fifo #2")
list = first(two, { "params.bins=7" }).policies
equal("params for all: replaced", list[1].params[1].value, 7)
equal("params for all: still asked for", list[1].params[1].if_declared, false)
equal("params for all: where declared", list[3].params[1].if_declared, true)
list = first(text, nil, { "multi_bin,bins=3,edges=1,2,3,rule=fixed,label=mine,quick=true" }).policies
equal("added", #list, 2)
equal("added label", list[2].label, "mine")
local values = {}
for i, param in ipairs(list[2].params) do
  values[i] = param.name .. "=" .. (type(param.value) == "table" and table.concat(param.value, "/") or tostring(param.value))
end
equal("added parameters", (table.concat(values, " "):gsub("%.0", "")), "bins=3 edges=1/2/3 quick=true rule=fixed")
local _, added = load(text, nil, { "bins=3" })
equal("added without a name", added, "--policy bins=3: expected NAME or FILE, then ,parameter=value for each parameter")
equal("text stays text", policies.parse_value("equal_mass"), "equal_mass")
equal("hexadecimal stays text", policies.parse_value("0x10"), "0x10")

-- Sweeps, sections, skipping ----------------------------------------------------------------------------------

local sweep = with(7, '  policies = { "multi_bin" }, over = { { "cluster.gpus", { 1, 2 } }, { "params.bins", { 4, 8 } } },')
local result = load(sweep)
local points = result.sections[1].points
equal("points", #points, 4)
equal("point label", points[2].label, "cluster.gpus=1 params.bins=8")
equal("point value", points[3].values["cluster.gpus"], 2)
equal("point applied", points[3].experiment.cluster.gpus, 2)
equal("point parameter", points[2].experiment.policies[1].params[1].value, 8)
equal("axis from outside", #load(sweep, { "cluster.gpus=1,2,3" }).sections[1].points, 6)
equal("axis cut to one", #load(sweep, { "cluster.gpus=16" }).sections[1].points, 2)
equal("the script's tables stay whole", points[1].experiment.cluster.gpus, 1)
equal("skipped", load('return skip "no trace here"').skipped, "no trace here")
local body = table.concat(GOOD, "\n"):gsub("^return ", "")
equal("sections", #load("local a = " .. body .. "\nreturn { a, a }").sections, 2)
equal("one section skipped", #load("local a = " .. body .. '\nreturn { a, skip "no" }').sections, 1)

-- What becomes of good ones -----------------------------------------------------------------------------------

local good = first(text)
equal("description", good.before,
  "10 synthetic requests (arrivals Poisson 5/s), 2 replicas (1,000 KV tokens each)")
equal("after", good.after, "5 seeds")
equal("default predictor", good.workload.predictor.kind, "predict.exact")
local memory = first(with(4, "  cluster = { memory = { capacity_gib = 12, weights_gib = 4, reserve_gib = 1, "
  .. "bytes_per_token = 196608 } },"))
equal("memory in tokens", memory.cluster.capacity, 38229)
local log = first(with(2, "  workload = synthetic { arrivals = arrivals.all_at_once {}, prompt = 1, "
  .. "output = lengths.lognormal { mean = 20, median = 10 },"))
check("log-normal by mean and median", math.abs(log.workload.output.sigma - math.sqrt(2 * math.log(2))) < 1e-12)
local piece = first(with(2, "  workload = synthetic { arrivals = arrivals.piecewise { { 10, 1 }, { 5, 2 }, "
  .. '["repeat"] = true }, prompt = 1, output = 1,'))
equal("segments", #piece.workload.arrivals.segments, 2)
equal("repeat", piece.workload.arrivals["repeat"], true)
equal("nearest", schema.nearest("gpsu", { "kv", "gpus" }), "gpus")
equal("nothing near", schema.nearest("xyz", { "kv_tokens", "gpus" }), nil)

tap.done()
