-- The words of workloads that wait for answers, of classes and prefixes, and of JSON lines: every mistake with its
-- sentence, and what good ones become.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local scenario = require "mbsand.scenario"

local native = {
  root = ".",
  is_file = tap.is_file,
  measures = { "e2e_mean_s" },
  find_policy = function(name) return "policies/" .. name .. ".lua" end,
}

local function load(workload, sets)
  local text = "return scenario {\n  workload = " .. workload .. ",\n"
    .. "  latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 },\n"
    .. '  policies = { "static_fifo" },\n}\n'
  local good, result = pcall(scenario.load, "s.lua", text, native, { sets = sets or {}, policies = {} })
  if good then return result.sections[1].points[1].experiment end
  return nil, type(result) == "table" and result.mbsand or "not a sentence: " .. tostring(result)
end

local function equal(name, got, expected)
  tap.equal(got, expected, (name:gsub("%s+", " "):gsub("#", "number ")))
end

local function mistake(workload, expected, sets)
  local result, message = load(workload, sets)
  equal(workload, result and "no error" or message, expected)
end

local function good(workload, sets)
  local result, message = load(workload, sets)
  tap.ok(result, "loads", message)
  return result and result.workload, result and result.before
end

local LENGTHS = "prompt = 100, output = 10, limit = 10 }"
local ARRIVALS = "arrivals = arrivals.poisson { rate = 5 }, "

-- Users and sessions -----------------------------------------------------------------------------------------

mistake("synthetic { " .. LENGTHS, "s.lua:2: synthetic needs arrivals (arrivals.constant, poisson, gamma, weibull, on_off, "
  .. "piecewise or all_at_once), or users, a number of them who wait for their answers")
mistake("synthetic { users = 4, " .. ARRIVALS .. LENGTHS,
  "s.lua:2: synthetic takes arrivals, or users who wait for their answers, not both")
mistake("synthetic { " .. ARRIVALS .. LENGTHS,
  "--set workload.users=4: synthetic takes arrivals, or users who wait for their answers, not both", { "workload.users=4" })
mistake("synthetic { users = 1.5, " .. LENGTHS, "s.lua:2: workload.users is 1.5; expected a whole number from 1 to 1000000")
mistake("synthetic { users = 4, prompt = 1, output = 1 }",
  "s.lua:2: synthetic needs limit (how many requests) or until_time (seconds); without one it never ends")
mistake("synthetic { think = 4, " .. ARRIVALS .. LENGTHS, "s.lua:2: synthetic: think is of users, and this one has arrivals")
mistake("synthetic { think = 4, sessions = { turns = 3 }, " .. ARRIVALS .. LENGTHS,
  "s.lua:2: synthetic: think is of users, and this one has arrivals; expected sessions = { think = ... }")
mistake("synthetic { ramp = 4, " .. ARRIVALS .. LENGTHS, "s.lua:2: synthetic: ramp is of users, and this one has arrivals")
mistake('synthetic { users = 4, think = "long", ' .. LENGTHS, 's.lua:2: workload.think is "long"; expected a number, or '
  .. "lengths.fixed, uniform, normal, lognormal, exponential, gamma, pareto, zipf, mixture or empirical")
mistake("synthetic { users = 4, ramp = -1, " .. LENGTHS,
  "s.lua:2: workload.ramp is -1; expected a number of at least 0 (seconds)")
mistake("synthetic { users = 4, sessions = { think = 3 }, " .. LENGTHS, "s.lua:2: workload.sessions.turns is missing; expected "
  .. "a number, or lengths.fixed, uniform, normal, lognormal, exponential, gamma, pareto, zipf, mixture or empirical")
mistake('synthetic { users = 4, sessions = { turns = 3, context = "growing" }, ' .. LENGTHS,
  's.lua:2: workload.sessions.context is "growing"; expected "grow"; did you mean "grow"?')
mistake("synthetic { users = 4, sessions = { turn = 3 }, " .. LENGTHS, 's.lua:2: workload.sessions has no key "turn"; did you '
  .. 'mean "turns"? (its keys: context, max_context, think, turns)')
