-- The words of a scenario: what each one is called, which keys it takes, what they may hold. Pure data, and the
-- constructors made from it.
local schema = require "mbsand.schema"

local vocabulary = {}

local function number(spec) spec.type = "number" return spec end
local function record(keys, also) return { type = "record", keys = keys, also = also } end
local function flag(default) return { type = "boolean", default = default } end
local function need(spec) spec.required = true return spec end

local positive = function() return number { above = 0 } end
local natural = function(default) return number { min = 0, whole = true, max = 1e15, default = default } end
local MOST_TOKENS = 1e9
local file = function() return { type = "text", expected = "a file name in quotes", required = true } end

-- Lengths, and service times ---------------------------------------------------------------------------------

local function range(result, place, title)
  if result.min and result.max and result.min > result.max then
    place:fail("%s: min %.10g is above max %.10g", title, result.min, result.max)
  end
end

local function uniform_range(result, place, title)
  if result.low > result.high then
    place:fail("%s: low %.10g is above high %.10g", title, result.low, result.high)
  end
end

-- A log-normal is given by (mu, sigma), or by what people measure: its mean and median.
local function lognormal_parameters(result, place, title)
  range(result, place, title)
  if result.mean and result.median and not result.mu and not result.sigma then
    if result.mean <= result.median then
      place:fail("%s: the mean %.10g must be above the median %.10g", title, result.mean, result.median)
    end
    result.mu = math.log(result.median)
    result.sigma = math.sqrt(2 * math.log(result.mean / result.median))
  elseif not (result.mu and result.sigma) or result.mean or result.median then
    place:fail("%s needs mu and sigma, or mean and median", title)
  end
end

local bounded = function(keys)
  keys.min, keys.max = number { min = 0 }, number { min = 0 }
  return keys
end

local lengths = {
  type = "choice",
  family = "lengths",
  expected = "a number, or lengths.fixed, uniform, normal, lognormal, exponential, zipf or empirical",
  kinds = {
    ["lengths.fixed"] = record { value = need(number { min = 0 }) },
    ["lengths.uniform"] = record({ low = need(number { min = 0 }), high = need(number { min = 0 }) }, uniform_range),
    ["lengths.normal"] = record(bounded { mean = need(number {}), std = need(number { min = 0 }) }, range),
    ["lengths.lognormal"] = record(
      bounded { mu = number {}, sigma = number { min = 0 }, mean = positive(), median = positive() },
      lognormal_parameters),
    ["lengths.exponential"] = record(bounded { mean = need(positive()) }, range),
    ["lengths.zipf"] = record({
      theta = need(number { min = 0 }),
      min = number { min = 0, whole = true, default = 1 },
      max = need(number { min = 1, max = 1e7, whole = true }),
    }, range),
    ["lengths.empirical"] = record(bounded { path = file(), column = need { type = "text" } }, range),
  },
}
lengths.shorthand = function(value) return schema.tag({ value = value }, "lengths", "lengths.fixed") end

-- Arrivals ---------------------------------------------------------------------------------------------------

local rate = function() return need(number { above = 0, unit = "requests per second" }) end
local seconds = function() return number { above = 0, unit = "seconds" } end

local function gamma_shape(result, place, title)
  if (result.cv ~= nil) == (result.shape ~= nil) then
    place:fail("%s needs either cv (of the gaps) or shape", title)
  end
  result.shape = result.shape or 1 / (result.cv * result.cv)
end

local arrivals = {
  type = "choice",
  family = "arrivals",
  expected = "arrivals.constant, poisson, gamma, weibull, on_off, piecewise or all_at_once",
  kinds = {
    ["arrivals.constant"] = record { rate = rate() },
    ["arrivals.poisson"] = record { rate = rate() },
    ["arrivals.gamma"] = record({ rate = rate(), cv = positive(), shape = positive() }, gamma_shape),
    ["arrivals.weibull"] = record { rate = rate(), shape = need(positive()) },
    ["arrivals.on_off"] = record {
      rate = rate(),
      off_rate = number { min = 0, default = 0, unit = "requests per second" },
      on = need(seconds()),
      off = need(seconds()),
    },
    ["arrivals.piecewise"] = record({
      segments = need {
        type = "list",
        least = 1,
        expected = "segments { seconds, rate }, ...",
        of = { type = "list", least = 2, expected = "{ seconds, rate }", of = number { min = 0 } },
      },
      ["repeat"] = flag(false),
    }, function(result, place)
      for i, segment in ipairs(result.segments) do
        if #segment ~= 2 or segment[1] <= 0 then
          place:fail("segment %d of arrivals.piecewise is not { seconds, rate } with seconds above 0", i)
        end
      end
    end),
    ["arrivals.all_at_once"] = record {},
  },
}

