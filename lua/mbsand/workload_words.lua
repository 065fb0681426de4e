-- The words of a scenario's workload: where requests come from, when they arrive, how long they are, and what a
-- policy is told of them. Pure data for schema.lua.
local class_links = require "mbsand.class_links"
local schema = require "mbsand.schema"

local number, record, flag, need = schema.number, schema.record, schema.flag, schema.need

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

-- A gamma is given by (shape, scale), or by its mean and coefficient of variation.
local function gamma_parameters(result, place, title)
  range(result, place, title)
  if result.mean and result.cv and not result.shape and not result.scale then
    result.shape = 1 / (result.cv * result.cv)
    result.scale = result.mean / result.shape
  elseif not (result.shape and result.scale) or result.mean or result.cv then
    place:fail("%s needs shape and scale, or mean and cv", title)
  end
end

-- A Pareto by its least value and its shape or mean.
local function pareto_parameters(result, place, title)
  range(result, place, title)
  if (result.shape ~= nil) == (result.mean ~= nil) then place:fail("%s needs min, and either shape or mean", title) end
  if result.mean and result.mean <= result.min then
    place:fail("%s: the mean %.10g must be above min %.10g", title, result.mean, result.min)
  end
  result.shape = result.shape or result.mean / (result.mean - result.min)
end

local function a_parts_list(of, expected)
  return need { type = "list", least = 1, expected = expected, of = of }
end

local lengths = {
  type = "choice",
  family = "lengths",
  expected = "a number, or lengths.fixed, uniform, normal, lognormal, exponential, gamma, pareto, zipf, mixture or empirical",
  kinds = {
    ["lengths.fixed"] = record { value = need(number { min = 0 }) },
    ["lengths.uniform"] = record({ low = need(number { min = 0 }), high = need(number { min = 0 }) }, uniform_range),
    ["lengths.normal"] = record(bounded { mean = need(number {}), std = need(number { min = 0 }) }, range),
    ["lengths.lognormal"] = record(
      bounded { mu = number {}, sigma = number { min = 0 }, mean = positive(), median = positive() },
      lognormal_parameters),
    ["lengths.exponential"] = record(bounded { mean = need(positive()) }, range),
    ["lengths.gamma"] = record(
      bounded { shape = positive(), scale = positive(), mean = positive(), cv = positive() }, gamma_parameters),
    ["lengths.pareto"] = record(
      { shape = positive(), mean = positive(), min = need(positive()), max = positive() }, pareto_parameters),
    ["lengths.zipf"] = record({
      theta = need(number { min = 0 }),
      min = number { min = 0, whole = true, default = 1 },
      max = need(number { min = 1, max = 1e7, whole = true }),
    }, range),
    ["lengths.empirical"] = record(bounded { path = file(), column = need { type = "text" } }, range),
  },
}
lengths.shorthand = function(value) return schema.tag({ value = value }, "lengths", "lengths.fixed") end
local function required(choice)
  local result = {}
  for key, value in pairs(choice) do result[key] = value end
  result.required = true
  return result
end

lengths.kinds["lengths.mixture"] = record(bounded {
  parts = a_parts_list(record { share = need(positive()), lengths = required(lengths) },
    "{ share =, lengths = }, ..."),
}, range)

-- What an output may be besides: something that depends on its prompt.
local function prompt_ranges(result, place, title)
  range(result, place, title)
  for i, part in ipairs(result.parts) do
    local last = i == #result.parts
    if last ~= (part.up_to == nil) then
      place:fail(last and "%s: its last part must go on for ever, without up_to" or "%s: part %d needs up_to, the longest "
        .. "prompt that it is for", title, i)
    end
    if i > 1 and part.up_to and part.up_to <= result.parts[i - 1].up_to then
      place:fail("%s: up_to must ascend, but %.10g follows %.10g", title, part.up_to, result.parts[i - 1].up_to)
    end
  end
end

