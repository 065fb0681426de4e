-- A scenario as a script: what its tables say, written out. For `mbsand explain -o`.
local schema = require "mbsand.schema"

local write = {}

-- What is written in other words, or is not of these requests.
local left_out = { workload = true, policies = true, over = true, report = true, seeds = true, seed = true, title = true,
  question = true, columns = true, warmup = true, stop_time = true }

local function number(value)
  if value == math.huge then return "math.huge" end
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%.0f"):format(value) end
  for digits = 15, 17 do -- the fewest that are this number
    local text = ("%." .. digits .. "g"):format(value)
    if tonumber(text) == value then return text end
  end
end

local literal

-- The table's fields, the list first.
local function fields(tbl, name)
  local parts = {}
  for _, item in ipairs(tbl) do parts[#parts + 1] = literal(item, name) end
  for _, key in ipairs(schema.sorted_keys(tbl)) do
    local left = (key:find("^[%a_][%w_]*$") and key ~= "repeat" and key ~= "end") and key or ("[%q]"):format(key)
    parts[#parts + 1] = left .. " = " .. literal(tbl[key], name .. "." .. key)
  end
  return table.concat(parts, ", ")
end

function literal(value, name)
  local kind = type(value)
  if kind == "number" then return number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return (("%q"):format(value):gsub("\n", "n")) end
  if kind ~= "table" then
    error({ mbsand = ("%s is a %s, which cannot be written into a scenario's script; without -o there is no need to")
      :format(name, kind) }, 0)
  end
  local tag = schema.tag_of(value)
  return (tag and tag.kind .. " " or "") .. "{ " .. fields(value, name) .. " }"
end

-- `node`: what the script and the command line said; `head`: lines that stand in its place for what is left out.
function write.section(node, comment, head)
  local lines = { comment, "return scenario {", head }
  for _, key in ipairs(schema.sorted_keys(node)) do
    if not left_out[key] then lines[#lines + 1] = ("  %s = %s,"):format(key, literal(node[key], key)) end
  end
  lines[#lines + 1] = "}\n"
  return table.concat(lines, "\n")
end

return write
