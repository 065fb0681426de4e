-- The keys of a scenario as --set and --over take them, "cluster.gpus", with what each may hold, for `mbsand list keys`.
local schema = require "mbsand.schema"
local vocabulary = require "mbsand.vocabulary"

local function default_text(spec)
  local value = spec.default
  if value == nil or type(value) == "table" then return "" end
  return "; default " .. schema.show(value)
end

local walk

-- A constructor's own keys, whichever it is; lengths hold lengths, which end where they come again.
local function walk_kinds(spec, name, open, found)
  for _, kind in ipairs(schema.sorted_keys(spec.kinds)) do walk(spec.kinds[kind], name, open, found) end
end

function walk(spec, name, open, found)
  if open[spec] then return end
  open[spec] = true
  if spec.type == "record" then
    for _, key in ipairs(schema.sorted_keys(spec.keys)) do
      local item = spec.keys[key]
      local full = name == "" and key or name .. "." .. key
      if item.type ~= "call" and not found[full] and (item.type ~= "record" or item.shorthand) then
        found[full] = item.type == "any" and "see docs/scenarios.md" or schema.expected(item) .. default_text(item)
      end
      walk(item, full, open, found)
    end
  elseif spec.type == "choice" then
    walk_kinds(spec, name, open, found)
  end
  open[spec] = nil
end

-- Lines "key<TAB>what it may hold", sorted.
return function()
  local found, lines = {}, {}
  walk(vocabulary.section, "", {}, found)
  for _, key in ipairs { "over", "policies", "report", "title", "question", "expect", "assert" } do found[key] = nil end
  for _, key in ipairs(schema.sorted_keys(found)) do lines[#lines + 1] = key .. "\t" .. found[key]:gsub("%s+", " ") end
  return table.concat(lines, "\n") .. "\n"
end