local outputs = required(lengths)
outputs.required = false
outputs.expected = lengths.expected:gsub(" or empirical$", ", empirical, by_prompt or of_prompt")
outputs.kinds = {}
for kind, spec in pairs(lengths.kinds) do outputs.kinds[kind] = spec end
outputs.kinds["lengths.of_prompt"] = record(bounded { base = lengths, factor = required(lengths) }, range)
outputs.kinds["lengths.by_prompt"] = record(bounded {
  parts = a_parts_list(
    record { up_to = number { min = 1, max = MOST_TOKENS, whole = true, unit = "tokens" }, lengths = required(outputs) },
    "{ up_to =, lengths = }, ..., { lengths = }"),
}, prompt_ranges)

-- The caller's bound on the output: tokens, drawn or fixed, or so many times the output.
local max_output = required(lengths)
max_output.required, max_output.plain = false, true -- a table without a word is { factor = }
max_output.expected = lengths.expected:gsub("^a number, or ", "a number, { factor = }, or ")
max_output.kinds = { max_output = record { factor = need(number { min = 1, max = 1e6 }) } }
for kind, spec in pairs(lengths.kinds) do max_output.kinds[kind] = spec end
max_output.shorthand = function(value)
  if type(value) == "table" then return schema.tag(schema.copy(value), "lengths", "max_output") end
  return lengths.shorthand(value)
end

-- Prompts and outputs that were measured together.
local pairs_of = {
  type = "choice",
  family = "lengths",
  expected = 'lengths.pairs "FILE" { prompt =, output = }',
  kinds = {
    ["lengths.pairs"] = record { path = file(), prompt = need { type = "text" }, output = need { type = "text" } },
  },
}

-- How long something lasts: a number is the mean of an exponential.
local lasting = required(lengths)
lasting.shorthand = function(value) return schema.tag({ mean = value }, "lengths", "lengths.exponential") end
lasting.expected = "the mean in seconds, or one of the lengths"

-- Arrivals ---------------------------------------------------------------------------------------------------

local rate = function() return need(number { above = 0, unit = "requests per second" }) end
local seconds = function() return number { above = 0, unit = "seconds" } end

local plain = {
  type = "choice",
  family = "arrivals",
  expected = "arrivals.constant, poisson, gamma, weibull or piecewise",
  kinds = {},
}

local function on_off_law(result, place, title)
  if (result.rate ~= nil) == (result.during ~= nil) then
    place:fail("%s needs either rate (of Poisson arrivals) or during (%s)", title, plain.expected)
  end
  for _, key in ipairs { "on", "off" } do
    local simple = result[key].kind == "lengths.exponential" and not result[key].min and not result[key].max
    result.general = result.general or not simple
  end
  result.general = result.general or result.during ~= nil
  if result.general and result.off_rate > 0 then
    place:fail("%s: off_rate goes with a rate and with on and off as numbers, the means of exponential times", title)
  end
end

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
    ["arrivals.on_off"] = record({
      rate = number { above = 0, unit = "requests per second" },
      off_rate = number { min = 0, default = 0, unit = "requests per second" },
      during = plain,
      on = lasting,
      off = lasting,
    }, on_off_law),
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
for _, kind in ipairs { "constant", "poisson", "gamma", "weibull", "piecewise" } do
  plain.kinds["arrivals." .. kind] = arrivals.kinds["arrivals." .. kind]
end

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
  expected = "predict.exact, lognormal, bin_flip, confusion, constant, column, refined, bins or origin",
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
    ["predict.refined"] = record {
      sigma = need(number { min = 0, max = 10 }),
      every = number { min = 1, whole = true, max = MOST_TOKENS, default = 1, unit = "tokens" },
      floor = number { min = 0, max = 10, default = 0 },
    },
    ["predict.bins"] = record({
      edges = edges(),
      lowest = number { min = 0, default = 1 },
      highest = need(positive()),
    }, ascending),
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