mistake("synthetic { users = 4, sessions = { turns = 3 }, prefix = { tokens = 9 }, " .. LENGTHS,
  "s.lua:2: synthetic takes sessions, whose turns share what was said before, or a prefix, not both")
mistake('synthetic { users = 4, think = lengths.empirical "nowhere.csv" { column = "a" }, ' .. LENGTHS,
  's.lua:2: workload.think: there is no file "nowhere.csv" (looked in the current folder, the scenario\'s folder and the '
  .. "project's)")
mistake('synthetic { users = 4, sessions = { turns = lengths.empirical "nowhere.csv" { column = "a" } }, ' .. LENGTHS,
  's.lua:2: workload.sessions.turns: there is no file "nowhere.csv" (looked in the current folder, the scenario\'s folder and '
  .. "the project's)")

local work, before = good("synthetic { users = 4, think = lengths.exponential(2), ramp = 9, " .. LENGTHS)
equal("users", work.users, 4)
equal("think", work.think.kind, "lengths.exponential")
equal("described users", before, "10 synthetic requests (4 users), 1 replica")
work, before = good("synthetic { sessions = { turns = 3 }, " .. ARRIVALS .. LENGTHS)
equal("turns", work.sessions.turns.value, 3)
equal("context", work.sessions.context, "grow")
equal("described sessions", before, "10 synthetic requests (sessions, arrivals Poisson 5/s), 1 replica")
equal("more users", good("synthetic { users = 4, " .. LENGTHS, { "workload.users=8" }).users, 8)

-- Classes and prefixes ---------------------------------------------------------------------------------------

local function classes(list) return "synthetic { classes = { " .. list .. " }, " .. ARRIVALS .. LENGTHS end
mistake(classes "", "s.lua:2: workload.classes is empty; expected classes { { name =, share =, prompt =, output =, priority =, "
  .. "slo =, qoe = }, ... }")
mistake(classes "{ share = 1 }", "s.lua:2: workload.classes[1].name is missing; expected a name in quotes")
mistake(classes '{ name = "a" }', "s.lua:2: workload.classes[1].share is missing; expected a number above 0")
mistake(classes '{ name = "a", share = 0 }', "s.lua:2: workload.classes[1].share is 0; expected a number above 0")
mistake(classes '{ name = "a", share = 1 }, { name = "a", share = 2 }',
  's.lua:2: classes 1 and 2 are both named "a"; expected different names')
mistake(classes '{ name = "a", share = 1, slo = { e2e = 0 } }',
  "s.lua:2: workload.classes[1].slo.e2e is 0; expected a number above 0 (seconds)")
mistake(classes '{ name = "a", share = 1, slo = { itl = 1 } }',
  's.lua:2: workload.classes[1].slo has no key "itl"; its keys: '
  .. "e2e, gap, late, tbt, ttft")
mistake(classes '{ name = "a", share = 1, priority = 1.5 }',
  "s.lua:2: workload.classes[1].priority is 1.5; expected a whole number from -2147483647 to 2147483647")
mistake(classes '{ name = "a", share = 1, active = { { 5, 2 } } }',
  's.lua:2: class "a": a phase of active lasts from 5 s to 2 s; expected { from, to } with to after from')
mistake(classes '{ name = "a", share = 1, active = { { 5 } } }',
  's.lua:2: class "a": a phase of active has 1 numbers; expected { from, to } in seconds')
mistake(classes '{ name = "a", share = 1, clients = { 0, 1 } }',
  's.lua:2: class "a": there is no client 1; workload.clients = 0 has numbers 0 to 0')
mistake('synthetic { users = 3, classes = { { name = "a", share = 1, clients = { 0 } } }, ' .. LENGTHS,
  's.lua:2: class "a": users are dealt out to the clients in turn; a class cannot have clients there')
mistake('synthetic { sessions = { turns = 3 }, classes = { { name = "a", share = 1, active = { { 0, 9 } } } }, '
  .. ARRIVALS .. LENGTHS,
  's.lua:2: class "a": active is for requests that come by themselves; with sessions when they come depends on the policy, '
  .. "which must not change what they are")
