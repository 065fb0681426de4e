-- The words of a scenario: what each one is called, which keys it takes, what they may hold. Pure data, and the
-- constructors made from it.
local schema = require "mbsand.schema"
local pipeline = require "mbsand.pipeline"
local signals = require "mbsand.signals"
local workloads = require "mbsand.workload_words"

local vocabulary = {}

local number, record, flag, need = schema.number, schema.record, schema.flag, schema.need

local seconds = function() return number { above = 0, unit = "seconds" } end
local natural = function(default) return number { min = 0, whole = true, max = 1e15, default = default } end
local file = function() return { type = "text", expected = "a file name in quotes", required = true } end

-- How long a batch takes -------------------------------------------------------------------------------------

local noise = function() return number { min = 0, max = 5, default = 0 } end

local function batch_law(result, place, title)
  if result.path then
    if result.alpha or result.beta or result.gamma then
      place:fail("%s takes a grid to fit, or alpha, beta and gamma, not both", title)
    end
  elseif not (result.alpha and result.beta and result.gamma) then
    place:fail("%s needs alpha (s), beta (s per token) and gamma, or a grid to fit them to", title)
  end
end

-- What every model of single steps takes besides its own keys.
local function step_model(keys)
  keys.host = number { min = 0, default = 0, unit = "seconds per step" }
  keys.scheduling = number { min = 0, default = 0, unit = "seconds per request and step" }
  keys.graph_sizes = {
    type = "list", single = true, of = number { min = 1, max = 1e6, whole = true },
    expected = "ascending batch sizes { 1, 2, 4, 8 }",
  }
  keys.noise = noise()
  return keys
end

-- What is measured beside the operators: all-reduces and exchanges of experts' tokens by the size of the message, and what a
-- step takes beyond.
local function measured_model(keys)
  keys.exchange = { type = "text", expected = "the name of a file in quotes" }
  keys.links = { type = "text", expected = "the name of a file in quotes" }
  keys.corrections = { type = "text", expected = "the name of a file in quotes" }
  return step_model(keys)
end

local latency = {
  type = "choice",
  family = "latency",
  expected = 'latency.step{base=, per_token=, per_context=}, latency.batch{alpha=, beta=, gamma=}, '
    .. 'latency.batch "GRID.csv", latency.table "GRID.csv", latency.profile "DIR", latency.custom(FUNCTION), '
    .. "latency.roofline{} or latency.jobs{}",
  required = true,
  kinds = {
    ["latency.batch"] = record({
      alpha = number { min = 0, unit = "seconds" },
      beta = number { min = 0, unit = "seconds per token" },
      gamma = number { min = 0 },
      floor = number { min = 0, default = 0, unit = "seconds" },
      tbt = number { above = 0, unit = "seconds between tokens" },
      path = { type = "text", expected = "a file name in quotes" },
      weight = { type = "word", "relative", "absolute", default = "relative" },
      noise = noise(),
    }, batch_law),
    ["latency.table"] = record { path = file(), noise = noise() },
    ["latency.jobs"] = record { noise = noise() },
    ["latency.step"] = record(step_model {
      base = number { min = 0, default = 0, unit = "seconds" },
      per_token = number { min = 0, default = 0, unit = "seconds per token" },
      per_context = number { min = 0, default = 0, unit = "seconds per token of context" },
      per_request = number { min = 0, default = 0, unit = "seconds per request" },
      max_tokens = number { min = 0, default = 0, unit = "tokens" }, -- of what it was fitted on; 0: not known
      max_context = number { min = 0, default = 0, unit = "tokens" },
      prompts = record { -- steps with a prompt in them
        base = number { min = 0, default = 0, unit = "seconds" },
        per_token = number { min = 0, default = 0, unit = "seconds per token" },
        per_context = number { min = 0, default = 0, unit = "seconds per token of context" },
        per_request = number { min = 0, default = 0, unit = "seconds per request" },
      },
    }, function(result, place, title)
      if result.base + result.per_token + result.host <= 0 then
        place:fail("%s: base, per_token and host are all 0, so a step would take no time; set one of them", title)
      end
    end),
    ["latency.custom"] = record(step_model { time = need { type = "call" } }),
    ["latency.profile"] = record(measured_model {
      path = need { type = "text", expected = "the name of a folder in quotes" },
      layers = number { min = 1, max = 1000, whole = true },
      hidden = number { min = 1, max = 1e6, whole = true, unit = "values of a token" },
      per_token = number { min = 0, default = 0, unit = "seconds per token" },
    }),
    ["latency.roofline"] = record(measured_model {
      engine = { type = "word", default = "graphs", "graphs", "eager" },
      compute = number { above = 0, max = 1, unit = "share of the peak" },
      attention = number { above = 0, max = 1, unit = "share of the peak" },
      bandwidth = number { above = 0, max = 1, unit = "share of the peak" },
      kv_bandwidth = number { above = 0, max = 1, unit = "share of the peak" },
      link = number { above = 0, max = 1, unit = "share of the peak" },
      link_latency = number { min = 0, unit = "seconds per all-reduce" },
      layer = number { min = 0, unit = "seconds per layer" },
    }),
  },
}

