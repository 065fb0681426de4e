-- The workload `requests { { time, prompt, output }, ... }`: a few requests written down, for cases that are worked by hand.
local schema = require "mbsand.schema"

local MOST_TOKENS, MOST_ROWS = 2 ^ 31 - 1, 100000
local known = { "time", "prompt", "output", "predicted", "priority", "client" }

local function is_whole(value, low)
  return type(value) == "number" and value == math.floor(value) and value >= low and value <= MOST_TOKENS
end

-- One row with its values by name; the first three may stand without.
local function row_of(given, i, place)
  local row = {}
  if type(given) ~= "table" then place:fail("requests[%d] is %s; expected { time, prompt, output }", i, schema.show(given)) end
  for key, value in pairs(given) do
    local name = type(key) == "number" and known[key <= 3 and key or 0] or key
    local good = false
    for _, one in ipairs(known) do good = good or one == name end
    if not good then
      place:fail("requests[%d] has no key %s; %s", i, schema.show(key), schema.suggest(key, known, "its keys"))
    end
    row[name] = value
  end
  row.predicted, row.priority = row.predicted or row.output, row.priority or 0
  if type(row.time) ~= "number" or not (row.time >= 0 and row.time < math.huge) then
    place:fail("requests[%d].time is %s; expected seconds of at least 0", i, schema.show(row.time))
  end
  for _, key in ipairs { "prompt", "output", "predicted" } do
    if not is_whole(row[key], 1) then
      place:fail("requests[%d].%s is %s; expected a whole number of tokens of at least 1", i, key, schema.show(row[key]))
    end
  end
  if not is_whole(row.priority, -MOST_TOKENS) then
    place:fail("requests[%d].priority is %s; expected a whole number", i, schema.show(row.priority))
  end
  if row.client and type(row.client) ~= "string" then
    place:fail("requests[%d].client is %s; expected a name in quotes", i, schema.show(row.client))
  end
  return row
end

-- Numbers for src/scenario/scenario_workload.c, and the names of the clients, the first of them nobody's.
local function number_rows(result, place)
  local rows, clients, index, last = {}, { "" }, {}, 0
  if type(result.rows) ~= "table" or #result.rows == 0 or #result.rows > MOST_ROWS then
    place:fail("requests needs rows, from 1 to %d of them: requests { { time, prompt, output }, ... }", MOST_ROWS)
  end
  for i, given in ipairs(result.rows) do
    local row = row_of(given, i, place)
    if row.time < last then place:fail("requests[%d] comes before the one above it; expected an order of time", i) end
    last = row.time
    if row.client and not index[row.client] then
      clients[#clients + 1] = row.client
      index[row.client] = #clients - 1
    end
    rows[i] = { row.time, row.prompt, row.output, row.predicted, row.priority, index[row.client] or 0 }
  end
  result.rows, result.clients, result.predictor = rows, clients, { kind = "predict.exact" }
end

return schema.record({ rows = { type = "any" } }, number_rows)