mistake('synthetic { classes = { { name = "a", share = 1, prompt = 5 } }, ' .. ARRIVALS .. "limit = 10 }",
  's.lua:2: class "a" needs output, the lengths of its requests in tokens')
mistake("synthetic { prefix = { tokens = 0 }, " .. ARRIVALS .. LENGTHS,
  "s.lua:2: workload.prefix.tokens is 0; expected a whole number from 1 to 1000000000")
mistake("synthetic { prefix = { groups = 4 }, " .. ARRIVALS .. LENGTHS,
  "s.lua:2: workload.prefix.tokens is missing; expected a whole number from 1 to 1000000000")

work, before = good(classes '{ name = "a", share = 1, prompt = 7 }, { name = "b", share = 2, output = 8, priority = 3 }')
equal("own prompt", work.classes[1].prompt.value, 7)
equal("the workload's output", work.classes[1].output.value, 10)
equal("the workload's prompt", work.classes[2].prompt.value, 100)
equal("own output", work.classes[2].output.value, 8)
equal("priority", work.classes[1].priority .. " " .. work.classes[2].priority, "0 3")
equal("described classes", before, "10 synthetic requests (arrivals Poisson 5/s, 2 classes), 1 replica")
work = good('synthetic { classes = { { name = "a", share = 1, prompt = 5, output = 6 } }, ' .. ARRIVALS .. "limit = 10 }")
equal("lengths of classes only", work.prompt.value .. " " .. work.output.value, "5 6")
work, before = good("synthetic { prefix = { tokens = 1000 }, " .. ARRIVALS .. LENGTHS)
equal("one group", work.prefix.groups, 1)
equal("described prefix", before,
  "10 synthetic requests (arrivals Poisson 5/s, a shared prefix of 1,000 tokens), 1 replica")

-- JSON lines -------------------------------------------------------------------------------------------------

local FILE = '"tests/corpus/jsonl/good.jsonl" '
local FIELDS = 'fields = { time = "t", prompt = "p", output = "o"'
mistake("trace.jsonl " .. FILE, "s.lua:2: workload.fields is missing; expected a table with class, client, delay, duration, "
  .. "end, id, max_output, noise, output, parent, predicted, prefix, priority, prompt, service, session, time")
mistake("trace.jsonl " .. FILE .. '{ fields = { time = "t", prompt = "p" } }',
  "s.lua:2: workload.fields.output is missing; expected a column's name in quotes")
mistake("trace.jsonl " .. FILE .. "{ " .. FIELDS .. ', prefix = "ids" } }', "s.lua:2: trace.jsonl takes fields.prefix and "
  .. "prefix_unit, the tokens that each of its ids stands for, together")
mistake("trace.jsonl " .. FILE .. "{ " .. FIELDS .. " }, prefix_unit = 16 }", "s.lua:2: trace.jsonl takes fields.prefix and "
  .. "prefix_unit, the tokens that each of its ids stands for, together")
mistake("trace.jsonl " .. FILE .. "{ " .. FIELDS .. " }, to = 1, from = 2 }",
  "s.lua:2: trace.jsonl: to (1 s) must be above from (2 s)")
mistake("trace.mooncake " .. FILE .. "{ jitter = -3 }",
  "s.lua:2: workload.jitter is -3; expected a number from 0 to 1000000000 (seconds of the trace's own time)")
mistake("trace.mooncake " .. FILE .. "{ longest = 0 }", "s.lua:2: workload.longest is 0; expected a whole number from 1 to "
  .. "2000000000 (tokens)")
mistake("trace.mooncake " .. FILE .. "{ predictor = predict.column {} }", "s.lua:1: predict.column needs a trace with a column "
  .. "of predictions: trace.csv with columns.predicted, or trace.jsonl with fields.predicted")
mistake('trace.mooncake "nowhere.jsonl"', 's.lua:2: workload.path: there is no file "nowhere.jsonl" (looked in the current '
  .. "folder, the scenario's folder and the project's)")
work, before = good("trace.mooncake " .. FILE .. "{ jitter = 3, longest = 4000, limit = 4 }")
equal("jitter", work.jitter, 3)
equal("described trace", before, "4 requests of good.jsonl, jitter 3 s, up to 4,000 tokens, 1 replica")
work = good("trace.jsonl " .. FILE .. "{ " .. FIELDS .. ', predicted = "g" }, predictor = predict.column {} }')
equal("fields", work.fields.predicted, "g")