-- Whether the model times single steps of an engine, and not whole batches.
function vocabulary.is_step(kind)
  return kind == "latency.step" or kind == "latency.profile" or kind == "latency.custom" or kind == "latency.roofline"
end

-- The scenario itself ----------------------------------------------------------------------------------------

local gib = function() return need(number { min = 0, unit = "GiB" }) end

local precision = function() return { type = "word", "fp32", "fp16", "bf16", "fp8", "int8", "int4" } end

-- What lies before the replicas: seconds, or seconds and more for each token of the prompt.
local front_end = record {
  base = number { min = 0, default = 0, unit = "seconds" },
  per_token = number { min = 0, default = 0, unit = "seconds per token of the prompt" },
}
front_end.shorthand, front_end.expected = "base", "a number of seconds, or a table with base and per_token"

local cluster = record({
  gpus = number { min = 1, max = 2 ^ 20, whole = true, default = 1 },
  start = number { min = 0, max = 2 ^ 20, whole = true, unit = "replicas" }, -- at the beginning
  max_gpus = number { min = 1, max = 2 ^ 20, whole = true },
  start_delay = number { min = 0, unit = "seconds" },
  name = { type = "text" },
  gpu = { type = "text", expected = 'the name of a GPU in quotes, such as "h100-80gb"' },
  model = { type = "text", expected = 'the name of a model in quotes, such as "llama-3-8b"' },
  tp = number { min = 1, max = 4096, whole = true, default = 1, unit = "GPUs" },
  memory_gib = number { above = 0, unit = "GiB of one GPU" },
  rules = { type = "word", "vllm", "kaito", "kaito-2026", "mlsysim" },
  precision = precision(), weight_precision = precision(), kv_precision = precision(),
  utilization = number { above = 0, max = 1, unit = "share of the memory" },
  activation_gib = number { min = 0, unit = "GiB" },
  runtime_gib = number { min = 0, unit = "GiB" },
  step_tokens = number { min = 1, whole = true, max = 2 ^ 24, unit = "tokens of a step" },
  usd_per_hour = number { above = 0, unit = "USD per GPU" },
  kv = { type = "word", "tokens", "contiguous", "paged" }, -- by default what the latency model goes with
  kv_tokens = number { min = 1, whole = true, max = 1e15, words = { "unlimited" } },
  kv_max_length = number { min = 1, whole = true, max = 2 ^ 31 },
  kv_block = number { min = 1, whole = true, max = 65536, default = 16, unit = "tokens" },
  kv_blocks = number { min = 1, whole = true, max = 1e15 },
  watermark = number { min = 0, max = 0.9, default = 0, unit = "share of the blocks" },
  reserve = { type = "word", "chunk", "sequence", "prompt", "predicted", "expected", "maximum" },
  prefix_cache = flag(true),
  async_scheduling = flag(false),
  front_end = front_end,
  signals = signals.words,
  experts = record { parallel = need(number { min = 1, whole = true, max = 4096, unit = "GPUs" }) },
  pipeline = pipeline.words,
  max_requests = number { min = 1, whole = true, max = 2 ^ 31 },
  token_budget = number { min = 1, whole = true, max = 1e15 },
  swap = record({
    tokens = number { min = 1, whole = true, max = 1e15 },
    seconds_per_token = number { min = 0 },
    host_gib = number { above = 0, unit = "GiB" },
    bandwidth = number { above = 0, unit = "GB/s" },
  }, function(result, place, title)
    local counts, sizes = result.tokens and result.seconds_per_token, result.host_gib and result.bandwidth
    if (counts ~= nil) == (sizes ~= nil) then
      place:fail("%s needs host_gib and bandwidth (GB/s), or tokens and seconds_per_token", title)
    end
  end),
  memory = record({
    capacity_gib = gib(),
    weights_gib = gib(),
    reserve_gib = number { min = 0, default = 0, unit = "GiB" },
    utilization = number { above = 0, max = 1, default = 1, unit = "share of the capacity" },
    bytes_per_token = need(number { above = 0, unit = "bytes" }),
  }, function(result, place)
    local room = result.capacity_gib * result.utilization - result.weights_gib - result.reserve_gib
    result.tokens = math.floor(room * 2 ^ 30 / result.bytes_per_token)
    if result.tokens < 1 then
      place:fail("cluster.memory leaves no room: %.10g GiB less %.10g GiB of weights less %.10g GiB reserved",
        result.capacity_gib, result.weights_gib, result.reserve_gib)
    end
  end),
  oversize = { type = "word", "reject", "block", default = "reject" },
  role = { type = "word", "both", "prefill", "decode" },
  kv_bytes_per_token = number { above = 0, unit = "bytes" },
  link = { type = "any" }, -- read by links.lua
  groups = { type = "any" }, -- read by groups.lua
}, function(result, place)
  if result.kv == "contiguous" and not result.kv_max_length then
    place:fail('cluster.kv = "contiguous" needs cluster.kv_max_length, the tokens set aside per request')
  end
end)

