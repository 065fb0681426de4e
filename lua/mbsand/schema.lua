-- Checking of described values: what a scenario may say is data (see vocabulary.lua), this file walks it.
-- Every complaint is one sentence: where it stands, what is wrong, what would be right.
local schema = {}

-- Facts about the scenario's tables that do not belong into them.
local tags = setmetatable({}, { __mode = "k" })    -- node -> { family =, kind =, line = }
local sources = setmetatable({}, { __mode = "k" }) -- table -> { key -> where its value came from }

function schema.tag(node, family, kind, line)
  tags[node] = { family = family, kind = kind, line = line }
  return node
end

function schema.tag_of(value)
  return type(value) == "table" and tags[value] or nil
end

-- Remember that table[key] was set from outside the script: { prefix = "--set a=b" } or { line = 12 }.
function schema.set(tbl, key, value, source)
  tbl[key] = value
  sources[tbl] = sources[tbl] or {}
  sources[tbl][key] = source
end

-- Where the values of a table came from, by key: as schema.set was told.
function schema.source_of(tbl)
  return sources[tbl] or {}
end

-- Was tbl[key], or anything in it, given on the command line?
function schema.set_outside(tbl, key)
  local source, inner = schema.source_of(tbl)[key], tbl[key]
  if source and source.prefix then return true end
  for name in pairs(type(inner) == "table" and inner or {}) do
    if schema.set_outside(inner, name) then return true end
  end
  return false
end

function schema.copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in pairs(value) do result[key] = schema.copy(item) end
  tags[result] = tags[value]
  if sources[value] then
    local copied = {}
    for key, item in pairs(sources[value]) do copied[key] = item end
    sources[result] = copied
  end
  return result
end

-- Words ------------------------------------------------------------------------------------------------------

