-- The JSON Schema (draft 7) of what `mbsand show-scenario --resolved` prints, made of the words of scenarios, for
-- `mbsand list schema`. A run adds to what a scenario can say (a cluster's replicas, the mu of a lognormal), so tables may
-- have more keys than are named; a key that is named holds what it may hold.
local schema = require "mbsand.schema"
local vocabulary = require "mbsand.vocabulary"

local names, definitions, order = {}, {}, {} -- of records and choices, which are met more than once and hold each other

local function quoted(text) return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"' end

local function list_of(words)
  local parts = {}
  for i, word in ipairs(words) do parts[i] = quoted(word) end
  return "[" .. table.concat(parts, ", ") .. "]"
end

local say -- by type: an object of JSON, of the spec at that place

local function reference(spec, place)
  if not names[spec] then
    names[spec] = place == "" and "scenario" or place
    order[#order + 1] = names[spec]
    definitions[names[spec]] = say[spec.type](spec, place)
  end
  return ('{ "$ref": "#/definitions/%s" }'):format(names[spec])
end

local function of(spec, place)
  if spec.type == "record" or spec.type == "choice" then return reference(spec, place) end
  return say[spec.type](spec, place)
end

local function record(spec, place, kind)
  local parts, needed = {}, {}
  for _, key in ipairs(schema.sorted_keys(spec.keys)) do
    local item = spec.keys[key]
    parts[#parts + 1] = quoted(key) .. ": " .. of(item, (place == "" and "" or place .. ".") .. key)
    if item.required then needed[#needed + 1] = key end
  end
  if kind then
    table.insert(parts, 1, '"kind": { "const": ' .. quoted(kind) .. " }")
    needed[#needed + 1] = "kind"
  end
  local required = #needed > 0 and ('"required": %s, '):format(list_of(needed)) or ""
  return ('{ "type": "object", %s"properties": {\n      %s } }'):format(required, table.concat(parts, ",\n      "))
end

say = {
  record = record,
  text = function() return '{ "type": "string" }' end,
  word = function(spec) return '{ "enum": ' .. list_of(spec) .. " }" end,
  boolean = function() return '{ "type": "boolean" }' end,
  any = function() return "{}" end,
  call = function() -- a function is named by where it stands
    return '{ "type": "object", "required": ["function", "line"], "properties": { "function": { "type": "string" }, '
      .. '"line": { "type": "integer" } } }'
  end,
  list = function(spec, place)
    return ('{ "type": "array", "items": %s }'):format(of(spec.of, place .. "[]"))
  end,
  choice = function(spec, place)
    local kinds = {}
    for _, kind in ipairs(schema.sorted_keys(spec.kinds)) do
      kinds[#kinds + 1] = record(spec.kinds[kind], place .. ":" .. kind, kind)
    end
    return '{ "oneOf": [\n    ' .. table.concat(kinds, ",\n    ") .. " ] }"
  end,
  number = function(spec)
    local parts = { ('"type": "%s"'):format(spec.whole and "integer" or "number") }
    if spec.min then parts[#parts + 1] = ('"minimum": %.17g'):format(spec.min) end
    if spec.above then parts[#parts + 1] = ('"exclusiveMinimum": %.17g'):format(spec.above) end
    if spec.max then parts[#parts + 1] = ('"maximum": %.17g'):format(spec.max) end
    if spec.unit then parts[#parts + 1] = '"description": ' .. quoted(spec.unit) end
    local number = "{ " .. table.concat(parts, ", ") .. " }"
    local words = {}
    for _, word in ipairs(spec.words or {}) do words[#words + 1] = word end
    if spec.infinite or not spec.max then words[#words + 1] = "infinite" end
    if #words == 0 then return number end
    return ('{ "anyOf": [%s, { "enum": %s }] }'):format(number, list_of(words))
  end,
}

return function()
  local root = reference(vocabulary.section, "")
  local parts = {}
  table.sort(order)
  for _, name in ipairs(order) do parts[#parts + 1] = quoted(name) .. ": " .. definitions[name] end
  return ([[
{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "what mbsand show-scenario --resolved prints",
  "type": "object",
  "required": ["path", "points"],
  "additionalProperties": false,
  "properties": {
    "path": { "type": "string" },
    "skipped": { "type": "string", "description": "why there is nothing to run" },
    "points": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["section", "label", "scenario"],
        "additionalProperties": false,
        "properties": {
          "section": { "type": "integer", "minimum": 1 },
          "label": { "type": "string", "description": "the point of a sweep" },
          "scenario": %s
        }
      }
    }
  },
  "definitions": {
    %s
  }
}
]]):format(root, table.concat(parts, ",\n    "))
end