-- Users take a trace's rows in order, when they are free: stamps then only choose which rows are played.
local function check_users(result, place, title)
  for _, key in ipairs { "think", "ramp" } do
    if result[key] and not result.users then
      place:fail("%s: %s is of users, who each take the next row when their last was answered; set users", title, key)
    end
  end
  if not result.users then return end
  for _, key in ipairs { "rate_scale", "jitter", "max_gap", "turns" } do
    local usual = ({ rate_scale = 1, jitter = 0, turns = "stamps" })[key]
    if result[key] ~= nil and result[key] ~= usual then
      place:fail("%s: users take the rows when they are free, whatever their stamps; leave out %s", title, key)
    end
  end
  result.untimed = not (result.from or result.to or result.sort)
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
    sort = flag(false),
    thin = number { min = 1, max = 1e9, default = 1 },
    max_gap = number { above = 0, unit = "seconds of the trace's own time" },
    jitter = number { min = 0, max = 1e9, default = 0, unit = "seconds of the trace's own time" },
    longest = number { min = 1, whole = true, max = 2 * MOST_TOKENS, unit = "tokens" },
    predictor = predictor,
    until_time = seconds(),
    users = number { min = 1, whole = true, max = 1e6 },
    think = lengths,
    ramp = number { min = 0, unit = "seconds" },
  }
  for key, spec in pairs(more or {}) do keys[key] = spec end
  return record(keys, function(result, place, title)
    window(result, place, title)
    check_users(result, place, title)
    if also then also(result, place, title) end
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

-- Pairs stand for both.
local function check_pairs(result, place, title)
  if result.lengths and (result.prompt or result.output) then
    place:fail("%s takes lengths (pairs of prompt and output), or prompt and output, not both", title)
  end
end

-- Classes take the lengths that they do not give from the workload.
local function check_lengths(result, place)
  check_pairs(result, place, "synthetic")
  class_links.check_names(result, place)
  for _, class in ipairs(result.classes or {}) do
    check_pairs(class, place, ('class "%s"'):format(class.name))
    class_links.check(result, class, place)
    class.max_output = class.max_output or schema.copy(result.max_output)
    if not class.prompt and not class.output then class.lengths = class.lengths or schema.copy(result.lengths) end
    for _, key in ipairs { "prompt", "output" } do
      if not class.lengths then class[key] = class[key] or schema.copy(result[key]) end
      if not class[key] and not class.lengths and not result.service then
        place:fail('class "%s" needs %s, the lengths of its requests in tokens', class.name, key)
      end
    end
  end
  if result.lengths then return end
  local first = result.classes and result.classes[1] or {}
  if first.lengths then return end
  result.prompt, result.output = result.prompt or schema.copy(first.prompt), result.output or schema.copy(first.output)
  if not result.service and not (result.prompt and result.output) then
    place:fail("synthetic needs %s, the lengths of its requests in tokens",
      result.prompt and "output" or result.output and "prompt" or "prompt and output")
  end
end

local turns = required(lengths)

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

-- Who reads the answers.
local reader = record {
  speed = need(number { above = 0, unit = "tokens per second" }),
  ttft = need(number { min = 0, unit = "seconds" }),
}

-- Bounds on a request's times, and on the share of its tokens that may come later than two of them say.
local function promises()
  local keys = { ttft = seconds(), tbt = seconds(), gap = seconds(), e2e = seconds(), late = number { min = 0, max = 1 } }
  return record(keys, function(bounds, place)
    if bounds.late and not (bounds.ttft and bounds.tbt) then
      place:fail("slo.late bounds the share of the tokens that come later than ttft and tbt say; give both")
    end
  end)
end

local class_name = need { type = "text", expected = "a name in quotes" }
local class_priority = number { min = -2 ^ 31 + 1, max = 2 ^ 31 - 1, whole = true, default = 0 }

local classes = {
  type = "list",
  least = 1,
  expected = "classes { { name =, share =, prompt =, output =, priority =, slo =, qoe = }, ... }",
  of = record {
    name = class_name,
    share = need(positive()),
    clients = {
      type = "list", least = 1, single = true, of = number { min = 0, max = 1e6, whole = true },
      expected = "numbers of clients { 0, 2 }",
    },
    active = {
      type = "list", least = 1, expected = "times { { from, to }, ... } in seconds",
      of = { type = "list", expected = "{ from, to } in seconds", of = number { min = 0 } },
    },
    prompt = lengths,
    output = outputs,
    lengths = pairs_of,
    max_output = max_output,
    priority = class_priority,
    slo = promises(),
    qoe = reader,
  },
}

-- Of a trace, whose rows say which they have, and their lengths.
local trace_classes = {
  type = "list",
  least = 1,
  expected = "classes { { name =, priority =, slo =, qoe = }, ... }",
  of = record { name = class_name, priority = class_priority, slo = promises(), qoe = reader },
}

local column = function(needed) return { type = "text", expected = "a column's name in quotes", required = needed } end

local columns = function()
  return need(record {
    time = column(), prompt = column(true), output = column(true),
    predicted = column(), client = column(), priority = column(), service = column(), prefix = column(),
    ["end"] = column(), duration = column(),
    session = column(), id = column(), parent = column(), delay = column(),
    max_output = column(), noise = column(), class = column(),
  })
end

-- What a trace with names of one's own takes.
local function named(key)
  return trace({
    [key] = columns(),
    classes = trace_classes,
    time_unit = number { above = 0, default = 1, unit = "seconds" },
    turns = { type = "word", "stamps", "wait", "delay", default = "stamps" },
    context = { type = "word", "grow" },
    prefix_unit = number { min = 1, max = MOST_TOKENS, whole = true, unit = "tokens that a prefix id stands for" },
  }, function(result, place, title)
    local names = result[key]
    if not names.time and not (names["end"] and names.duration) and not result.untimed then
      place:fail("%s: %s.time is missing; expected a column's name in quotes, or both %s[\"end\"] and %s.duration, whose "
        .. "difference it is", title, key, key, key)
    end
    if (names.class ~= nil) ~= (result.classes ~= nil) then
      place:fail("%s takes %s.class, which class a row has, and classes, what each of them is promised, together", title, key)
    end
    class_links.check_names(result, place)
    if (names.parent ~= nil) ~= (names.id ~= nil) then
      place:fail("%s takes %s.id and %s.parent, the id of the request that a request follows, together", title, key, key)
    end
    if result.turns ~= "stamps" and not (names.session or names.parent) then
      place:fail('%s: turns = "%s" needs %s.session, or %s.id and %s.parent, to know which request follows which', title,
        result.turns, key, key, key)
    end
    if result.turns == "delay" and not (names.delay or names["end"] or names.duration) then
      place:fail('%s: turns = "delay" needs %s.delay, or when the recorded answers were complete: %s["end"] or %s.duration',
        title, key, key, key)
    end
    if result.context and (not names.session or names.prefix) then
      place:fail("%s: context = \"grow\" needs %s.session, and no %s.prefix, which says the same", title, key, key)
    end
    if result.thin > 1 and names.parent and not names.session then
      place:fail("%s: thin needs %s.session, so that conversations are kept or left out as a whole", title, key)
    end
    if (names.prefix ~= nil) ~= (result.prefix_unit ~= nil) then
      place:fail("%s takes %s.prefix and prefix_unit, the tokens that each of its ids stands for, together", title, key)
    end
  end)
end

local workload = {
  type = "choice",
  family = "workload",
  expected = 'trace.burstgpt "FILE", trace.azure "FILE", trace.csv "FILE" {...}, '
    .. 'trace.mooncake "FILE", trace.jsonl "FILE" {...}, synthetic {...} or requests {...}',
  required = true,
  kinds = {
    ["trace.burstgpt"] = trace(),
    ["trace.azure"] = trace(),
    ["trace.csv"] = named "columns",
    ["trace.mooncake"] = trace(),
    ["trace.jsonl"] = named "fields",
    requests = require "mbsand.request_rows",
    origin_requests = record {
      seed = number { min = 0, max = 2 ^ 32 - 3, whole = true, default = 42 },
      limit = need(number { min = 1, whole = true, max = 1e15 }),
      until_time = seconds(),
      predictor = predictor,
    },
    synthetic = record({
      arrivals = arrivals,
      users = number { min = 1, whole = true, max = 1e6 },
      think = lengths,
      ramp = number { min = 0, unit = "seconds" },
      sessions = sessions,
      prefix = prefix,
      classes = classes,
      prompt = lengths,
      output = outputs,
      lengths = pairs_of,
      max_output = max_output,
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

return {
  workload = workload, lengths = lengths, outputs = outputs, pairs = pairs_of, arrivals = arrivals, predictor = predictor,
  reader = reader, promises = promises,
}