local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local change = diagonal + (a:byte(i) == b:byte(j) and 0 or 1)
      diagonal = row[j]
      row[j] = math.min(change, row[j] + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end

-- The candidate nearest to `word`, or nil if none is close enough to suggest.
function schema.nearest(word, candidates)
  local best, best_distance = nil, math.floor(#word / 2) + 1
  for _, candidate in ipairs(candidates) do
    local d = distance(word, candidate)
    if d < best_distance then best, best_distance = candidate, d end
  end
  return best
end

function schema.sorted_keys(tbl)
  local keys = {}
  for key in pairs(tbl) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

-- How a value looks in a sentence.
function schema.show(value)
  local tag = schema.tag_of(value)
  if tag then return tag.kind end
  if type(value) == "string" then return '"' .. value .. '"' end
  if type(value) == "number" then
    if value ~= value then return "not a number (NaN)" end
    return (string.format("%.10g", value))
  end
  if type(value) == "boolean" then return tostring(value) end
  return "a " .. type(value)
end

-- 'did you mean "gpus"? ' or the list of what there is.
function schema.suggest(word, known, what)
  local near = schema.nearest(tostring(word), known)
  local list = #known <= 24 and what .. ": " .. table.concat(known, ", ") or nil
  if near then return 'did you mean "' .. near .. '"?' .. (list and " (" .. list .. ")" or "") end
  return list or "nothing there is like it"
end

-- Places -----------------------------------------------------------------------------------------------------

local Place = {}
Place.__index = Place

-- The script `file` with its source `lines`; `line` is where the current table starts.
function schema.place(file, lines, line)
  return setmetatable({ file = file, lines = lines, line = line or 1, name = "" }, Place)
end

local function find_key(lines, from, key)
  local pattern = "%f[%w_]" .. key:gsub("%p", "%%%0") .. "%f[^%w_]%W*="
  for number = from, #lines do
    if lines[number]:gsub("%-%-.*", ""):find(pattern) then return number end
  end
end

-- The place of tbl[key].
function Place:key(key, tbl)
  local child = setmetatable({}, { __index = self })
  child.name = type(key) == "number" and self.name .. "[" .. key .. "]"
    or (self.name == "" and "" or self.name .. ".") .. tostring(key)
  local source = tbl and sources[tbl] and sources[tbl][key]
  if source then
    child.prefix, child.line = source.prefix, source.line or self.line
  elseif type(key) == "string" then
    child.line = find_key(self.lines, self.line, key) or self.line
  end
  local tag = tbl and schema.tag_of(tbl[key])
  if tag and tag.line and not source then child.line = math.max(tag.line, 1) end
  return child
end

function Place:where()
  return self.prefix or (self.file .. ":" .. self.line)
end

function Place:fail(format, ...)
  local text = select("#", ...) > 0 and format:format(...) or format
  local group = self.group and ('group "%s": '):format(self.group) or "" -- of cluster.groups
  error({ mbsand = self:where() .. ": " .. group .. text }, 0)
end

-- A mistake in a script that is running: as `error`, with the whole name of the file, and no call stack.
function schema.raise(text, level)
  local info = debug.getinfo(level + 1, "Sl")
  local file = info and info.currentline > 0 and info.source:match("^@(.*)")
  error({ mbsand = (file and file .. ":" .. info.currentline .. ": " or "") .. text }, 0)
end

-- Descriptions -----------------------------------------------------------------------------------------------

function schema.number(spec) spec.type = "number" return spec end
function schema.record(keys, also) return { type = "record", keys = keys, also = also } end
function schema.flag(default) return { type = "boolean", default = default } end
function schema.need(spec) spec.required = true return spec end

-- A number: min (included), above (excluded), max, whole, infinite (allowed), words (also allowed).
local function describe_number(spec)
  local text = spec.whole and "a whole number" or "a number"
  if spec.above and spec.max then
    text = text .. string.format(" above %.10g and at most %.10g", spec.above, spec.max)
  elseif spec.above then
    text = text .. string.format(" above %.10g", spec.above)
  elseif spec.min and spec.max then
    text = text .. string.format(" from %.10g to %.10g", spec.min, spec.max)
  elseif spec.min then
    text = text .. string.format(" of at least %.10g", spec.min)
  end
  for _, word in ipairs(spec.words or {}) do text = text .. ' or "' .. word .. '"' end
  if spec.unit then text = text .. " (" .. spec.unit .. ")" end
  return text
end

local function quoted(words)
  local list = {}
  for i, word in ipairs(words) do list[i] = '"' .. word .. '"' end
  if #list == 1 then return list[1] end
  return table.concat(list, ", ", 1, #list - 1) .. " or " .. list[#list]
end

local check = {}

local function wrong(place, value, expected)
  if value == nil then place:fail("%s is missing; expected %s", place.name, expected) end
  place:fail("%s is %s; expected %s", place.name, schema.show(value), expected)
end

function check.number(spec, value, place)
  for _, word in ipairs(spec.words or {}) do
    if value == word then return value end
  end
  local good = type(value) == "number" and value == value
    and (spec.infinite or (value < math.huge and value > -math.huge))
    and (not spec.min or value >= spec.min) and (not spec.above or value > spec.above)
    and (not spec.max or value <= spec.max)
    and (not spec.whole or value == math.floor(value))
  if not good then wrong(place, value, describe_number(spec)) end
  return value
end

function check.text(spec, value, place)
  -- "--set workload.path=a,b.csv" is a name and no list
  if type(value) ~= "string" and place.prefix and not tags[value] then
    value = place.prefix:match("^%-%-set [^=]*=(.*)$") or value
  end
  if type(value) ~= "string" or (value == "" and not spec.empty) or value:find("%z") then
    wrong(place, value, spec.expected or "a text in quotes")
  end
  return value
end

function check.word(spec, value, place)
  for _, word in ipairs(spec) do
    if value == word then return value end
  end
  local near = type(value) == "string" and schema.nearest(value, spec)
  wrong(place, value, quoted(spec) .. (near and '; did you mean "' .. near .. '"?' or ""))
end

function check.boolean(_, value, place)
  if type(value) ~= "boolean" then wrong(place, value, "true or false") end
  return value
end

function check.call(_, value, place)
  if type(value) ~= "function" then wrong(place, value, "a function") end
  return value
end

-- Anything: whoever declared it looks at it later.
function check.any(_, value)
  return value
end

-- An array of `of`; at least `least` items.
function check.list(spec, value, place)
  local expected = spec.expected or "a list { ... }"
  if type(value) ~= "table" or tags[value] then
    if not spec.single then wrong(place, value, expected) end
    value = { value } -- "--set x=5" for a list of one
  end
  local result, count = {}, 0
  for _ in pairs(value) do count = count + 1 end
  if count ~= #value then place:fail("%s has a named key; expected %s", place.name, expected) end
  if count < (spec.least or 0) then place:fail("%s is empty; expected %s", place.name, expected) end
  for i = 1, #value do result[i] = schema.check(spec.of, value[i], place:key(i, value)) end
  return result
end

-- Where a mistake of the keys together comes from: the command line, if it set one of them.
local function blame(value, place)
  local set = sources[value] or {}
  for _, key in ipairs(schema.sorted_keys(set)) do
    local source = set[key]
    if source.prefix then return setmetatable({ prefix = source.prefix }, { __index = place }) end
  end
  return place
end

-- A table with the keys of spec.keys (each a description with `default` or `required`); a number alone is that of the
-- key spec.shorthand.
function check.record(spec, value, place, kind)
  if spec.shorthand and type(value) == "number" then value = { [spec.shorthand] = value } end
  if type(value) ~= "table" or (tags[value] and not kind) then wrong(place, value, spec.expected or "a table { ... }") end
  local known = schema.sorted_keys(spec.keys)
  local title = kind or (place.name == "" and "a scenario" or place.name)
  for key in pairs(value) do
    if type(key) ~= "string" then
      place:fail("%s has a value without a key (%s); its keys: %s", title, schema.show(value[key]),
        table.concat(known, ", "))
    end
  end
  for _, key in ipairs(schema.sorted_keys(value)) do
    if spec.keys[key] == nil then
      place:key(key, value):fail('%s has no key "%s"; %s', title, key, schema.suggest(key, known, "its keys"))
    end
  end
  local result = {}
  for _, key in ipairs(known) do
    local item = spec.keys[key]
    if value[key] ~= nil then
      result[key] = schema.check(item, value[key], place:key(key, value))
    elseif item.required then
      local at = setmetatable({ name = (place.name == "" and "" or place.name .. ".") .. key }, { __index = place })
      at:fail("%s is missing; expected %s", at.name, schema.expected(item))
    else
      result[key] = schema.copy(item.default)
    end
  end
  if spec.also then spec.also(result, blame(value, place), title) end
  return result
end

-- From outside a kind is a word, "exact" or "predict.exact"; if keys of it were set as well, the tag of their table.
local function named_kind(spec, value, place)
  local tag = schema.tag_of(value)
  local word = type(value) == "string" and value or tag and tag.family == "word" and tag.kind
  if not word or not (place.prefix or tag) then return value end
  for kind in pairs(spec.kinds) do
    if kind == word or kind:match("[^.]*$") == word then
      local node = {}
      for key, item in pairs(type(value) == "table" and value or {}) do
        schema.set(node, key, item, sources[value] and sources[value][key])
      end
      return schema.tag(node, spec.family, kind)
    end
  end
  return value
end

-- One of several kinds, each made by its constructor: spec.kinds[name] = record.
function check.choice(spec, value, place)
  if spec.shorthand and (type(value) == "number" or (spec.plain and type(value) == "table" and not tags[value])) then
    value = spec.shorthand(value)
  end
  value = named_kind(spec, value, place)
  local tag = schema.tag_of(value)
  if type(value) == "function" then
    place:fail("%s is a function, as a word without its braces is (arrivals.all_at_once{} has them, and no keys); expected %s",
      place.name, schema.expected(spec))
  end
  if not tag or tag.family ~= spec.family or not spec.kinds[tag.kind] then wrong(place, value, schema.expected(spec)) end
  local result = check.record(spec.kinds[tag.kind], value, place, tag.kind)
  result.kind = tag.kind
  return result
end

local expectations = {
  number = describe_number,
  text = function(spec) return spec.expected or "a text in quotes" end,
  word = function(spec) return quoted(spec) end,
  boolean = function() return "true or false" end,
  list = function(spec) return spec.expected or "a list { ... }" end,
  record = function(spec) return spec.expected or "a table with " .. table.concat(schema.sorted_keys(spec.keys), ", ") end,
  choice = function(spec) return spec.expected end,
}

-- What would be right, in words.
function schema.expected(spec)
  local say = expectations[spec.type]
  return say and say(spec) or "a value"
end

-- The value with defaults filled in (`kind`: of a table that a constructor made); raises { mbsand = sentence }.
function schema.check(spec, value, place, kind)
  return check[spec.type](spec, value, place, kind)
end

return schema
