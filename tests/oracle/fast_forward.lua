-- Jumping from change to change gives the same bits as visiting every running request at every iteration (--step), on
-- random scenarios, policies and seeds: every measure, and every row of every dump.
--   lua tests/oracle/fast_forward.lua [TRIPLES [SEED [BINARY [meddle | cluster]]]]
-- meddle, cluster: as random_steps.lua has them. Of clusters so many scenarios are run, of one or two triples each.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local wanted, seed = tonumber(arg[1]) or 1000, tonumber(arg[2]) or 1
local binary, mode = arg[3] or "build/mbsand", arg[4]
local meddle, clustered = mode == "meddle", mode == "cluster"
local work = os.getenv("TMPDIR") or "/tmp"
local folder = os.tmpname()
os.remove(folder)
folder = work .. "/" .. folder:match("[^/]*$") .. ".ff"
assert(os.execute("mkdir -p " .. folder))

local draws = require("random_steps")(seed, folder, mode)
local whole, scenario = draws.whole, draws.scenario

local function run(path, out, option)
  local command = ("%s %s --quiet --out %s --dump requests,batches,decisions --format csv %s >%s.txt 2>&1"):format(
    binary, path, out, option, out)
  local first, _, code = os.execute(command)
  return type(first) == "number" and first / 256 or code or 0 -- Lua 5.1 gives the status itself
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
      same = program.untimed_summary(fast .. "/" .. name) == program.untimed_summary(slow .. "/" .. name)
    elseif name:find("%.csv$") then
      same = program.read(fast .. "/" .. name) == program.read(slow .. "/" .. name)
    end
    if not same then return name end
  end
end

local PARTS = { "waiting_s", "prefill_s", "decode_s", "stalled_s", "again_s", "moved_s", "aside_s", "padding_s" }

local function nanoseconds(text)
  local s, ns = text:match("^(%d+)%.(%d+)$")
  assert(#ns == 9, text)
  return s * 1e9 + ns -- exact: these runs are short
end

-- Requests of a dump that say where their time went; what does not add up is printed.
local function add_up(path)
  local count, wrong, at = 0, 0, nil
  for line in io.lines(path) do
    local cells = {}
    for cell in (line .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
    if not at then
      at = {}
      for i, name in ipairs(cells) do at[name] = i end
      if not at.waiting_s then return 0, 0 end
    elseif cells[at.why] == "done" then
      local sum, least = 0, 0
      for _, part in ipairs(PARTS) do
        if cells[at[part]]:sub(1, 1) == "-" then least = -1 else sum = sum + nanoseconds(cells[at[part]]) end
      end
      count = count + 1
      local function rounded(name) return math.floor(cells[at[name]] * 1e9 + 0.5) end
      if least < 0 or sum ~= rounded("end_s") - rounded("arrival_s") then
        wrong = wrong + 1
        print(("# %s: %s"):format(path, line))
      end
    end
  end
  return count, wrong
end

-- What a random policy did to a cluster, by the names under which it wrote that down.
local EVENTS = { "sent", "migrated", "copied", "handoff", "signal", "aborted", "up", "down", "draining", "off" }
local events = {}
for _, name in ipairs(EVENTS) do events[name] = 0 end

local function count_events(path)
  for line in io.lines(path) do
    local name = line:match("^[^,]*,[^,]*,([%a]+),")
    if events[name] then events[name] = events[name] + 1 end
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
local done, number, served, failed, summed, wrong = 0, 0, 0, 0, 0, 0
local scenarios, refused = 0, 0
while (clustered and scenarios or done) < wanted do
  number = number + 1
  local policies, seeds = whole(4, 8), whole(2, 4)
  if clustered then policies, seeds = whole(1, 2), 1 end
  local path = scenario(number, policies, seeds)
  scenarios = scenarios + 1
  local out = folder .. "/" .. number
  local a, b = run(path, out .. ".fast", ""), run(path, out .. ".slow", "--step")
  local different = a ~= b or said(out .. ".fast") ~= said(out .. ".slow")
  refused = refused + (a > 1 and 1 or 0)
  local what = different and ("exit codes %d and %d: %s"):format(a, b, program.read(out .. ".fast.txt"):sub(1, 400))
    or a < 2 and difference(out .. ".fast", out .. ".slow")
  if a > 1 and not what then
    print(("# %s: %s"):format(path, program.read(out .. ".fast.txt"):sub(1, 400)))
  elseif what then
    failed = failed + 1
    print(("# %s: %s"):format(path, what))
  else
    local seconds, runs = idleness(out .. ".fast/summary.csv")
    if seconds > 0 then print(("# %s: idle with work for %g s"):format(path, seconds)) end
    idle, conserving = idle + seconds, conserving + runs
    for _, name in ipairs(files(out .. ".fast")) do
      if clustered and name:find("^decisions") then count_events(out .. ".fast/" .. name) end
      if name:find("^requests") then
        for _ in program.read(out .. ".fast/" .. name):gmatch(",done[,\n]") do served = served + 1 end
        local count, bad = add_up(out .. ".fast/" .. name)
        summed, wrong = summed + count, wrong + bad
      end
    end
    if seconds == 0 then os.execute(("rm -r %s.fast %s.slow %s*.txt %s"):format(out, out, out, path)) end
  end
  done = done + policies * seeds
end
tap.equal(failed, 0, ("%d triples of scenario, policy and seed: jumping = stepping (%d requests served)"):format(done, served))
tap.equal(meddle or served > (done < 100 and 1 or 10) * done, true, "most requests were served") -- a single file may have few
tap.ok(refused <= scenarios / 50, refused .. " of the scenarios are refused", "more than a fiftieth")
if clustered then
  local list, least = {}, math.huge
  for i, name in ipairs(EVENTS) do
    list[i], least = events[name] .. " x " .. name, math.min(least, events[name])
  end
  tap.ok(least > 0 or scenarios < 100, scenarios .. " scenarios of clusters: " .. table.concat(list, ", "))
end
tap.equal(wrong, 0, ("the time of %d requests adds up, no part below 0"):format(summed))
tap.equal(idle, 0, conserving .. " runs of policies that conserve work: no replica idle with work")
if failed == 0 and idle == 0 then os.execute("rm -r " .. folder) end
tap.done()
