-- KV memory over links: random transfers against a fluid model in plain Lua, and a prefill replica with its link against
-- queueing theory.
--   MBSAND=build/mbsand lua tests/oracle/links.lua [SCENARIOS [SEED]]

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"
local through = require "fluid"

local count, seed = tonumber(arg[1]) or 30, tonumber(arg[2]) or 1
local random = program.random(seed)
local folder = program.temporary_folder()

-- Random transfers -------------------------------------------------------------------------------------------

program.write(folder .. "/send.lua", [[
local P = {}
function P:arrive(req)
  local prefill = self.sim:group("prefill")
  prefill[1 + req.id % #prefill].queue:push(req)
end
function P:schedule(replica, step) step:carry() step:admit(replica.queue) end
function P:handoff(req, replica)
  local decode = self.sim:group(req.id % 3 == 0 and "far" or "near")
  assert(self.sim:send(req, decode[1 + math.floor(req.id / 7) % #decode]))
  self.sim:observe("from", req.id + replica.id / 1024)
end
function P:signal(event) self.sim:observe("arrived", event.request.id) end
return P
]])

-- What the policy saw, by name: { { time, value }, ... }.
local function decisions(path)
  local seen = {}
  for line in io.lines(path) do
    local time, name, value = line:match("^([^,]+),[^,]*,([^,]+),([^,]+)$")
    if tonumber(time) then
      seen[name] = seen[name] or {}
      table.insert(seen[name], { tonumber(time), tonumber(value) })
    end
  end
  return seen
end

local function run(text, options)
  program.write(folder .. "/s.lua", text)
  local command = ("cd %s && %s s.lua --quiet --out out --dump decisions --format csv %s >summary.csv 2>said.txt"):format(
    folder, program.path:sub(1, 1) == "/" and program.path or os.getenv("PWD") .. "/" .. program.path, options or "")
  local first, _, code = os.execute(command)
  local status = type(first) == "number" and first or code
  if status ~= 0 then error(program.read(folder .. "/said.txt")) end
end

local transfers, worst, wrong = 0, 0, 0
for _ = 1, count do
  local share, per = random.pick{ "fifo", "fair", "fair", "none" }, random.pick{ "group", "replica" }
  local rates = { near = 0.0001 + 0.004 * random.uniform(), far = 0.0001 + 0.004 * random.uniform() }
  local latency = random.chance(0.5) and 0.02 * random.uniform() or 0
  if per == "replica" then rates.far = rates.near end -- then all go over the wire of their replica
  run(([[return scenario {
    workload = synthetic { arrivals = arrivals.poisson{ rate = %d }, prompt = lengths.uniform(1, 60), output = 2, limit = 120 },
    latency = latency.step { base = 0.004, per_token = 0.00003 },
    cluster = {
      link = { { to = "near", seconds_per_token = %.17g, latency = %.17g, share = "%s", per = "%s" },
        { to = "far", seconds_per_token = %.17g, latency = %.17g, share = "%s", per = "%s" } },
      groups = { { name = "prefill", role = "prefill", gpus = 2 }, { name = "near", gpus = 2 }, { name = "far" } } },
    policies = { "./send.lua" }, seeds = 1, seed = %d }]]):format(random.whole(5, 80), rates.near, latency, share, per,
    rates.far, latency, share, per, random.whole(1, 1e6)), "--dump requests,decisions")
  local prompts = {}
  for line in io.lines(folder .. "/out/requests-send-1.csv") do
    local id, prompt = line:match("^(%d+),[^,]*,[^,]*,(%d+),")
    if id then prompts[tonumber(id)] = tonumber(prompt) end
  end
  local seen = decisions(folder .. "/out/decisions-send-1.csv")
  local wires, all = {}, {}
  for _, row in ipairs(seen.from) do
    local id = math.floor(row[2])
    local to = id % 3 == 0 and "far" or "near"
    local wire = per == "replica" and row[2] - id or to
    local transfer = { start = row[1], work = prompts[id] * rates[to] }
    wires[wire] = wires[wire] or {}
    table.insert(wires[wire], transfer)
    all[id] = transfer
  end
  for _, list in pairs(wires) do through[share](list) end
  for _, row in ipairs(seen.arrived) do
    local off = math.abs(row[1] - (all[row[2]].through + latency))
    worst, transfers = math.max(worst, off), transfers + 1
    all[row[2]] = nil
    if off > 1e-9 then wrong = wrong + 1 end
  end
  if next(all) then wrong = wrong + 1 end
end
tap.equal(wrong, 0, ("%d random transfers over %d links end as the fluid says"):format(transfers, count))
tap.ok(worst < 1e-9, "none is off by a nanosecond", worst)

-- Tandems ----------------------------------------------------------------------------------------------------

-- One prefill replica whose steps take a prompt each, of s seconds, and its link, of d seconds: means of the time to the
-- first token and of the way.
local function tandem(arrivals, s, d, limit)
  run(([[return scenario {
    workload = synthetic { arrivals = arrivals.%s, prompt = 100, output = 2, limit = %d },
    latency = latency.step { base = %.17g },
    cluster = { link = { seconds_per_token = %.17g }, token_budget = 100,
      groups = { { name = "prefill", role = "prefill" }, { name = "decode", role = "decode", token_budget = 1000000,
        latency = latency.step{ base = 1e-6 } } } },
    policies = { "./tandem.lua" }, seeds = 1 }]]):format(arrivals, limit, s, d / 100))
  local names, row
  for line in io.lines(folder .. "/summary.csv") do
    local cells = {}
    for cell in (line .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
    if not names then names = cells else row = {} for i, name in ipairs(names) do row[name] = tonumber(cells[i]) end end
  end
  return row
end

program.write(folder .. "/tandem.lua", [[
local P = {}
function P:arrive(req) self.sim.replicas[1].queue:push(req) end
function P:schedule(replica, step) step:carry() step:admit(replica.queue) end
return P
]])

local row = tandem("constant{ rate = 8 }", 0.1, 0.05, 2000)
tap.near(row.ttft_mean_s, 0.1, 1e-9, "D/D/1: the first token comes after one step")
tap.near(row.ttft_max_s, 0.1, 1e-9, "D/D/1: for every request")
tap.near(row.transfer_mean_s, 0.05, 1e-9, "D/D/1: and the way is the link's")
tap.equal(row.idle_with_work_s, 0, "a prefill replica is not idle with work while only handed-off requests wait")

-- Mean time in M/D/1 with service s at a load of rho.
local function md1(s, rho) return s + rho * s / (2 * (1 - rho)) end

local limit = 300000
row = tandem("poisson{ rate = 7 }", 0.1, 0.08, limit)
tap.near(row.ttft_mean_s / md1(0.1, 0.7), 1, 0.01, "M/D/1 at 70 %: time to the first token within 1 %")
tap.near(row.transfer_mean_s, 0.08, 1e-9, "a faster link behind it is never waited for")
row = tandem("poisson{ rate = 7 }", 0.08, 0.1, limit)
-- (Steps of fixed lengths in a row: all wait as if for the slowest alone. Avi-Itzhak 1965, Friedman 1965.)
tap.near((row.ttft_mean_s + row.transfer_mean_s) / (0.08 + md1(0.1, 0.7)), 1, 0.01, "a slower link: the tandem within 1 %")

os.execute("rm -r " .. folder)
tap.done()