-- Names of columns -------------------------------------------------------------------------------------------

local CSV = '"tests/corpus/csv/newest_first.csv" '
mistake("trace.csv " .. CSV .. '{ columns = { prompt = "p", output = "o", duration = "d" } }', "s.lua:2: trace.csv: "
  .. 'columns.time is missing; expected a column\'s name in quotes, or both columns["end"] and columns.duration, whose '
  .. "difference it is")
mistake("trace.csv " .. CSV .. '{ columns = { time = "t", prompt = "p", output = "o", parent_id = "x" } }',
  's.lua:2: workload.columns has no key "parent_id"; did you mean "parent"? (its keys: class, client, delay, duration, end, '
  .. "id, max_output, noise, output, parent, predicted, prefix, priority, prompt, service, session, time)")
mistake("trace.csv " .. CSV .. '{ sorted = true, columns = { time = "t", prompt = "p", output = "o" } }',
  's.lua:2: trace.csv has no key "sorted"; did you mean "sort"? (its keys: classes, columns, context, from, jitter, keep_zero, '
  .. "limit, longest, max_gap, path, predictor, prefix_unit, ramp, rate_scale, skip_rows, sort, thin, think, time_unit, to, "
  .. "turns, until_time, users, window_per_seed)")
work = good("trace.csv " .. CSV .. '{ sort = true, columns = { ["end"] = "e", duration = "d", prompt = "p", output = "o" } }')
equal("sort", work.sort, true)
local CLASSED = "trace.csv " .. CSV .. '{ columns = { time = "t", prompt = "p", output = "o"'
mistake(CLASSED .. ', class = "k" } }', "s.lua:2: trace.csv takes columns.class, which class a row has, and classes, what "
  .. "each of them is promised, together")
mistake(CLASSED .. ' }, classes = { { name = "a" } } }', "s.lua:2: trace.csv takes columns.class, which class a row has, and "
  .. "classes, what each of them is promised, together")
mistake(CLASSED .. ', class = "k" }, classes = { { name = "a" }, { name = "a" } } }',
  's.lua:2: classes 1 and 2 are both named "a"; expected different names')
mistake(CLASSED .. ', class = "k" }, classes = { { name = "a", share = 1 } } }',
  's.lua:2: workload.classes[1] has no key "share"; its keys: name, priority, qoe, slo')
equal("an end less a duration", work.columns["end"] .. work.columns.duration, "ed")

-- Users of a trace -------------------------------------------------------------------------------------------

work, before = good("trace.csv " .. CSV .. '{ users = 8, think = 2, ramp = 1, columns = { prompt = "p", output = "o" } }')
equal("rows need no time", work.untimed, true)
equal("described users of a trace", before, "all requests of newest_first.csv, taken by 8 users, 1 replica")
work = good("trace.mooncake " .. FILE .. "{ users = 8, from = 3 }")
equal("a window needs their time", work.untimed, false)
mistake("trace.mooncake " .. FILE .. "{ think = 2 }",
  "s.lua:2: trace.mooncake: think is of users, who each take the next row when their last was answered; set users")
for _, key in ipairs { "rate_scale", "jitter", "max_gap" } do
  mistake("trace.mooncake " .. FILE .. "{ users = 2, " .. key .. " = 2 }", "s.lua:2: trace.mooncake: users take the rows when "
    .. "they are free, whatever their stamps; leave out " .. key)
end
mistake("trace.csv " .. CSV .. '{ users = 2, turns = "wait", columns = { prompt = "p", output = "o", session = "s" } }',
  "s.lua:2: trace.csv: users take the rows when they are free, whatever their stamps; leave out turns")

-- Thinning and gaps ------------------------------------------------------------------------------------------

mistake("trace.mooncake " .. FILE .. "{ thin = 0.5 }", "s.lua:2: workload.thin is 0.5; expected a number from 1 to 1000000000")
mistake("trace.mooncake " .. FILE .. "{ max_gap = 0 }",
  "s.lua:2: workload.max_gap is 0; expected a number above 0 (seconds of the trace's own time)")
