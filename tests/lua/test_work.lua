-- What a function of the core does in a loop counts as work of the policy (limits.hook_instructions): called some thousand
-- times on long lists, each meets a limit that the policy's own instructions stay far below (what allocates pays for that
-- too). Numbers of operations, no times.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local folder = program.temporary_folder()
program.write(folder .. "/s.lua", [[
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = 10, output = 5, limit = 300, clients = 800 },
  cluster = { groups = { { name = "one", gpus = 800, max_gpus = 800 } }, kv_tokens = 2000 },
  latency = latency.step { base = 0.02, per_token = 1e-5 },
  policies = { },
  seeds = 1,
}
]])

-- What is called, in the 300th arrival; what is made before the first.
local CALLS = {
  { "queue:reorder", "keyed:reorder()" },
  { "queue:starved", "plain:starved(1e9)" },
  { "queue:longest_cached", "plain:longest_cached(self.sim.replicas[1])" },
  { "sim:rank of a queue", "self.sim:rank(keyed, 1)" },
  { "sim:rank of a list", "self.sim:rank(list, 1)" },
  { "queue:peek_back, by the ratio of ages", "aged:peek_back()" },
  { "queue:wait_estimate", "plain:wait_estimate()" },
  { "queue:wait_estimate of one that waits", "plain:wait_estimate(plain:peek_back())" },
  { "queue:each, by the ratio of ages", "for _ in aged:each() do break end" },
  { "bins:next", "bins:next()" },
  { "bins:set_edges", "bins:set_edges(edges)" },
  { "replica:peak with a list", "replica:peak{ with = list }" },
  { "replica:estimate of many prompts", "replica:estimate{ prefill = lengths }" },
  { "sim:route", "self.sim:route('load')" },
  { "sim:group", "self.sim:group('one')" },
  { "step:rank", "step:rank{ from = plain, by = 'arrival', most = 0 }", "schedule" },
  { "sim.clients by name", "local _ = self.sim.clients.nobody" },
  { "sim:add where there is no room", "self.sim:add() self.sim:add()" },
  { "table.concat", "table.concat(words)" },
  { "table.insert at the front", "table.insert(words, 1, 'a') table.remove(words)" },
  { "string.find", "long:find(never, 1, true)" },
  { "string.upper", "long:upper()" },
}

