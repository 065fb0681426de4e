-- Small runs of policies on cases worked by hand. All times in ms; a step takes 10 + T, T tokens computed. Each is run three
-- times, with --step and on the other Lua engine (MBSAND_LUAJIT) as well, and must give the same rows.
local tap = require "tap"
local csv = require "csv"

local by_hand = { binary = os.getenv("MBSAND") or "build/mbsand", folder = os.tmpname() }
os.remove(by_hand.folder)
assert(os.execute("mkdir " .. by_hand.folder))

function by_hand.write(name, text)
  local file = assert(io.open(by_hand.folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- Run a policy; rows of the requests' dump by id, and the summary's row.
function by_hand.run(policy, params, cluster, workload, more, per_token, label)
  local folder = by_hand.folder
  by_hand.write("scenario.lua", ([[
return scenario {
  workload = %s,
  cluster = { %s },
  latency = latency.step { base = 0.010, per_token = %g },
  policies = { { "%s", %s } },
  seeds = 1,
  %s
}
]]):format(workload, cluster, per_token or 0.001, policy, params, more or ""))
  local function rows_of(binary, options, out)
    local command = ("%s %s/scenario.lua --quiet %s --out %s/%s --dump requests >/dev/null"):format(
      binary, folder, options, folder, out)
    local status = os.execute(command)
    assert(status == true or status == 0, command)
    return ("%s/%s/requests-%s-1.csv"):format(folder, out, label or policy)
  end
  local path = rows_of(by_hand.binary, "", "out")
  local text, other = read(path), os.getenv("MBSAND_LUAJIT")
  if text ~= read(rows_of(by_hand.binary, "--step", "stepped")) then tap.ok(false, policy .. ": jumping = stepping") end
  if other and text ~= read(rows_of(other, "", "other")) then tap.ok(false, policy .. ": the same on both Lua engines") end
  local by_id = {}
  for _, row in ipairs(csv.rows(path)) do by_id[tonumber(row.id)] = row end
  return by_id, csv.rows(folder .. "/out/summary.csv")[1]
end

-- A trace of requests { arrival, prompt, output, ... }, what else there is in the columns `more` ("priority", or a list of
-- names); predictions are exact, or `predictor`'s.
function by_hand.trace(requests, more, predictor)
  local names, columns = type(more) == "table" and more or { more or "priority" }, {}
  local lines, extra = { "time,prompt,output," .. table.concat(names, ",") }, ""
  for _, name in ipairs(names) do
    columns[#columns + 1] = ('%s = "%s"'):format(name, name)
    extra = extra .. (({ session = 'context = "grow", ', prefix = "prefix_unit = 2, " })[name] or "")
  end
  for _, r in ipairs(requests) do
    local cells = { ("%.17g,%d,%d"):format(r[1] / 1000, r[2], r[3]) }
    for i = 1, #names do cells[i + 1] = tostring(r[3 + i] or 0) end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  by_hand.write("trace.csv", table.concat(lines, "\n") .. "\n")
  if predictor then extra = extra .. "predictor = " .. predictor .. ", " end
  return ([[trace.csv "%s/trace.csv" { %s
    columns = { time = "time", prompt = "prompt", output = "output", %s } }]]):format(
    by_hand.folder, extra, table.concat(columns, ", "))
end

-- expect[i]: start, first token, end of request i - 1; {}: it was turned away. requests: as `trace` takes them, or a workload
-- as a text; words: more of the scenario, as a text.
function by_hand.case(name, policy, params, cluster, requests, expect, more, words)
  local workload = type(requests) == "string" and requests or by_hand.trace(requests, more)
  local rows, good, got = by_hand.run(policy, params, cluster, workload, words), true, {}
  for i, want in ipairs(expect) do
    local row = rows[i - 1]
    good = good and (row.why == "rejected") == (#want == 0)
    local times = { tonumber(row.start_s), tonumber(row.first_token_s), tonumber(row.end_s) }
    for k = 1, #want do good = good and times[k] and math.abs(times[k] * 1000 - want[k]) < 1e-9 end
    got[i] = ("%g %g %g"):format((times[1] or 0) * 1000, (times[2] or 0) * 1000, (times[3] or 0) * 1000)
  end
  tap.ok(good, policy .. ": " .. name, table.concat(got, "; "))
end

-- When the requests end, in ms, as a text; "-" for one that was turned away.
function by_hand.ends(policy, params, cluster, requests, more)
  local rows, list = by_hand.run(policy, params, cluster, by_hand.trace(requests, more)), {}
  for i = 1, #requests do
    local stop = tonumber(rows[i - 1].end_s)
    list[i] = stop and rows[i - 1].start_s ~= "" and ("%g"):format(stop * 1000) or "-"
  end
  return table.concat(list, " ")
end

function by_hand.done()
  os.execute("rm -r " .. by_hand.folder)
  tap.done()
end

return by_hand