work, before = good("trace.mooncake " .. FILE .. "{ thin = 4, max_gap = 60 }")
equal("thinned", work.thin .. " " .. work.max_gap, "4 60")
equal("described thinning", before, "all requests of good.jsonl, one in 4, gaps of at most 60 s, 1 replica")

-- More lengths -----------------------------------------------------------------------------------------------

local function output(text) return "synthetic { " .. ARRIVALS .. "prompt = 100, limit = 10, output = " .. text .. " }" end
mistake(output "lengths.gamma { shape = 2 }", "s.lua:2: lengths.gamma needs shape and scale, or mean and cv")
mistake(output "lengths.pareto { min = 8 }", "s.lua:2: lengths.pareto needs min, and either shape or mean")
mistake(output "lengths.pareto { min = 8, mean = 4 }", "s.lua:2: lengths.pareto: the mean 4 must be above min 8")
mistake(output "lengths.mixture {}",
  "s.lua:2: workload.output.parts is missing; expected { share =, lengths = }, ...")
mistake(output "lengths.mixture { { share = 1 } }", "s.lua:2: workload.output.parts[1].lengths is missing; expected a "
  .. "number, or lengths.fixed, uniform, normal, lognormal, exponential, gamma, pareto, zipf, mixture or empirical")
mistake(output "lengths.by_prompt { { up_to = 8, lengths = 5 } }",
  "s.lua:2: lengths.by_prompt: its last part must go on for ever, without up_to")
mistake(output "lengths.by_prompt { { lengths = 5 }, { lengths = 6 } }",
  "s.lua:2: lengths.by_prompt: part 1 needs up_to, the longest prompt that it is for")
mistake(output "lengths.by_prompt { { up_to = 8, lengths = 5 }, { up_to = 8, lengths = 5 }, { lengths = 6 } }",
  "s.lua:2: lengths.by_prompt: up_to must ascend, but 8 follows 8")
mistake(output 'lengths.pairs "tests/corpus/csv/good.csv" { prompt = "a", output = "b" }',
  "s.lua:2: workload.output is lengths.pairs; expected a number, or lengths.fixed, uniform, normal, lognormal, exponential, "
  .. "gamma, pareto, zipf, mixture, empirical, by_prompt or of_prompt")
mistake("synthetic { " .. ARRIVALS .. "output = 5, limit = 10, prompt = lengths.of_prompt { factor = 1 } }",
  "s.lua:2: workload.prompt is lengths.of_prompt; expected a number, or lengths.fixed, uniform, normal, lognormal, "
  .. "exponential, gamma, pareto, zipf, mixture or empirical")
mistake("synthetic { " .. ARRIVALS .. 'lengths = lengths.pairs "f" { prompt = "a", output = "b" }, ' .. LENGTHS,
  "s.lua:2: synthetic takes lengths (pairs of prompt and output), or prompt and output, not both")
mistake(output 'lengths.mixture { { share = 1, lengths = lengths.empirical "nowhere.csv" { column = "a" } } }',
  's.lua:2: workload.output.parts[1].lengths: there is no file "nowhere.csv" (looked in the current folder, the scenario\'s '
  .. "folder and the project's)")
work = good(output "lengths.gamma { mean = 100, cv = 0.5 }")
equal("gamma", work.output.shape .. " " .. work.output.scale, (4.0 .. " " .. 25.0))
work = good(output "lengths.pareto { mean = 30, min = 20 }")
equal("pareto", work.output.shape, 3)
work = good('synthetic { classes = { { name = "a", share = 1 }, { name = "b", share = 1, prompt = 5, output = 6 } }, '
  .. 'lengths = lengths.pairs "tests/corpus/csv/good.csv" { prompt = "a", output = "b" }, ' .. ARRIVALS .. "limit = 10 }")
equal("pairs of a class", work.classes[1].lengths.path .. " " .. tostring(work.classes[2].lengths),
  "tests/corpus/csv/good.csv nil")

-- Periods ----------------------------------------------------------------------------------------------------

