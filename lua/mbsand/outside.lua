-- What a scenario's script does not say itself: --set KEY=VALUE, --over KEY=VALUES and its own `over`, put into its tables.
local policies = require "mbsand.policies"
local schema = require "mbsand.schema"

local outside = {}

local most_values = 100000 -- of an axis

local function put(node, path, value, source, fail)
  local at, parts = node, {}
  for part in (path .. "."):gmatch("([^.]*)%.") do parts[#parts + 1] = part end
  local function key(part) -- "2" is the second of a list
    local number = tonumber(part)
    if number and at[number] ~= nil then return number end
    local names = {} -- of a list of groups or classes, whose items are found by these too
    for i, item in ipairs(at) do
      if type(item) == "table" and item.name == part then return i end
      names[i] = type(item) == "table" and type(item.name) == "string" and item.name or nil
    end
    if #names > 0 then fail(('there is no "%s" in %s; %s'):format(part, path, schema.suggest(part, names, "there are"))) end
    return part
  end
  for i = 1, #parts - 1 do
    local next_table = at[key(parts[i])]
    if next_table == nil then
      next_table = {}
      schema.set(at, key(parts[i]), next_table, source)
    elseif type(next_table) == "string" and (schema.source_of(at)[key(parts[i])] or {}).prefix then -- a kind, and now its keys
      next_table = schema.tag({}, "word", next_table)
      schema.set(at, key(parts[i]), next_table, source)
    elseif type(next_table) ~= "table" then
      fail(("%s is %s and has no keys"):format(table.concat(parts, ".", 1, i), schema.show(next_table)))
    end
    at = next_table
  end
  schema.set(at, key(parts[#parts]), value, source)
end

local unsettable = {
  policies = "; use --policy NAME to add one, --only NAME to run some",
  over = "; set the swept key itself, or sweep one with --over KEY=VALUES",
  report = "",
}

-- "--set key=value": { { path, value, text }, ... }
function outside.parse_sets(sets)
  local result = {}
  for _, text in ipairs(sets) do
    local path, value = text:match("^([%w_.]+)=(.*)$")
    if not path or path:find("%.%.") or path:sub(1, 1) == "." or path:sub(-1) == "." then
      error({ mbsand = ("--set %s: expected key=value, as in --set cluster.gpus=8"):format(text) }, 0)
    end
    local instead = unsettable[path:match("^[%w_]+")]
    if instead then error({ mbsand = ("--set %s: %s cannot be set so%s"):format(text, path, instead) }, 0) end
    local function fail(sentence) error({ mbsand = ("--set %s: %s"):format(text, sentence) }, 0) end
    if value ~= "nil" then value = policies.parse_value(value, fail) else value = nil end -- nil takes the key out
    result[#result + 1] = { path = path, value = value, text = text }
  end
  return result
end

-- `over`, checked: { { path, values }, ... }. A key that --set names takes its values from there.
function outside.read_axes(node, place, sets)
  local axes = {}
  if node.over == nil then return axes end
  local at = place:key("over", node)
  local example = 'over = { { "cluster.gpus", { 1, 2, 4 } } }'
  if type(node.over) ~= "table" then at:fail("over is %s; expected %s", schema.show(node.over), example) end
  local list = type(node.over[1]) == "string" and { node.over } or node.over -- a single axis needs no outer braces
  for key in pairs(list) do
    if type(key) ~= "number" then at:fail("over is a list, and has the key %s; expected %s", schema.show(key), example) end
  end
  for i, axis in ipairs(list) do
    if type(axis) ~= "table" or type(axis[1]) ~= "string" or type(axis[2]) ~= "table" or #axis[2] == 0 then
      at:fail("item %d of over is not { key, { values } }; expected %s", i, example)
    end
    local values, line = axis[2], { line = at.line }
    for _, set in ipairs(sets) do
      if set.path == axis[1] then
        values, line, set.used = type(set.value) == "table" and set.value or { set.value },
          { prefix = "--set " .. set.text }, true
      end
    end
    axes[i] = { path = axis[1], values = values, source = line }
  end
  return axes
end

-- "1..32:x2", "0.1..0.5:0.1", "4..1:-1": from the first to at most the last, by a step (1) or a factor. What is no range
-- is a value.
local function expand(item, fail)
  local low, high, by = item:match("^([%deE+-]+%.?[%deE+-]*)%.%.([^:]+):?(.*)$")
  if not low then return { policies.parse_value(item, fail) } end
  local factor = by:match("^x(.+)$")
  local first, last = policies.parse_number(low, fail), policies.parse_number(high, fail)
  local step = policies.parse_number(factor or (by == "" and "1" or by), fail)
  if not (first and last and step) then
    fail(("'%s' is no range; expected first..last, first..last:step or first..last:xfactor, as in 1..32:x2"):format(item))
  end
  local towards = factor and (step - 1) * (first > 0 and 1 or -1) or step
  if towards == 0 or (towards > 0) ~= (last >= first) or (factor and (step <= 0 or first * last <= 0)) then
    fail(("'%s' never gets from %s to %s"):format(item, low, high))
  end
  local values, slack, value = {}, 1e-9 * math.max(math.abs(first), math.abs(last)), first
  while towards > 0 and value <= last + slack or towards < 0 and value >= last - slack do
    if #values == most_values then fail(("'%s' has more than %d values"):format(item, most_values)) end
    values[#values + 1] = tonumber(("%.12g"):format(value)) -- 0.3, not 0.30000000000000004
    value = factor and first * step ^ #values or first + #values * step
  end
  return values
end

-- "--over key=a,b,c": axes beside those of the scenario, or in the place of one of them.
function outside.add_overs(axes, overs, sets)
  for _, text in ipairs(overs) do
    local source = { prefix = "--over " .. text }
    local function fail(sentence) error({ mbsand = source.prefix .. ": " .. sentence }, 0) end
    local path, list = text:match("^([%w_.]+)=(.+)$")
    if path == "seeds" then fail("seeds are no axis; use --seeds N") end
    if not path or unsettable[path] or path:find("%.%.") or path:sub(1, 1) == "." or path:sub(-1) == "." then
      fail(path and unsettable[path] and path .. " cannot be swept"
        or "expected key=value,value,... or key=first..last, as in --over cluster.gpus=1,2,4")
    end
    local axis = { path = path, values = {}, source = source, given = true }
    for item in (list .. ","):gmatch("([^,]*),") do
      for _, value in ipairs(expand(item, fail)) do table.insert(axis.values, value) end
    end
    for _, set in ipairs(sets) do
      if set.path == path then fail(("--set %s gives the same key one value"):format(set.text)) end
    end
    local at = #axes + 1
    for i, other in ipairs(axes) do
      if other.path == path then
        if other.given then fail(path .. " is swept twice") end
        at = i
      end
    end
    axes[at] = axis
  end
end

-- What becomes of the script's tables at one point: { { path, value, source, forced }, ... }. A key of `forced` stands also
-- before what --policy says.
function outside.changes(axes, point, sets)
  local list = {}
  for i, axis in ipairs(axes) do list[i] = { path = axis.path, value = point[i], source = axis.source } end
  for _, set in ipairs(sets) do
    if not set.used then
      local option = set.text:find("^by=") and "--by " .. set.value or "--set " .. set.text -- as it was typed
      list[#list + 1] = { path = set.path, value = set.value, source = { prefix = option }, forced = true }
    end
  end
  return list
end

-- Makes them. Returns the parameters of policies among them: of axes, and of --set.
function outside.apply(node, changes, file)
  local swept, forced = {}, {}
  for _, change in ipairs(changes) do
    local name = change.path:match("^params%.([%w_]+)$")
    if name then
      (change.forced and forced or swept)[name] = change.value
    else
      put(node, change.path, schema.copy(change.value), change.source, function(text)
        error({ mbsand = ("%s: %s"):format(change.source.prefix or (file .. ":" .. change.source.line), text) }, 0)
      end)
    end
  end
  return swept, forced
end

-- The options without which there is no mistake: the first that is so alone, or else all of them together.
local function at_fault(changes, build)
  local script, options = {}, {}
  for i, change in ipairs(changes) do
    if change.source.prefix then
      local others = {}
      for j, other in ipairs(changes) do others[#others + 1] = j ~= i and other or nil end
      if pcall(build, others) then return { change.source.prefix } end
      options[#options + 1] = change.source.prefix
    else
      script[#script + 1] = change
    end
  end
  return pcall(build, script) and options or {}
end

-- build(changes), whose mistakes name the option that makes them, not the line of a script that is right without it.
function outside.build(changes, file, build)
  local given = false
  for _, change in ipairs(changes) do given = given or change.source.prefix ~= nil end
  if not given then return build(changes) end
  local good, first, second = xpcall(build, function(problem)
    if type(problem) == "table" then return problem end
    return { mbsand = tostring(problem), traceback = debug.traceback("", 2):gsub("^\n", "") }
  end, changes)
  if good then return first, second end
  local start, stop = first.mbsand:find("^" .. file:gsub("%p", "%%%0") .. ":%d+: ")
  local options = start and at_fault(changes, build) or {}
  if #options > 0 then first.mbsand = table.concat(options, ", ") .. ": " .. first.mbsand:sub(stop + 1) end
  error(first, 0)
end

return outside
