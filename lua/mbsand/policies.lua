-- The policies of a scenario and the values of their parameters.
local schema = require "mbsand.schema"

local policies = {}

local reserved = { label = true, unlimited_memory = true }

-- A number as it is written, which must not be another one when it is read; nil: it is none. fail(sentence) does not return.
function policies.parse_number(text, fail)
  local number = tonumber(text)
  if not number or text:find("^%s*[+-]?0[xX]") or text:lower():find("nan") or text:lower():find("inf") then return nil end
  local digits = text:match("^%s*[+-]?0*(%d+)%s*$")
  if number == math.huge or number == -math.huge then
    fail(("%s is too large for a number, which is at most 1.8e308"):format(text))
  elseif digits and (#digits > 16 or #digits == 16 and digits > "9007199254740992") then
    fail(("%s is above 2^53, from where on whole numbers are rounded; write %.3g if that is near enough"):format(text, number))
  end
  return number
end

-- "8" -> 8, "true" -> true, "64,256" -> { 64, 256 }, anything else stays text.
function policies.parse_value(text, fail)
  if text == "true" then return true end
  if text == "false" then return false end
  local number = policies.parse_number(text, fail)
  if number then return number end
  if not text:find(",") then return text end
  local list = {}
  for item in (text .. ","):gmatch("([^,]*),") do list[#list + 1] = policies.parse_value(item, fail) end
  return list
end

-- "NAME,bins=8,edges=64,256" as the command line writes a policy; a piece without "=" continues a list.
local function parse(text)
  local function fail(sentence) error({ mbsand = ("--policy %s: %s"):format(text, sentence) }, 0) end
  local spec, key = {}, nil
  for piece in (text .. ","):gmatch("([^,]*),") do
    local name, value = piece:match("^([%w_]+)=(.*)$")
    if #spec == 0 and piece ~= "" and not name then
      spec[1] = piece
    elseif name then
      key, spec[name] = name, value
    elseif key then
      spec[key] = spec[key] .. "," .. piece
    else
      return nil
    end
  end
  for name, value in pairs(spec) do
    if name ~= 1 and name ~= "label" then spec[name] = policies.parse_value(value, fail) end
  end
  return spec
end

local function check_parameter(name, value, place)
  if type(name) ~= "string" then
    place:fail("%s has a second value without a key (%s); parameters are written name = value", place.name,
      schema.show(value))
  end
  local good = type(value) == "boolean" or type(value) == "string" or (type(value) == "number" and value == value)
  if type(value) == "table" and not schema.tag_of(value) then
    good = true
    for key, item in pairs(value) do
      good = good and type(key) == "number" and type(item) == "number" and item == item
    end
  end
  if not good then
    place:fail("%s.%s is %s; expected a number, a text, true, false or a list of numbers", place.name, name,
      schema.show(value))
  end
end

local function read_one(item, place, native, folder)
  if type(item) == "string" then item = { item } end
  if type(item) ~= "table" or type(item[1]) ~= "string" then
    place:fail('%s is %s; expected a policy\'s name in quotes, or { "name", parameter = value }', place.name,
      schema.show(item))
  end
  local path, message = native.find_policy(item[1], folder)
  if not path then place:fail("%s", message) end
  if item.label ~= nil and (type(item.label) ~= "string" or item.label == "") then
    place:fail("%s.label is %s; expected a text in quotes", place.name, schema.show(item.label))
  end
  if item.unlimited_memory ~= nil and type(item.unlimited_memory) ~= "boolean" then
    place:fail("%s.unlimited_memory is %s; expected true or false", place.name, schema.show(item.unlimited_memory))
  end
  local spec = {
    name = item[1], path = path, label = item.label, params = {}, unlimited_memory = item.unlimited_memory or false,
  }
  for name, value in pairs(item) do
    if name ~= 1 and not reserved[name] then
      check_parameter(name, value, place)
      spec.params[name] = { value = value, if_declared = false }
    end
  end
  return spec
end

-- Parameters given for all policies: `forced` (the command line) replaces what a policy's entry says, `swept` does not.
local function share(spec, swept, forced)
  for name, value in pairs(swept) do
    if not spec.params[name] then spec.params[name] = { value = value, if_declared = true } end
  end
  for name, value in pairs(forced) do
    local given = spec.params[name]
    spec.params[name] = { value = value, if_declared = not given or given.if_declared }
  end
end

local function show_value(value)
  if type(value) ~= "table" then
    return type(value) == "number" and string.format("%.10g", value) or tostring(value)
  end
  local items = {}
  for i, item in ipairs(value) do items[i] = string.format("%.10g", item) end
  return table.concat(items, ",")
end

local function with_parameters(spec)
  local parts = { spec.label }
  for _, name in ipairs(schema.sorted_keys(spec.params)) do
    local parameter = spec.params[name]
    if not parameter.if_declared then parts[#parts + 1] = name .. "=" .. show_value(parameter.value) end
  end
  if spec.unlimited_memory then parts[#parts + 1] = "unlimited memory" end
  return table.concat(parts, " ")
end

local function short_name(name)
  return name:match("^.*/([^/]+)%.lua$") or (name:gsub("%.lua$", ""))
end

-- Make labels distinct: first by the parameters, then by a number.
local function label_all(list)
  local seen = {}
  for _, spec in ipairs(list) do
    spec.given = spec.label ~= nil
    spec.label = spec.label or short_name(spec.name)
    seen[spec.label] = (seen[spec.label] or 0) + 1
  end
  for _, spec in ipairs(list) do
    if not spec.given and seen[spec.label] > 1 then spec.label = with_parameters(spec) end
  end
  local used = {}
  for _, spec in ipairs(list) do
    local label, n = spec.label, 1
    while used[label] do
      n = n + 1
      label = spec.label .. " #" .. n
    end
    used[label] = true
    spec.label = label
  end
end

-- "static_fifo,sjf" -> { { name =, known = false }, ... }; a label may have commas of its own.
function policies.parse_only(text)
  if not text then return nil end
  local only = { text = text, labels = {} }
  for name in (text .. ","):gmatch("([^,]*),") do only[#only + 1] = { name = name, known = false } end
  return only
end

-- The policies that `only` names, by label, or by name where no label here is so, and all from number `own` + 1 on.
local function select_only(list, own, only)
  local result, labels = {}, {}
  for i = 1, math.min(own, #list) do
    labels[list[i].label], only.labels[list[i].label] = true, true
  end
  local function means(name, spec)
    if labels[name] then return name == spec.label end
    return name == spec.label or name == spec.name or name == short_name(spec.name)
  end
  for i, spec in ipairs(list) do
    local wanted = i > own or means(only.text, spec)
    if means(only.text, spec) then only.whole = true end
    for _, item in ipairs(only) do
      if i <= own and means(item.name, spec) then
        item.known, wanted = true, true
      end
    end
    if wanted then result[#result + 1] = spec end
  end
  return result
end

-- After all sections: a name that none of them has is a mistake.
function policies.check_only(only)
  if not only or only.whole then return end
  local labels = schema.sorted_keys(only.labels)
  for _, item in ipairs(only) do
    if not item.known then
      error({ mbsand = ('--only %s: the scenario has no policy "%s"; %s'):format(only.text, item.name,
        schema.suggest(item.name, labels, "it has")) }, 0)
    end
  end
end

-- `list` as the scenario in `folder` gives it, `added` as the command line does. The result: an array of
-- `only`, of parse_only, may leave none of them.
-- { label, path, unlimited_memory, params = { { name, value, if_declared }, ... } }.
function policies.read(list, added, swept, forced, place, native, folder, only)
  if type(list) == "string" then list = { list } end
  local result = {}
  if list ~= nil and type(list) ~= "table" then
    place:fail('policies is %s; expected a list { "static_fifo", { "multi_bin_dynamic", bins = 8 } }', schema.show(list))
  end
  for key in pairs(list or {}) do
    if type(key) ~= "number" then
      place:fail('policies has a key "%s"; a policy with parameters is a table in the list: { "name", %s = ... }',
        tostring(key), tostring(key))
    end
  end
  for i, item in ipairs(list or {}) do
    result[i] = read_one(item, place:key(i, list), native, folder)
  end
  for _, text in ipairs(added) do
    local at = setmetatable({ prefix = "--policy " .. text, name = "policy" }, { __index = place })
    local spec = parse(text)
    if not spec or not spec[1] then at:fail("expected NAME or FILE, then ,parameter=value for each parameter") end
    result[#result + 1] = read_one(spec, at, native, spec[1]:find("^[%w_/]+$") and folder)
  end
  if #result == 0 then place:fail('policies is %s; name at least one, as in policies = { "static_fifo" }',
    list == nil and "missing" or "empty") end
  for _, spec in ipairs(result) do share(spec, swept, forced) end
  label_all(result)
  if only then result = select_only(result, #(list or {}), only) end
  for _, spec in ipairs(result) do
    local params = {}
    for _, name in ipairs(schema.sorted_keys(spec.params)) do
      params[#params + 1] = { name = name, value = spec.params[name].value, if_declared = spec.params[name].if_declared }
    end
    spec.params = params
  end
  return result
end

return policies
