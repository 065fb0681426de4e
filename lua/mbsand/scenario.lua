-- Runs a scenario's script and turns what it returns into plain, complete and checked tables, one experiment for each
-- point of a sweep. src/scenario/scenario.c reads them.
local describe = require "mbsand.describe"
local groups = require "mbsand.groups"
local links = require "mbsand.links"
local hardware = require "mbsand.hardware"
local pipeline = require "mbsand.pipeline"
local lifecycle = require "mbsand.lifecycle"
local outside = require "mbsand.outside"
local policies = require "mbsand.policies"
local schema = require "mbsand.schema"
local vocabulary = require "mbsand.vocabulary"

local scenario = {}

local most_points = 1000000 -- of a sweep

-- Files ------------------------------------------------------------------------------------------------------

-- Where a scenario's files may lie: $MBSAND_DATA, the copy that `mbsand init` made, the current folder, the scenario's,
-- the project's.
local function make_locate(path, native)
  local folders = { "" }
  local data = os.getenv("MBSAND_DATA")
  if data and data ~= "" then table.insert(folders, 1, data .. "/") end
  local own = path:match("^(.*/)[^/]*$") or ""
  if native.is_file(own .. "../.mbsand") then table.insert(folders, #folders, own .. "../") end
  folders[#folders + 1] = own
  if native.root then
    for _, folder in ipairs { "/", "/data/", "/../shared/data/" } do folders[#folders + 1] = native.root .. folder end
  end
  return function(name)
    if name:sub(1, 1) == "/" then return native.is_file(name) and name or nil end
    for _, folder in ipairs(folders) do
      if native.is_file(folder .. name) then return folder .. name end
    end
  end
end

-- The data that results rest on.
local function note_file(context, path)
  if context.files[path] or not context.native.is_file(path) then return end
  table.insert(context.files, path)
  context.files[path] = true
end

local function find_file(context, name, place)
  local found = context.locate(name)
  if not found then
    place:fail('%s: there is no file "%s" (looked in the current folder, the scenario\'s folder and the project\'s)',
      place.name, name)
  end
  note_file(context, found)
  return found
end

-- Running the script -----------------------------------------------------------------------------------------

local function split_lines(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do lines[#lines + 1] = line end
  return lines
end

-- The line of the script that is being run; nil within a tail call, which leaves no trace.
local function make_line(chunk_name)
  return function()
    for level = 3, 100 do
      local info = debug.getinfo(level, "Sl")
      if not info then return nil end
      if info.source == chunk_name then return info.currentline end
    end
  end
end

local function unknown_word(name, near)
  schema.raise(('there is no "%s" in a scenario%s'):format(tostring(name),
    near and '; did you mean "' .. near .. '"?' or ""), 3)
end

local function make_environment(words)
  local known = schema.sorted_keys(words)
  for name in pairs(_G) do known[#known + 1] = name end
  return setmetatable(words, {
    __index = function(_, name)
      local value = rawget(_G, name)
      if value ~= nil then return value end
      unknown_word(name, schema.nearest(tostring(name), known))
    end,
  })
end

local plain = { require = require, dofile = dofile, loadfile = loadfile }

-- What a script requires, or runs by its name, sees the words of scenarios too, lies beside the scenario as its other
-- files do, and is noted for the manifest. A module may ask for a global that there is not, except for one that is
-- nearly a word.
local function open_to_modules(words, context)
  local known = schema.sorted_keys(words)
  setmetatable(_G, {
    __index = function(_, name)
      local value = rawget(words, name)
      if value ~= nil or type(name) ~= "string" or #name < 5 then return value end
      local near = schema.nearest(name, known)
      if near and math.abs(#near - #name) < 3 then unknown_word(name, near) end
    end,
  })
  local function note(path)
    if not context.modules[path] then table.insert(context.modules, path) end
    context.modules[path] = true
    return path
  end
  function _G.require(name)
    local path = type(name) == "string" and package.loaded[name] == nil and package.searchpath(name, package.path)
    if path then note(path) end
    return plain.require(name)
  end
  function _G.dofile(name)
    return plain.dofile(name and note(context.locate(name) or name))
  end
  function _G.loadfile(name, ...)
    return plain.loadfile(name and note(context.locate(name) or name), ...)
  end
end

-- Lua shortens a long file name in messages; put the whole one back.
local function whole_name(message, path)
  if type(message) ~= "string" then return message end
  local tail, rest = message:match("^%.%.%.([^:\n]+)(:%d+:.*)$")
  if tail and path:sub(-#tail) == tail then return path .. rest end
  return message
end

local function run(path, text, context)
  local chunk_name = "@" .. path
  local words = vocabulary.words(make_line(chunk_name))
  words.locate = context.locate
  words.root = context.native.root
  words.plan = function(options)
    local figures, sentence = context.native.plan(options)
    if not figures then schema.raise("plan: " .. sentence, 2) end
    return figures
  end
  if text:sub(1, 1) == "\27" then error({ mbsand = path .. ": this is compiled Lua; expected the script's text" }, 0) end
  open_to_modules(words, context)
  local chunk, message = load(text, chunk_name, "t", make_environment(words))
  if not chunk then error({ mbsand = whole_name(message, path) }, 0) end
  local good, result = xpcall(chunk, function(problem)
    if type(problem) == "table" and problem.mbsand then return problem end
    if type(problem) ~= "string" then problem = path .. ": error value of type " .. type(problem) end
    return { mbsand = whole_name(problem, path), traceback = debug.traceback("", 2):gsub("^\n", "") }
  end)
  if not good then error(result, 0) end
  return result
end

-- The sections that a script returned; a reason instead if it skips.
local function sections_of(result, path)
  local function fail(text)
    error({ mbsand = path .. ": " .. text }, 0)
  end
  local tag = schema.tag_of(result)
  if tag and tag.family == "skip" then return nil, tostring(result[1] or "no reason given") end
  if tag and tag.family == "scenario" then return { result } end
  if type(result) ~= "table" or tag then
    fail(('a scenario must end with "return scenario { ... }"; this one returns %s'):format(
      result == nil and "nothing" or schema.show(result)))
  end
  local sections, reason = {}, nil
  for i, item in ipairs(result) do
    local inner = schema.tag_of(item)
    if inner and inner.family == "skip" then
      reason = tostring(item[1] or "no reason given")
    elseif inner and inner.family == "scenario" then
      sections[#sections + 1] = item
    else
      fail(("item %d of the returned list is %s; expected scenario { ... }"):format(i, schema.show(item)))
    end
  end
  if #sections == 0 and reason then return nil, reason end
  if #sections == 0 then
    fail('the returned table is not a scenario; write "return scenario { ... }" with the word scenario before the brace')
  end
  return sections
end

-- Points ------------------------------------------------------------------------------------------------------

local function count_points(axes, place)
  local count = 1
  for _, axis in ipairs(axes) do count = count * #axis.values end
  if count > most_points then place:fail("%.0f points are more than the %d that a sweep may have", count, most_points) end
  return count
end

-- The values at point number `index`, from 1; the last axis runs fastest.
local function values_at(axes, index)
  local values, rest = {}, index - 1
  for i = #axes, 1, -1 do
    local count = #axes[i].values
    values[i] = axes[i].values[rest % count + 1]
    rest = (rest - rest % count) / count
  end
  return values
end

-- One experiment ---------------------------------------------------------------------------------------------

local function check_measures(columns, place, native)
  for i, name in ipairs(columns) do
    local known = false
    for _, measure in ipairs(native.measures) do known = known or measure == name end
    if not known then
      place:fail('columns[%d]: there is no measure "%s"; %s', i, name,
        schema.suggest(name, native.measures, "measures"))
    end
  end
end

local function resolve_workload(context, node, checked, place)
  local work, at = checked.workload, place:key("workload", node)
  if work.path then work.path = find_file(context, work.path, at:key("path", node.workload)) end
  -- Lengths may be drawn from files, at any depth.
  local function resolve(holder, original, outer)
    local function visit(key)
      local value = holder[key]
      if type(value) ~= "table" then return end
      local inner = outer:key(key, original)
      if value.path then value.path = find_file(context, value.path, inner) end
      resolve(value, type(original) == "table" and original[key] or nil, inner)
    end
    for i = 1, #holder do visit(i) end
    for _, key in ipairs(schema.sorted_keys(holder)) do visit(key) end
  end
  resolve(work, node.workload, at)
end

local function resolve_tables(context, node, checked, place)
  if checked.latency.kind == "latency.profile" then -- a folder: found by a file that every one of them has
    local file = "/dense.csv"
    checked.latency.path = find_file(context, checked.latency.path:gsub("/+$", "") .. file, place:key("latency", node))
      :sub(1, -#file - 1)
    for _, name in ipairs { "attention", "moe", "per_sequence" } do
      note_file(context, ("%s/%s.csv"):format(checked.latency.path, name))
    end
  elseif checked.latency.path then
    checked.latency.path = find_file(context, checked.latency.path, place:key("latency", node))
  end
  for _, key in ipairs { "links", "exchange", "corrections" } do
    local file = checked.latency[key]
    if file then checked.latency[key] = find_file(context, file, place:key("latency", node)) end
  end
end

-- The pool of KV memory: its kind goes with the latency model, its size may be said in four ways.
local function check_memory(checked, place)
  local cluster, steps = checked.cluster, vocabulary.is_step(checked.latency.kind)
  local at = place:key("cluster")
  cluster.kv = cluster.kv or (steps and "paged" or "tokens")
  if cluster.async_scheduling and not steps then
    at:fail("cluster.async_scheduling needs a latency model of single steps, such as latency.step; %s times whole batches",
      checked.latency.kind)
  end
  if cluster.experts and not steps then
    at:fail("cluster.experts needs a latency model of single steps, such as latency.step; %s times whole batches",
      checked.latency.kind)
  end
  if cluster.kv == "paged" and not steps then
    at:fail('cluster.kv = "paged" needs a latency model of single steps, such as latency.step; %s times whole batches',
      checked.latency.kind)
  end
  if cluster.kv ~= "paged" and cluster.kv_blocks then at:fail('cluster.kv_blocks needs cluster.kv = "paged"') end
  if cluster.kv_blocks and cluster.kv_tokens then
    at:fail("cluster.kv_blocks and cluster.kv_tokens both say how much memory there is; leave one out")
  end
  if cluster.reserve == "maximum" and not cluster.kv_max_length then
    at:fail('cluster.reserve = "maximum" needs cluster.kv_max_length, the tokens set aside per request')
  end
  local tokens = cluster.kv_blocks and cluster.kv_blocks * cluster.kv_block or cluster.kv_tokens
    or (cluster.memory and cluster.memory.tokens)
  cluster.capacity = tokens ~= "unlimited" and tokens or nil
end

local function check_swap(cluster, at)
  local swap = cluster.swap
  if swap and swap.host_gib then
    if not cluster.memory then at:fail("cluster.swap.host_gib needs cluster.memory.bytes_per_token") end
    local bytes = cluster.memory.bytes_per_token
    swap.tokens, swap.seconds_per_token = math.floor(swap.host_gib * 2 ^ 30 / bytes), bytes / (swap.bandwidth * 1e9)
  end
end

-- What no single key can say.
local function check_together(checked, place)
  local work = checked.workload
  work.predictor = work.predictor or { kind = "predict.exact" }
  local named = work.columns or work.fields or {}
  local service = work.service or named.service or named["end"] or named.duration
  local jobs, others = false, false -- latency models
  for _, group in ipairs(checked.groups) do
    if group.latency.kind == "latency.jobs" then jobs = true else others = true end
  end
  if jobs and not service then
    place:fail("latency.jobs needs the requests' service times: workload.service of synthetic, or columns.service")
  end
  if work.predictor.kind == "predict.column" and not named.predicted then
    place:fail("predict.column needs a trace with a column of predictions: trace.csv with columns.predicted, "
      .. "or trace.jsonl with fields.predicted")
  end
  if others and work.kind == "synthetic" and not (work.prompt and work.output)
    and not work.lengths and not (work.classes and work.classes[1].lengths) then
    place:fail("synthetic without prompt and output lengths needs latency.jobs")
  end
  local one = { kind = "lengths.fixed", value = 1 }
  if work.kind == "synthetic" then
    work.prompt, work.output = work.prompt or one, work.output or one
    for _, class in ipairs(work.classes or {}) do
      class.prompt, class.output = class.prompt or one, class.output or one
    end
  end
  for _, class in ipairs(work.classes or {}) do
    class.slo, class.qoe = class.slo or checked.slo, class.qoe or checked.qoe
  end
  check_swap(checked.cluster, place:key("cluster"))
  pipeline.check(checked.groups, checked.cluster, place)
end

-- How long steps take and how much memory there is, of replicas that are alike.
local function build_hardware(context, node, checked, place)
  resolve_tables(context, node, checked, place)
  hardware.apply(checked, place, context.path:match("^(.*)/[^/]*$"), context.native,
    vocabulary.is_step(checked.latency.kind))
  if checked.cluster.gpu then
    note_file(context, checked.cluster.model_path)
    note_file(context, context.locate(checked.cluster.gpu:match("^(.*%.csv)") or "data/gpus.csv") or "")
  end
  check_memory(checked, place)
end

-- The parts of cluster.groups, each complete; the cluster as a whole is the sum of them.
local function build_groups(context, parts, checked, place)
  local cluster = checked.cluster
  checked.groups, cluster.replicas, cluster.group, cluster.all_usd_per_hour = {}, 0, 1, 0
  for i, part in ipairs(parts) do
    hardware.complete(part.node)
    local group = schema.check(vocabulary.hardware, part.node, part.place)
    group.name = part.name
    if group.latency.kind == "latency.custom" and group.latency.time ~= checked.latency.time then
      part.place:fail("latency.custom stands for all groups: expected it as the scenario's latency")
    end
    hardware.check_outside(part.node, group, part.place)
    build_hardware(context, part.node, group, part.place)
    checked.groups[i] = group
    cluster.replicas = cluster.replicas + group.cluster.replicas
    cluster.all_usd_per_hour = cluster.all_usd_per_hour + group.cluster.all_usd_per_hour
  end
  groups.check(checked.groups, place)
end

local function assemble(context, original, changes)
  local node = schema.copy(original)
  local place = schema.place(context.path, context.lines, schema.tag_of(original).line or context.first_line)
  local swept, forced = outside.apply(node, changes, context.path)
  hardware.complete(node)
  local parts, whole = groups.read(node, place), node
  if parts then -- what of the cluster is no group's
    whole = schema.copy(node)
    whole.cluster.groups = nil
    hardware.complete(parts[1].node)
    whole.latency = whole.latency or parts[1].node.latency
  end
  local checked = schema.check(vocabulary.section, whole, place, "a scenario")
  if checked.columns then check_measures(checked.columns, place:key("columns", node), context.native) end
  resolve_workload(context, node, checked, place)
  if parts then
    build_groups(context, parts, checked, place)
  else
    hardware.check_outside(node, checked, place)
    build_hardware(context, node, checked, place)
    checked.groups = { { cluster = checked.cluster, latency = checked.latency } }
  end
  links.read(checked.cluster, checked.groups, place:key("cluster", node))
  check_together(checked, place)
  checked.failures = lifecycle.failures(node.failures, checked, place:key("failures", node))
  if checked.cluster.replicas == 0 then place:fail("cluster.start leaves no replica at first; expected one at least") end
  checked.policies = policies.read(node.policies, context.added, swept, forced, place:key("policies", node),
    context.native, context.path:match("^(.*)/[^/]*$") or ".", context.only)
  checked.where = place:where()
  checked.before, checked.after = describe.experiment(checked)
  return checked, node
end

local function build_experiment(context, original, axes, point)
  local changes = outside.changes(axes, point, context.sets)
  return outside.build(changes, context.path, function(some) return assemble(context, original, some) end)
end

local function build_point(context, original, axes, index)
  local values, labels, point = values_at(axes, index), {}, {}
  for i, axis in ipairs(axes) do
    labels[i] = axis.path .. "=" .. describe.value(values[i])
    point[axis.path] = values[i]
  end
  local experiment, node = build_experiment(context, original, axes, values)
  if #axes == 0 then experiment.node = node end -- write.lua wants it
  return { label = table.concat(labels, " "), values = point, experiment = experiment }
end

-- Points from `context.first` on, `context.most` of them, counted over all sections; the others are left out.
local function build_section(context, original)
  for _, set in ipairs(context.sets) do set.used = nil end
  local place = schema.place(context.path, context.lines, schema.tag_of(original).line or context.first_line)
  local axes = outside.read_axes(original, place, context.sets)
  outside.add_overs(axes, context.overs, context.sets)
  local section, before = { points = {} }, context.points
  local count = count_points(axes, place)
  context.points = before + count
  local first = math.max(context.first - before, 1)
  local last = math.min(context.first + context.most - 1 - before, count)
  -- Whether --only leaves any policy must not depend on which points are wanted.
  if context.only and first > last then
    if #build_point(context, original, axes, 1).experiment.policies == 0 then context.points = before end
  end
  for i = first, last do
    local point = build_point(context, original, axes, i)
    if #point.experiment.policies == 0 then -- --only names none of this section
      context.points = before
      return nil
    end
    table.insert(section.points, point)
  end
  local shown = section.points[1] and section.points[1].experiment or {}
  section.title, section.question, section.columns = shown.title, shown.question, shown.columns
  section.report = context.only == nil and shown.report or nil -- the script's own counts on all of its policies
  return section
end

-- Load a script. native: { root =, measures = { names }, is_file = function(path), plan = function(options),
--   find_policy = function(name) -> path | nil, sentence }.
-- overrides: { sets = { "key=value" }, overs = { "key=1,2" }, policies = { "NAME,param=value" }, first =, most = points }.
-- Raises { mbsand = sentence }.
function scenario.load(path, text, native, overrides)
  local context = {
    path = path, lines = split_lines(text), native = native, added = overrides.policies or {},
    locate = make_locate(path, native), modules = {}, only = policies.parse_only(overrides.only),
    sets = outside.parse_sets(overrides.sets or {}), overs = overrides.overs or {}, first_line = 1, files = {},
    points = 0, first = overrides.first or 1, most = overrides.most or math.huge,
  }
  for number, line in ipairs(context.lines) do
    if line:find("^%s*return%s+scenario%f[^%w_]") then context.first_line = number end
  end
  local sections, reason = sections_of(run(path, text, context), path)
  if not sections then return { skipped = reason } end
  local result = { sections = {}, modules = context.modules, files = context.files }
  for _, node in ipairs(sections) do table.insert(result.sections, build_section(context, node)) end
  result.points = context.points
  policies.check_only(context.only)
  return result
end

return scenario