-- A group of replicas says what is different about it: nothing has a default, and some things are the whole cluster's.
local function group_record()
  local whole = { groups = true, front_end = true, experts = true, async_scheduling = true, swap = true, oversize = true,
    link = true, signals = true }
  local keys = {}
  for key, spec in pairs(cluster.keys) do
    if not whole[key] then
      keys[key] = {}
      for name, value in pairs(spec) do keys[key][name] = value end
      keys[key].default, keys[key].required = nil, nil
    end
  end
  keys.name = { type = "any" } -- groups.lua says what is wrong with it
  keys.latency = { type = "any" }
  return record(keys)
end

-- What KV memory moves over.
local link = record({
  bandwidth = number { above = 0, infinite = true, unit = "GB/s" },
  seconds_per_token = number { min = 0 },
  latency = number { min = 0, default = 0, unit = "seconds" },
  share = { type = "word", "fifo", "fair", "none", default = "fifo" },
  per = { type = "word", "group", "replica", default = "group" },
  from = { type = "text", expected = "the name of a group in quotes" },
  to = { type = "text", expected = "the name of a group in quotes" },
}, function(result, place, title)
  if (result.bandwidth == nil) == (result.seconds_per_token == nil) then
    place:fail("%s has %s; expected bandwidth (GB/s) or seconds_per_token, one of them", title,
      result.bandwidth and "bandwidth and seconds_per_token" or "neither bandwidth nor seconds_per_token")
  end
end)

-- What is simulated and not measured at the start.
local warmup = record({ requests = natural(), seconds = seconds() }, function(result, place, title)
  if result.requests and result.seconds then place:fail("%s has requests and seconds; expected one of them", title) end
end)
warmup.shorthand, warmup.default = "requests", {}
warmup.expected = "a whole number of requests, or a table with requests or seconds"

local section = record({
  title = { type = "text" },
  question = { type = "text" },
  workload = workloads.workload,
  cluster = cluster,
  latency = latency,
  slo = workloads.promises(),
  qoe = workloads.reader,
  fair = record {
    w_prompt = number { min = 0, max = 1e6, default = 1 },
    w_output = number { min = 0, max = 1e6, default = 2 },
  },
  policies = { type = "any" }, -- read by policies.lua
  failures = { type = "any" }, -- read by lifecycle.lua
  seeds = number { min = 1, max = 1e6, whole = true, default = 5 },
  seed = natural(42),
  warmup = warmup,
  stop_time = seconds(),
  oracle = flag(false),
  exact_percentiles = flag(false),
  why = flag(false),
  by = { type = "word", "class", "client" },
  columns = { type = "list", least = 1, single = true, of = { type = "text" }, expected = "a list of measures" },
  over = { type = "any" }, -- read by scenario.lua
  limits = record {
    hook_seconds = number { above = 0, unit = "seconds" }, -- 1, or none where instructions are limited
    hook_instructions = number { min = 0, max = 2 ^ 31 - 1, whole = true, default = 0 },
    memory_mb = number { min = 1, max = 2 ^ 20, default = 64 },
  },
  report = { type = "call" },
  expect = { type = "any" }, -- read by src/scenario/scenario_expect.c, for `mbsand test`
  assert = { type = "list", single = true, of = { type = "text" }, expected = "a list of bounds { \"e2e_mean_s<1\" }" },
}, function(result, place)
  if result.by == "class" and not (result.workload and result.workload.classes) then
    place:fail('by = "class": the workload has no classes; expected workload.classes, or by = "client"')
  end
end)
section.keys.cluster.default = { gpus = 1, tp = 1, kv_block = 16, watermark = 0, prefix_cache = true,
  oversize = "reject" }
