-- A scenario as a run reads it, every default filled in, as JSON. For `mbsand show-scenario --resolved`.
local schema = require "mbsand.schema"

local resolved = {}

-- What the Lua side notes beside the scenario.
local left_out = { node = true, where = true, before = true, after = true, expect = true }

-- Lists, also where there is nothing in them.
local lists = { params = true, links = true, failures = true, policies = true, columns = true }

local function text(value)
  return '"' .. value:gsub('[%c"\\\127]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

-- As many digits as give the number back; JSON has none that is infinite.
local function number(value)
  if value == math.huge then return '"infinite"' end
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%.0f"):format(value) end
  for digits = 15, 17 do
    local short = ("%." .. digits .. "g"):format(value)
    if tonumber(short) == value then return short end
  end
  error({ mbsand = "a value of the scenario is not a number (NaN)" }, 0)
end

local json

local function object(tbl, indent, without)
  local inner, parts = indent .. "  ", {}
  for _, key in ipairs(schema.sorted_keys(tbl)) do
    if not without[key] then parts[#parts + 1] = text(key) .. ": " .. json(tbl[key], inner, lists[key]) end
  end
  if #parts == 0 then return "{}" end
  return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. "}"
end

local function list(tbl, indent)
  local inner, parts, long = indent .. "  ", {}, false
  for i, item in ipairs(tbl) do
    parts[i] = json(item, inner)
    long = long or type(item) == "table"
  end
  if not long then return "[" .. table.concat(parts, ", ") .. "]" end
  return "[\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. "]"
end

-- A function is named by where it stands: what it says cannot be written down.
local function of_function(value)
  local info = debug.getinfo(value, "S")
  return ('{ "function": %s, "line": %d }'):format(text((info.source:gsub("^@", ""))), info.linedefined)
end

function json(value, indent, as_list)
  local kind = type(value)
  if kind == "table" then
    if #value > 0 or (as_list and not next(value)) then return list(value, indent) end
    return object(value, indent, {})
  end
  if kind == "function" then return of_function(value) end
  if kind == "number" then return number(value) end
  if kind == "string" then return text(value) end
  return tostring(value)
end

-- An experiment's table; of replicas that are all alike `cluster` and `latency` say what `groups` would again.
function resolved.experiment(checked, indent)
  local without = {}
  for key in pairs(left_out) do without[key] = true end
  local limits = checked.limits
  if limits and not limits.hook_seconds then -- as the program reads it (scenario.c), which may be told another on its line
    limits.hook_seconds = limits.hook_instructions > 0 and math.huge or 1
  end
  if #checked.groups == 1 and checked.groups[1].cluster == checked.cluster then without.groups = true end
  return object(checked, indent, without)
end

return resolved
