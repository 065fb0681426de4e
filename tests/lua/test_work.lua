-- What a function of the core does in a loop counts as work of the policy (limits.hook_instructions): called some thousand
-- times on long lists, each meets a limit that the policy's own instructions stay far below (what allocates pays for that
-- too). Numbers of operations, no times.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local folder = program.temporary_folder()
program.write(folder .. "/s.lua", [[
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = 10, output = 5, limit = 300 },
  cluster = { groups = { { name = "one", gpus = 800 } }, kv_tokens = 2000 },
  latency = latency.step { base = 0.02, per_token = 1e-5 },
  policies = { },
  seeds = 1,
}
]])

-- What is called, in the 300th arrival; what is made before the first.
local CALLS = {
  { "queue:reorder", "keyed:reorder()" },
  { "queue:peek_back, by the ratio of ages", "aged:peek_back()" },
  { "queue:each, by the ratio of ages", "for _ in aged:each() do break end" },
  { "bins:next", "bins:next()" },
  { "bins:set_edges", "bins:set_edges(edges)" },
  { "replica:peak with a list", "replica:peak{ with = list }" },
  { "replica:estimate of many prompts", "replica:estimate{ prefill = lengths }" },
  { "sim:route", "self.sim:route('load')" },
  { "sim:group", "self.sim:group('one')" },
  { "step:rank", "step:rank{ from = plain, by = 'arrival', most = 0 }", "schedule" },
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

-- What each policy's run failed with, five to a process (of more the program prints no sentence).
local function said(times)
  local warnings = {}
  for first = 1, #CALLS, 5 do
    local options = {}
    for i = first, math.min(first + 4, #CALLS) do
      program.write(("%s/call%d.lua"):format(folder, i), POLICY:format(times, CALLS[i][2], CALLS[i][3] or "arrive"))
      options[#options + 1] = ("-p %s/call%d.lua"):format(folder, i)
    end
    local lines = program.lines(("%s %s/s.lua -q --jobs 1 --hook-seconds 1000 --hook-instructions 1000000 %s 2>&1"):format(
      program.path, folder, table.concat(options, " ")))
    local out = table.concat(lines, " "):gsub("%s+", " ") .. " warning: "
    for warning in out:gmatch("(.-)warning: ") do
      local number = warning:match("^call(%d+) failed with seed")
      if number then warnings[tonumber(number)] = warning end
    end
  end
  return warnings
end

local LIMIT = "used more than 1000000 instructions"
local often, seldom = said(20000), said(20)
for i, case in ipairs(CALLS) do
  local got = often[i] or "no failure"
  tap.ok(got:find(LIMIT, 1, true), case[1] .. ": 20,000 calls meet the limit of instructions", got)
  got = seldom[i] or "" -- (that nobody is served is an error too)
  tap.ok(not got:find("instructions", 1, true) and not got:find(".lua:", 1, true), case[1] .. ": 20 calls do not", got)
end
os.execute("rm -r " .. folder)
tap.done()