section.keys.limits.default = { hook_instructions = 0, memory_mb = 64 }
section.keys.slo.default = {}

vocabulary.section, vocabulary.group, vocabulary.link = section, group_record(), link
vocabulary.hardware = record { cluster = cluster, latency = latency }

-- Constructors -----------------------------------------------------------------------------------------------

-- The places of values without a key: lengths.uniform(1, 20) and lengths.uniform{1, 20}.
local positions = {
  ["lengths.fixed"] = { "value" },
  ["lengths.uniform"] = { "low", "high" },
  ["lengths.normal"] = { "mean", "std" },
  ["lengths.exponential"] = { "mean" },
  ["lengths.empirical"] = { "path" },
  ["lengths.pairs"] = { "path" },
  ["predict.constant"] = { "value" },
  ["predict.lognormal"] = { "sigma" },
  ["latency.batch"] = { "path" },
  ["latency.table"] = { "path" },
  ["latency.profile"] = { "path" },
  ["latency.custom"] = { "time" },
  ["trace.burstgpt"] = { "path" },
  ["trace.azure"] = { "path" },
  ["trace.csv"] = { "path" },
  ["trace.mooncake"] = { "path" },
  ["trace.jsonl"] = { "path" },
}

-- A node is called once more where options follow a file name: trace.azure "FILE" { limit = 10 }.
local function more_options(node, options)
  local tag = schema.tag_of(node)
  if type(options) ~= "table" then schema.raise(tag.kind .. ' "..." must be followed by a table { ... }', 2) end
  for key, value in pairs(options) do node[key] = value end
  return node
end

-- The places of lists without a key: arrivals.piecewise{ { 10, 1 }, { 20, 2 } }.
local lists = {
  ["arrivals.piecewise"] = "segments",
  ["lengths.mixture"] = "parts",
  ["lengths.by_prompt"] = "parts",
  ["requests"] = "rows",
}

local function fill(kind, node, ...)
  local first = ...
  local names = positions[kind] or {}
  if type(first) == "table" and select("#", ...) == 1 and not schema.tag_of(first) then
    for key, value in pairs(first) do
      if lists[kind] and type(key) == "number" then
        node[lists[kind]] = node[lists[kind]] or {}
        node[lists[kind]][key] = value
      else
        node[names[key] or key] = value
      end
    end
  else
    for i = 1, select("#", ...) do node[names[i] or i] = (select(i, ...)) end
  end
  return node
end

-- The table of words that a script sees. line() tells the script's line that is being run.
function vocabulary.words(line)
  local words = { trace = {}, lengths = {}, arrivals = {}, predict = {}, latency = {} }
  local function define(family, kind)
    local function construct(...)
      local node = schema.tag({}, family, kind, line())
      return setmetatable(fill(kind, node, ...), { __call = more_options })
    end
    local group, name = kind:match("^(%a+)%.([%w_]+)$")
    if group then words[group][name] = construct else words[kind] = construct end
  end
  for _, choice in ipairs { workloads.workload, latency, workloads.lengths, workloads.outputs, workloads.pairs,
    workloads.arrivals, workloads.predictor } do
    for kind in pairs(choice.kinds) do define(choice.family, kind) end
  end
  define("scenario", "scenario")
  define("skip", "skip")
  for _, group in ipairs { "trace", "lengths", "arrivals", "predict", "latency" } do
    local known = schema.sorted_keys(words[group])
    setmetatable(words[group], {
      __index = function(_, key)
        schema.raise(('there is no %s.%s; %s'):format(group, tostring(key), schema.suggest(key, known, "there are")), 2)
      end,
    })
  end
  return words
end

return vocabulary