local POLICY = [[
local P = {}
local TIMES = %d
local plain, keyed, aged, bins
local edges, lengths, words, list, long, never = {}, {}, {}, {}, ("a"):rep(20000), ("a"):rep(20) .. "b"
for i = 1, 1023 do edges[i], lengths[i], words[i] = i, 10, "word" end
function P:init()
  plain, keyed = self.sim:queue(), self.sim:queue{ by = "predicted_total" }
  aged = self.sim:queue{ by = "predicted_total", age = "ratio" }
  bins = self.sim:bins{ edges = edges }
end
local function call(self, replica, step)
  for _ = 1, TIMES do %s end
end
local called, waits = %q, false
function P:arrive(req)
  local queue = ({ plain, keyed, aged })[1 + req.id %% 3]
  queue:push(req)
  list[#list + 1] = req
  if req.id == 299 then
    waits = true
    if called == "arrive" then call(self, self.sim.replicas[1]) end
  end
end
function P:schedule(replica, step)
  if waits and called == "schedule" then waits = false call(self, replica, step) end
end
return P
]]

-- What can be called only so often in one hook, but does much at once: 40,000 requests that come together. They reach the
-- end of a block of 16 in the same step, where room is left for half of them.
local ROWS = { "t,p,o" }
for i = 0, 39999 do ROWS[#ROWS + 1] = "0," .. 13 + i // 10000 .. ",6" end
program.write(folder .. "/rows.csv", table.concat(ROWS, "\n") .. "\n")
program.write(folder .. "/many.lua", [[
return scenario {
  workload = trace.csv "rows.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { gpus = 1, kv_tokens = 640000, kv_block = 16 },
  latency = latency.step { base = 0.02, per_token = 1e-5 },
  policies = { },
  seeds = 1,
}
]])

local AT_ONCE = {
  { "replica:fail", "failing = true", gpus = 20 },
  { "step:admit", "step:admit(queue) error('went on')" },
  { "step:displace", "step:displace(ordered) error('went on')",
    "ordered = sim:queue{ by = 'priority', of = first } sim:route('turns')" },
  { "replica:foresee", "if #queue == 0 then replica:foresee(0.5) error('went on') end step:carry() step:admit(queue, 10000)" },
  { "step:carry", "if step:carry() > 0 then error('went on') end step:admit(queue, 10000)" },
}

-- (No view of a request is made: the table of views would pay for its memory, too.)
local AT_ONCE_POLICY = [[
local P = {}
local sim, failing, first, ordered
function P:init()
  sim = self.sim
  first = sim.replicas[1]
  %s
  sim:after(0.01, function()
    for _, r in ipairs(failing and sim.replicas or {}) do r:fail() end
    if failing then error('went on') end
  end)
end
function P:schedule(replica, step)
  local queue = sim.queue
  if replica == first then %s end
end
return P
]]

-- What each policy's run failed with, five to a process (of more the program prints no sentence).
local function said(scenario, options, policies)
  local warnings = {}
  for first = 1, #policies, 5 do
    local files = {}
    for i = first, math.min(first + 4, #policies) do
      program.write(("%s/call%d.lua"):format(folder, i), policies[i])
      files[#files + 1] = ("-p %s/call%d.lua"):format(folder, i)
    end
    local lines = program.lines(("%s %s/%s.lua -q --jobs 1 --hook-seconds 1000 %s %s 2>&1"):format(
      program.path, folder, scenario, options, table.concat(files, " ")))
    local out = table.concat(lines, " "):gsub("%s+", " ") .. " warning: "
    for warning in out:gmatch("(.-)warning: ") do
      local number = warning:match("^call(%d+) failed with seed")
      if number then warnings[tonumber(number)] = warning end
    end
  end
  return warnings
end

local function called(times)
  local policies = {}
  for i, case in ipairs(CALLS) do policies[i] = POLICY:format(times, case[2], case[3] or "arrive") end
  return said("s", "--hook-instructions 1000000", policies)
end

local LIMIT = "used more than %d instructions"
local often, seldom = called(20000), called(20)
for i, case in ipairs(CALLS) do
  local got = often[i] or "no failure"
  tap.ok(got:find(LIMIT:format(1000000), 1, true), case[1] .. ": 20,000 calls meet the limit of instructions", got)
  got = seldom[i] or "" -- (that nobody is served is an error too)
  tap.ok(not got:find("instructions", 1, true) and not got:find(".lua:", 1, true), case[1] .. ": 20 calls do not", got)
end

for _, case in ipairs(AT_ONCE) do
  local policy = { AT_ONCE_POLICY:format(case[3] or "", case[2]) }
  local function fails(options)
    return said("many", ("--set cluster.gpus=%d "):format(case.gpus or 1) .. options, policy)[1] or "no failure"
  end
  local got = fails "--hook-instructions 20000"
  tap.ok(got:find(LIMIT:format(20000), 1, true), case[1] .. ": of 40,000 requests meets the limit of instructions", got)
  if case[1] ~= "step:carry" then -- (visited one by one, 20,000 that are preempted at once take too long)
    local stepping = fails "--hook-instructions 20000 --step"
    tap.ok(got == stepping, case[1] .. ": at the same place with --step", got .. " | " .. stepping)
  end
  got = fails "--hook-instructions 60000"
  tap.ok(got:find("went on", 1, true), case[1] .. ": goes on where the limit is higher", got)
end
os.execute("rm -r " .. folder)
tap.done()
