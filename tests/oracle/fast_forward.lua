-- Jumping from change to change gives the same bits as visiting every running request at every iteration (--step), on
-- random scenarios, policies and seeds: every measure, and every row of every dump.
--   lua tests/oracle/fast_forward.lua [TRIPLES [SEED [BINARY [meddle]]]]
-- meddle: only the random policy, making random changes from every callback, also where they are refused.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"

local wanted, seed = tonumber(arg[1]) or 1000, tonumber(arg[2]) or 1
local binary, meddle = arg[3] or "build/mbsand", arg[4] == "meddle"
local work = os.getenv("TMPDIR") or "/tmp"
local folder = os.tmpname()
os.remove(folder)
folder = work .. "/" .. folder:match("[^/]*$") .. ".ff"
assert(os.execute("mkdir -p " .. folder))

local state = seed * 7919 + 12345
local function draw() -- Lehmer, the same under every Lua
  state = (state * 48271) % 2147483647
  return state / 2147483647
end
for _ = 1, 20 do draw() end
local function whole(low, high) return low + math.floor(draw() * (high - low + 1)) end
local function pick(list) return list[whole(1, #list)] end
local function chance(p) return draw() < p end
local function text(value) return type(value) == "string" and '"' .. value .. '"' or tostring(value) end

local function fields(values)
  local parts = {}
  for name, value in pairs(values) do parts[#parts + 1] = name .. " = " .. text(value) end
  table.sort(parts)
  return table.concat(parts, ", ")
end

local function chaos_policy(number, longest)
  local params = {
    seed = whole(1, 1e6), budget = pick{ 0, 0, 4, 16, 64 }, requests = pick{ 0, 0, 3, 12 },
    reserve = pick{ "chunk", "sequence", "prompt", "predicted", "maximum" }, watermark = pick{ 0, 0, 0.01, 0.1 },
    chunked = chance(0.8), routed = pick{ 0, 0, 0.5, 1 }, preempt = pick{ 0, 0, 0.1 },
    how = pick{ "recompute", "swap", "pause", "any" }, skip = pick{ 0, 0, 0.2 }, single = pick{ 0, 0, 0.2 },
    quantum = pick{ 0, 0, 0.3 }, idle = pick{ 0, 0.2 }, barrier = pick{ 0, 0, 0.3 }, timer = pick{ 0, 0, 0.3, 2 },
    order = pick{ "none", "none", "predicted_output", "predicted_remaining", "priority", "function", "bins" },
    carry = pick{ "needed", "spare" }, meddle = (meddle or chance(0.2)) and 0.1 or 0, ask = pick{ 0, 0.2, 1 },
  }
  if meddle and chance(0.4) then params.order, params.routed, params.preempt = "function", 0, 0.2 end
  local _ = longest
  return ('{ "%s/tests/oracle/chaos.lua", label = "chaos%d", %s }'):format(os.getenv("PWD"), number, fields(params))
end

local BUNDLED = { "fcfs", "orca", "vllm_v0", "vllm_v1", "sarathi", "sjf", "srpt", "edf", "priority", "pang",
  "multi_bin_continuous", "round_robin", "random", "least_loaded", "power_of_two", "static_fifo", "dynamic_no_bins",
  "multi_bin_dynamic", "multi_bin" }

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function workload(requests)
  local rate = pick{ 2, 10, 40 }
  local arrivals = pick{ "arrivals.poisson{ rate = %g }", "arrivals.constant{ rate = %g }",
    "arrivals.gamma{ rate = %g, cv = 3 }", "arrivals.all_at_once{}" }:format(rate)
  local lengths = function(most)
    return pick{ ("lengths.uniform(1, %d)"):format(most), tostring(whole(1, most)),
      ("lengths.lognormal{ mean = %g, median = %g, min = 1, max = %d }"):format(most / 4, most / 8, most) }
  end
  local more = {}
  if chance(0.3) then more[#more + 1] = "clients = 3" end
  if chance(0.5) then more[#more + 1] = "predictor = predict.lognormal(0.5)" end
  local who = "arrivals = " .. arrivals
  if chance(0.2) then who = ("users = %d, think = lengths.exponential(0.5)"):format(whole(1, 12)) end
  if chance(0.2) then
    more[#more + 1] = "sessions = { turns = lengths.uniform(1, 4), think = 0.3, max_context = 120 }"
  elseif chance(0.5) then
    more[#more + 1] = ("prefix = { tokens = %d, groups = %d }"):format(whole(1, 40), whole(1, 8))
  end
  more[#more + 1] = ""
  return ("synthetic { %s, prompt = %s, output = %s, limit = %d, %s}"):format(who, lengths(40), lengths(40), requests,
    table.concat(more, ", "))
end

local function cluster(hardware)
  local block = pick{ 1, 2, 4, 16 }
  local parts = { "gpus = " .. pick{ 1, 1, 2, 3 }, "kv_max_length = 160", "kv_block = " .. block }
  local kind = pick{ "paged", "paged", "paged", "paged", "tokens", "contiguous" }
  parts[#parts + 1] = ('kv = "%s"'):format(kind)
  if kind == "paged" then
    if chance(0.8) then parts[#parts + 1] = "kv_blocks = " .. math.ceil(whole(200, 900) / block) end
    parts[#parts + 1] = "prefix_cache = " .. tostring(chance(0.7))
  else
    parts[#parts + 1] = "kv_tokens = " .. whole(200, 900)
  end
  parts[#parts + 1] = hardware
  if chance(0.3) then parts[#parts + 1] = "token_budget = " .. whole(1, 40) end
  if chance(0.3) then parts[#parts + 1] = "max_requests = " .. whole(2, 20) end
  if chance(0.5) then parts[#parts + 1] = "swap = { tokens = 500, seconds_per_token = 0.0002 }" end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- Coefficients that are powers of two make exact ties between replicas likely, others make none.
local function latency()
  local unit = chance(0.4) and 2 ^ -10 or 0.001 * draw()
  local more = chance(0.15) and ", noise = 0.1" or ""
  if chance(0.2) then
    more = more .. (", prompts = { base = %.17g, per_token = %.17g }"):format(4 * unit, 2 * unit)
  end
  if chance(0.2) then more = more .. ", graph_sizes = { 1, 2, 4, 8 }" end
  return ("latency.step { base = %.17g, per_token = %.17g, per_context = %.17g, per_request = %.17g, host = %.17g%s }")
    :format(16 * unit, unit, pick{ 0, unit / 16, unit / 2 }, pick{ 0, unit }, pick{ 0, unit }, more)
end

-- Beside them, what is stepped one by one: a roofline, of a mixture of experts with windows and of a dense model.
local function roofline()
  local model = pick{ 'gpu = "h100-80gb", model = "gpt-oss-20b"', 'gpu = "rtx-4090-24gb", model = "qwen3-1.7b"' }
  return model, ("latency.roofline { host = %.17g%s }"):format(0.001 * draw(), chance(0.2) and ", noise = 0.1" or "")
end

local function scenario(number, policies, seeds)
  local list = {}
  for i = 1, policies do
    local name = pick(BUNDLED)
    if chance(0.65) or meddle or not exists("policies/" .. name .. ".lua") then
      list[i] = chaos_policy(i, 80)
    else
      list[i] = ('{ "%s", label = "%s%d" }'):format(name, name, i)
    end
  end
  local path = folder .. "/" .. number .. ".lua"
  local file = assert(io.open(path, "w"))
  local hardware, times = nil, latency()
  if chance(0.15) then hardware, times = roofline() end
  file:write(("return scenario {\n  workload = %s,\n  cluster = %s,\n  latency = %s,\n  slo = { tbt = 0.05, e2e = 5 },\n")
    :format(workload(whole(5, 60)), cluster(hardware), times))
  if chance(0.25) then file:write(("  stop_time = %.3f,\n"):format(draw() * 5)) end
  if chance(0.3) then
    file:write(pick{ ("  warmup = %d,\n"):format(whole(1, 10)),
      ("  warmup = { seconds = %.3f },\n"):format(0.01 + draw() * 2) })
  end
  file:write(("  policies = { %s },\n  seeds = %d, seed = %d,\n}\n"):format(table.concat(list, ",\n    "), seeds,
    whole(1, 1e6)))
  file:close()
  return path
end

local function run(path, out, option)
  local command = ("%s %s --quiet --out %s --dump requests,batches,decisions --format csv %s >%s.txt 2>&1"):format(
    binary, path, out, option, out)
  local first, _, code = os.execute(command)
  return type(first) == "number" and first / 256 or code or 0 -- Lua 5.1 gives the status itself
end

-- The summary without what a clock measured.
local function summary(path)
  local rows = {}
  local drop = {}
  for line in io.lines(path) do
    local cells, i = {}, 0
    for cell in (line .. ","):gmatch("([^,]*),") do
      i = i + 1
      if #rows == 0 and cell:find("^sim_") then drop[i] = true end
      if not drop[i] then cells[#cells + 1] = cell end
    end
    rows[#rows + 1] = table.concat(cells, ",")
  end
  return table.concat(rows, "\n")
end

local function read(path)
  local file = assert(io.open(path))
  local all = file:read("*a")
  file:close()
  return all
end

-- What was said on standard error and beside the numbers, without what a clock measured.
local function said(out)
  local lines = {}
  for line in io.lines(out .. ".txt") do
    if line:find("^mbsand:") then table.insert(lines, (line:gsub("%.fast", ""):gsub("%.slow", ""))) end
  end
  return table.concat(lines, "\n")
end

local function files(out)
  local list = {}
  local pipe = assert(io.popen("ls " .. out))
  for name in pipe:lines() do list[#list + 1] = name end
  pipe:close()
  return list
end

-- nil, or what differs.
local function difference(fast, slow)
  local names = files(fast)
  if table.concat(names, " ") ~= table.concat(files(slow), " ") then return "other files" end
  for _, name in ipairs(names) do
    local same = true
    if name == "summary.csv" then
      same = summary(fast .. "/" .. name) == summary(slow .. "/" .. name)
    elseif name:find("%.csv$") then
      same = read(fast .. "/" .. name) == read(slow .. "/" .. name)
    end
    if not same then return name end
  end
end

-- Policies that claim never to leave a replica idle while the head of its queue would fit.
local CONSERVING = {}
for name in ("fcfs orca vllm_v0 vllm_v1 sarathi sjf srpt edf priority pang multi_bin_continuous round_robin random "
  .. "least_loaded power_of_two"):gmatch("[%w_]+") do CONSERVING[name] = true end

-- Seconds that such policies left replicas idle with work, and how many runs they had.
local function idleness(path)
  local seconds, runs, names = 0, 0, nil
  for line in io.lines(path) do
    local cells = {}
    for cell in (line .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
    local row = {}
    for i, name in ipairs(names or {}) do row[name] = cells[i] end
    names = names or cells
    if row.policy and CONSERVING[row.policy:gsub("%d+$", "")] then
      seconds, runs = seconds + (tonumber(row.idle_with_work_s) or 0), runs + 1
    end
  end
  return seconds, runs
end

local conserving, idle = 0, 0
local done, number, served, failed = 0, 0, 0, 0
while done < wanted do
  number = number + 1
  local policies, seeds = whole(4, 8), whole(2, 4)
  local path = scenario(number, policies, seeds)
  local out = folder .. "/" .. number
  local a, b = run(path, out .. ".fast", ""), run(path, out .. ".slow", "--step")
  local different = a ~= b or a > 1 or said(out .. ".fast") ~= said(out .. ".slow")
  local what = different and ("exit codes %d and %d: %s"):format(a, b, read(out .. ".fast.txt"):sub(1, 400))
    or difference(out .. ".fast", out .. ".slow")
  if what then
    failed = failed + 1
    print(("# %s: %s"):format(path, what))
  else
    local seconds, runs = idleness(out .. ".fast/summary.csv")
    if seconds > 0 then print(("# %s: idle with work for %g s"):format(path, seconds)) end
    idle, conserving = idle + seconds, conserving + runs
    for _, name in ipairs(files(out .. ".fast")) do
      if name:find("^requests") then
        for _ in read(out .. ".fast/" .. name):gmatch(",done\n") do served = served + 1 end
      end
    end
    if seconds == 0 then os.execute(("rm -r %s.fast %s.slow %s*.txt %s"):format(out, out, out, path)) end
  end
  done = done + policies * seeds
end
tap.equal(failed, 0, ("%d triples of scenario, policy and seed: jumping = stepping (%d requests served)"):format(done, served))
tap.equal(meddle or served > (done < 100 and 1 or 10) * done, true, "most requests were served") -- a single file may have few
tap.equal(idle, 0, conserving .. " runs of policies that conserve work: no replica idle with work")
if failed == 0 and idle == 0 then os.execute("rm -r " .. folder) end
tap.done()