local function on_off(text) return "synthetic { arrivals = arrivals.on_off { " .. text .. " }, " .. LENGTHS end
local OTHERS = "arrivals.constant, poisson, gamma, weibull or piecewise"
mistake(on_off "on = 1, off = 2",
  "s.lua:2: arrivals.on_off needs either rate (of Poisson arrivals) or during (" .. OTHERS .. ")")
mistake(on_off "rate = 5, off = 2",
  "s.lua:2: workload.arrivals.on is missing; expected the mean in seconds, or one of the lengths")
mistake("synthetic { arrivals = arrivals.all_at_once, prompt = 1, output = 1, limit = 1 }",
  "s.lua:2: workload.arrivals is a function, as a word without its braces is (arrivals.all_at_once{} has them, and no keys); "
  .. "expected arrivals.constant, poisson, gamma, weibull, on_off, piecewise or all_at_once")
mistake(on_off "rate = 5, on = 0, off = 2", "s.lua:2: workload.arrivals.on.mean is 0; expected a number above 0")
mistake(on_off "during = arrivals.on_off { rate = 1, on = 1, off = 1 }, on = 1, off = 1",
  "s.lua:2: workload.arrivals.during is arrivals.on_off; expected " .. OTHERS)
mistake(on_off "rate = 5, off_rate = 1, on = lengths.fixed(1), off = 2", "s.lua:2: arrivals.on_off: off_rate goes with "
  .. "a rate and with on and off as numbers, the means of exponential times")
work, before = good(on_off "rate = 5, on = 1, off = 2")
equal("Poisson in exponential periods", work.arrivals.general, false)
equal("described periods", before, "10 synthetic requests (arrivals on off 5/s), 1 replica")
work, before = good(on_off "during = arrivals.gamma { rate = 5, cv = 2 }, on = lengths.uniform(1, 3), off = 2")
equal("general periods", work.arrivals.general, true)
equal("described law", before, "10 synthetic requests (arrivals on off, during them gamma 5/s), 1 replica")
equal("a set period", good(on_off "rate = 5, on = 1, off = 2", { "workload.arrivals.on=7" }).arrivals.on.mean, 7)

-- Recorded conversations --------------------------------------------------------------------------------------

local function turns(names, more)
  return "trace.csv " .. CSV .. '{ columns = { time = "t", prompt = "p", output = "o"' .. names .. " }, " .. more .. " }"
end
mistake(turns(', parent = "a"', ""),
  "s.lua:2: trace.csv takes columns.id and columns.parent, the id of the request that a request follows, together")
mistake(turns("", 'turns = "wait"'), 's.lua:2: trace.csv: turns = "wait" needs columns.session, or columns.id and '
  .. "columns.parent, to know which request follows which")
mistake(turns(', session = "s"', 'turns = "delay"'), 's.lua:2: trace.csv: turns = "delay" needs columns.delay, or when the '
  .. 'recorded answers were complete: columns["end"] or columns.duration')
mistake(turns(', session = "s"', 'turns = "waits"'),
  's.lua:2: workload.turns is "waits"; expected "stamps", "wait" or "delay"; did you mean "wait"?')
mistake(turns(', session = "s", prefix = "x"', 'context = "grow", prefix_unit = 16'),
  's.lua:2: trace.csv: context = "grow" needs columns.session, and no columns.prefix, which says the same')
mistake(turns(', id = "i", parent = "p"', "thin = 3"),
  "s.lua:2: trace.csv: thin needs columns.session, so that conversations are kept or left out as a whole")
work, before = good(turns(', session = "s", ["end"] = "e"', 'turns = "delay", context = "grow"'))
equal("turns of a recording", work.turns .. " " .. work.context, "delay grow")
equal("described turns", before, "all requests of newest_first.csv, turns follow answers, 1 replica")

-- The origin's generator -------------------------------------------------------------------------------------

mistake("origin_requests {}", "s.lua:2: workload.limit is missing; expected a whole number from 1 to 1e+15")
work, before = good "origin_requests { limit = 50 }"
equal("seed", work.seed, 42)
equal("described generator", before, "50 requests of the origin's generator, 1 replica")

tap.done()