-- What a policy is told of the output length -----------------------------------------------------------------

local edges = function()
  return need { type = "list", least = 1, single = true, of = positive(), expected = "ascending lengths { 64, 256 }" }
end

local function ascending(result, place, title)
  for i = 2, #result.edges do
    if result.edges[i] <= result.edges[i - 1] then
      place:fail("%s: edges must ascend, but %.10g follows %.10g", title, result.edges[i], result.edges[i - 1])
    end
  end
  if result.lowest >= result.edges[1] or result.highest <= result.edges[#result.edges] then
    place:fail("%s: lowest and highest must lie outside the edges %.10g .. %.10g", title, result.edges[1],
      result.edges[#result.edges])
  end
end

local function confusion_matrix(result, place, title)
  ascending(result, place, title)
  local bins = #result.edges + 1
  if #result.matrix ~= bins then
    place:fail("%s: %d edges make %d bins, but the matrix has %d rows", title, bins - 1, bins, #result.matrix)
  end
  for i, row in ipairs(result.matrix) do
    local sum = 0
    for _, value in ipairs(row) do sum = sum + value end
    if #row ~= bins or sum <= 0 then
      place:fail("%s: row %d of the matrix needs %d numbers with a sum above 0", title, i, bins)
    end
  end
end

local predictor = {
  type = "choice",
  family = "predictor",
  expected = "predict.exact, lognormal, bin_flip, confusion, constant, column or origin",
  kinds = {
    ["predict.exact"] = record {},
    ["predict.lognormal"] = record { sigma = need(number { min = 0, max = 10 }) },
    ["predict.bin_flip"] = record({
      p = need(number { min = 0, max = 0.5 }),
      edges = edges(),
      lowest = need(number { min = 0 }),
      highest = need(positive()),
    }, ascending),
    ["predict.confusion"] = record({
      matrix = need {
        type = "list",
        least = 2,
        expected = "rows of numbers",
        of = { type = "list", least = 2, of = number { min = 0 } },
      },
      edges = edges(),
      lowest = need(number { min = 0 }),
      highest = need(positive()),
    }, confusion_matrix),
    ["predict.constant"] = record { value = need(number { min = 1, whole = true, max = MOST_TOKENS }) },
    ["predict.column"] = record {},
    ["predict.origin"] = record {
      seed = number { min = 0, max = 2 ^ 32 - 1, whole = true, default = 42 },
      sigma = number { min = 0, max = 10, default = 0.1 },
    },
  },
}

-- Workloads --------------------------------------------------------------------------------------------------

local function window(result, place, title)
  if result.from and result.to and result.to <= result.from then
    place:fail("%s: to (%.10g s) must be above from (%.10g s)", title, result.to, result.from)
  end
  if result.window_per_seed and not result.limit then
    place:fail("%s: window_per_seed needs limit, the number of requests in each window", title)
  end
end

local function trace(more, also)
  local keys = {
    path = file(),
    rate_scale = number { above = 0, default = 1 },
    limit = number { min = 1, whole = true, max = 1e15 },
    from = number { min = 0, unit = "seconds of the trace's own time" },
    to = number { above = 0, unit = "seconds of the trace's own time" },
    skip_rows = natural(0),
    window_per_seed = flag(false),
    keep_zero = flag(false),
    jitter = number { min = 0, max = 1e9, default = 0, unit = "seconds of the trace's own time" },
    longest = number { min = 1, whole = true, max = 2 * MOST_TOKENS, unit = "tokens" },
    predictor = predictor,
    until_time = seconds(),
  }
  for key, spec in pairs(more or {}) do keys[key] = spec end
  return record(keys, function(result, place, title)
    window(result, place, title)
    if also then also(result, place) end
  end)
end

-- Keys of `synthetic` that belong together.
local function check_comers(result, place)
  if not result.limit and not result.until_time then
    place:fail("synthetic needs limit (how many requests) or until_time (seconds); without one it never ends")
  end
  if result.arrivals and result.users then
    place:fail("synthetic takes arrivals, or users who wait for their answers, not both")
  elseif not result.arrivals and not result.users then
    place:fail("synthetic needs arrivals (%s), or users, a number of them who wait for their answers",
      arrivals.expected)
  end
  for _, key in ipairs { "think", "ramp" } do
    if result[key] and not result.users then
      place:fail("synthetic: %s is of users, and this one has arrivals%s", key,
        key == "think" and result.sessions and "; expected sessions = { think = ... }" or "")
    end
  end
  if result.sessions and result.prefix then
    place:fail("synthetic takes sessions, whose turns share what was said before, or a prefix, not both")
  end
end

-- Classes take the lengths that they do not give from the workload.
local function check_lengths(result, place)
  local names = {}
  for i, class in ipairs(result.classes or {}) do
    if names[class.name] then
      place:fail('classes %d and %d are both named "%s"; expected different names', names[class.name], i, class.name)
    end
    names[class.name] = i
    for _, key in ipairs { "prompt", "output" } do
      class[key] = class[key] or schema.copy(result[key])
      if not class[key] and not result.service then
        place:fail('class "%s" needs %s, the lengths of its requests in tokens', class.name, key)
      end
    end
  end
  local first = result.classes and result.classes[1] or {}
  result.prompt, result.output = result.prompt or schema.copy(first.prompt), result.output or schema.copy(first.output)
  if not result.service and not (result.prompt and result.output) then
    place:fail("synthetic needs %s, the lengths of its requests in tokens",
      result.prompt and "output" or result.output and "prompt" or "prompt and output")
  end
end

local turns = { required = true }
for key, value in pairs(lengths) do turns[key] = value end

local sessions = record {
  turns = turns,
  think = lengths,
  context = { type = "word", "grow", default = "grow" },
  max_context = number { min = 1, whole = true, max = MOST_TOKENS, unit = "tokens" },
}

local prefix = record {
  tokens = need(number { min = 1, whole = true, max = MOST_TOKENS }),
  groups = number { min = 1, whole = true, max = 1e6, default = 1 },
  theta = number { min = 0, max = 100, default = 0 },
}

local classes = {
  type = "list",
  least = 1,
  expected = "classes { { name =, share =, prompt =, output =, priority =, slo = }, ... }",
  of = record {
    name = need { type = "text", expected = "a name in quotes" },
    share = need(positive()),
    prompt = lengths,
    output = lengths,
    priority = number { min = -2 ^ 31 + 1, max = 2 ^ 31 - 1, whole = true, default = 0 },
    slo = record { ttft = seconds(), tbt = seconds(), e2e = seconds() },
  },
}

local column = function(required) return { type = "text", expected = "a column's name in quotes", required = required } end

local workload = {
  type = "choice",
  family = "workload",
  expected = 'trace.burstgpt "FILE", trace.azure "FILE", trace.csv "FILE" {...}, '
    .. 'trace.mooncake "FILE", trace.jsonl "FILE" {...} or synthetic {...}',
  required = true,
  kinds = {
    ["trace.burstgpt"] = trace(),
    ["trace.azure"] = trace(),
    ["trace.csv"] = trace {
      columns = need(record {
        time = column(true), prompt = column(true), output = column(true),
        predicted = column(), client = column(), priority = column(), service = column(),
      }),
      time_unit = number { above = 0, default = 1, unit = "seconds" },
    },
    ["trace.mooncake"] = trace(),
    ["trace.jsonl"] = trace({
      fields = need(record {
        time = column(true), prompt = column(true), output = column(true),
        predicted = column(), client = column(), priority = column(), prefix = column(),
      }),
      time_unit = number { above = 0, default = 1, unit = "seconds" },
      prefix_unit = number { min = 1, max = MOST_TOKENS, whole = true, unit = "tokens that a prefix id stands for" },
    }, function(result, place)
      if (result.fields.prefix ~= nil) ~= (result.prefix_unit ~= nil) then
        place:fail("trace.jsonl takes fields.prefix and prefix_unit, the tokens that each of its ids stands for, together")
      end
    end),
    synthetic = record({
      arrivals = arrivals,
      users = number { min = 1, whole = true, max = 1e6 },
      think = lengths,
      ramp = number { min = 0, unit = "seconds" },
      sessions = sessions,
      prefix = prefix,
      classes = classes,
      prompt = lengths,
      output = lengths,
      service = lengths,
      clients = number { min = 0, whole = true, max = 1e6, default = 0 },
      limit = number { min = 1, whole = true, max = 1e15 },
      until_time = seconds(),
      predictor = predictor,
    }, function(result, place)
      check_comers(result, place)
      check_lengths(result, place)
    end),
  },
}

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
    ["latency.profile"] = record(step_model {
      path = need { type = "text", expected = "the name of a folder in quotes" },
      layers = need(number { min = 1, max = 1000, whole = true }),
      per_token = number { min = 0, default = 0, unit = "seconds per token" },
    }),
    ["latency.roofline"] = record(step_model {
      compute = number { above = 0, max = 1, default = 0.5, unit = "share of the peak" },
      bandwidth = number { above = 0, max = 1, default = 0.8, unit = "share of the peak" },
      link = number { above = 0, max = 1, default = 0.7, unit = "share of the peak" },
      link_latency = number { min = 0, default = 10e-6, unit = "seconds per all-reduce" },
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

local cluster = record({
  gpus = number { min = 1, max = 2 ^ 20, whole = true, default = 1 },
  name = { type = "text" },
  gpu = { type = "text", expected = 'the name of a GPU in quotes, such as "h100-80gb"' },
  model = { type = "text", expected = 'the name of a model in quotes, such as "llama-3-8b"' },
  tp = number { min = 1, max = 4096, whole = true, default = 1, unit = "GPUs" },
  memory_gib = number { above = 0, unit = "GiB of one GPU" },
  rules = { type = "word", "vllm", "kaito", "mlsysim" },
  precision = precision(), weight_precision = precision(), kv_precision = precision(),
  utilization = number { above = 0, max = 1, unit = "share of the memory" },
  activation_gib = number { min = 0, unit = "GiB" },
  runtime_gib = number { min = 0, unit = "GiB" },
  usd_per_hour = number { above = 0, unit = "USD per GPU" },
  kv = { type = "word", "tokens", "contiguous", "paged" }, -- by default what the latency model goes with
  kv_tokens = number { min = 1, whole = true, max = 1e15, words = { "unlimited" } },
  kv_max_length = number { min = 1, whole = true, max = 2 ^ 31 },
  kv_block = number { min = 1, whole = true, max = 65536, default = 16, unit = "tokens" },
  kv_blocks = number { min = 1, whole = true, max = 1e15 },
  watermark = number { min = 0, max = 0.9, default = 0, unit = "share of the blocks" },
  reserve = { type = "word", "chunk", "sequence", "prompt", "predicted", "maximum", default = "chunk" },
  prefix_cache = flag(true),
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
}, function(result, place)
  if result.kv == "contiguous" and not result.kv_max_length then
    place:fail('cluster.kv = "contiguous" needs cluster.kv_max_length, the tokens set aside per request')
  end
end)

local section = record {
  title = { type = "text" },
  question = { type = "text" },
  workload = workload,
  cluster = cluster,
  latency = latency,
  slo = record { ttft = seconds(), tbt = seconds(), e2e = seconds() },
  policies = { type = "any" }, -- read by policies.lua
  seeds = number { min = 1, max = 1e6, whole = true, default = 5 },
  seed = natural(42),
  warmup = natural(0),
  stop_time = seconds(),
  oracle = flag(false),
  exact_percentiles = flag(false),
  columns = { type = "list", least = 1, single = true, of = { type = "text" }, expected = "a list of measures" },
  over = { type = "any" }, -- read by scenario.lua
  limits = record {
    hook_seconds = number { above = 0, default = 1, unit = "seconds" },
    hook_instructions = number { min = 0, max = 2 ^ 31 - 1, whole = true, default = 0 },
    memory_mb = number { min = 1, max = 2 ^ 20, default = 64 },
  },
  report = { type = "call" },
}
section.keys.cluster.default = { gpus = 1, tp = 1, kv_block = 16, watermark = 0, reserve = "chunk", prefix_cache = true,
  oversize = "reject" }
section.keys.limits.default = { hook_seconds = 1, hook_instructions = 0, memory_mb = 64 }
section.keys.slo.default = {}

vocabulary.section = section

-- Constructors -----------------------------------------------------------------------------------------------

-- The places of values without a key: lengths.uniform(1, 20) and lengths.uniform{1, 20}.
local positions = {
  ["lengths.fixed"] = { "value" },
  ["lengths.uniform"] = { "low", "high" },
  ["lengths.normal"] = { "mean", "std" },
  ["lengths.exponential"] = { "mean" },
  ["lengths.empirical"] = { "path" },
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

local function fill(kind, node, ...)
  local first = ...
  local names = positions[kind] or {}
  if type(first) == "table" and select("#", ...) == 1 and not schema.tag_of(first) then
    for key, value in pairs(first) do
      if kind == "arrivals.piecewise" and type(key) == "number" then
        node.segments = node.segments or {}
        node.segments[key] = value
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
  for _, choice in ipairs { workload, latency, lengths, arrivals, predictor } do
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
