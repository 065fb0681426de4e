-- queue:wait_estimate: worked by hand, and against what requests then waited.
package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local folder = program.temporary_folder()

local function run(policy, scenario, options)
  program.write(folder .. "/it.lua", policy)
  program.write(folder .. "/scene.lua",
    ("return scenario { policies = { './it.lua' }, seeds = 1, %s }"):format(scenario))
  local pipe = io.popen(("%s %s/scene.lua -q %s 2>&1"):format(program.path, folder, options or ""))
  local text = pipe:read("a")
  pipe:close()
  return (text:gsub("%s+", " "))
end

-- Steps of 10 ms + 1 ms for each token. One request at a time runs: at 0.03 s the first (prompt 2, output 9) decodes. Behind
-- it wait a prompt of 4 with an output of 5 and one of 6 with 1. A step with one decode takes 11 ms; a prompt of 5, their
-- mean, makes it 5 ms longer.
local ASKS = [[
local Asks = {}
function Asks:init() self.sim:after(0.03, function() self:look() end) MAKE end
function Asks:look()
  local q, second = self.sim.inbox, nil
  for req in q:each() do second = req end
  local function ms(seconds) return seconds and ("%.3f"):format(1000 * seconds) or "nil" end
  print("asked", #q, ms(q:wait_estimate()), ms(q:wait_estimate(q:peek())), ms(q:wait_estimate(second)))
  EXTRA
end
function Asks:schedule(_, step)
  if step:carry() == 0 then step:admit(self.sim.inbox) end
end
return Asks
]]
local THREE = [[workload = requests { { 0, 2, 9 }, { 0.001, 4, 5 }, { 0.002, 6, 1 } },
  latency = latency.step { base = 0.01, per_token = 0.001 },
  cluster = { max_requests = 1, kv_block = 2, kv_blocks = 100, %s }]]

local function asked(what, expected, cluster, make, extra)
  local policy = ASKS:gsub("MAKE", make or ""):gsub("EXTRA", extra or "")
  local text = run(policy, THREE:format(cluster))
  tap.ok(text:find(expected, 1, true), what, text)
end
asked("both: 2 x 5 ms + 6 x 11 ms; before the first nobody; before the second 4 ms + 5 x 11 ms",
  "asked 2 76.000 0.000 59.000", "gpus = 1")
asked("in the other order: 6 ms + 1 x 11 ms", "asked 2 76.000 0.000 17.000", "gpus = 1",
  "self.sim.inbox = self.sim:queue{ by = function(req) return -req.prompt_tokens end }")
-- A second engine, the same and idle: it runs the second request, so one waits, for half of 6 ms + 11 ms.
asked("two engines are twice as fast", "asked 1 8.500 0.000", "gpus = 2")
asked("nobody who is up", "asked 2 76.000 0.000 59.000 it: down nil", "gpus = 1", "",
  [[self.sim.replicas[1]:fail() print("down", q:wait_estimate())]])
asked("an empty queue", "empty 0", "gpus = 1", "", [[print("empty", math.floor(self.sim:queue():wait_estimate()))]])
asked("a queue of its own is its owner's", "own 17.000", "gpus = 2", "",
  [[local own = self.sim.replicas[2].queue own:push(q:peek()) print("own", ms(own:wait_estimate()))]])
asked("one that waits elsewhere", "queue:wait_estimate: the request is not in this queue", "gpus = 1", "",
  "self.sim:queue():wait_estimate(q:peek())")

local BATCH = ASKS:gsub("MAKE", ""):gsub("EXTRA", "")
BATCH = BATCH:gsub("if step:carry[^\n]*", "step:admit(self.sim.inbox)", 1)
local function refused(what, scenario, why)
  local text = run(BATCH, scenario)
  tap.ok(text:find(why, 1, true), what .. " are refused", text)
end
refused("whole batches",
  "workload = requests { { 0, 2, 9 }, { 0.001, 4, 5 } }, latency = latency.batch { alpha = 1, beta = 1, gamma = 0 }",
  "replica 1 serves whole batches, which have no steps; ask replica:estimate")
refused("pipelines", THREE:format "gpus = 2, pipeline = { stages = 2 }", "replica 1 is a pipeline")

-- Twice what one engine can serve, 16 at once, exact predictions: what is estimated when a request comes, beside what it
-- waited.
local BESIDE = [[
local Beside = {}
function Beside:init() self.told, self.waited, self.n, self.off = 0, 0, 0, 0 end
function Beside:arrive(req)
  req.said = self.sim.queue:wait_estimate()
  self.sim.queue:push(req)
end
function Beside:schedule(replica, step)
  if step:carry() == 0 or replica.running < 16 then
    local first = self.sim.queue:peek()
    while first and step:add(first) do
      self.told, self.waited, self.n = self.told + first.said, self.waited + first:waited(), self.n + 1
      self.off = self.off + math.abs(first.said - first:waited())
      first = self.sim.queue:peek()
    end
  end
end
function Beside:done() print("ratio", self.n, self.told / self.waited, self.off / self.waited) end
return Beside
]]
local text = run(BESIDE, [[workload = synthetic { arrivals = arrivals.poisson { rate = 10 }, prompt = lengths.uniform(50, 800),
  output = lengths.uniform(20, 300), limit = 600, predictor = predict.exact() },
  latency = latency.step { base = 0.012, per_token = 0.00004, per_context = 1e-7 },
  cluster = { gpus = 1, max_requests = 16, kv_block = 16, kv_blocks = 4000 }]])
local n, ratio, off = text:match("ratio (%d+) (%S+) (%S+)")
tap.ok(tonumber(n) == 600 and math.abs(tonumber(ratio) - 1) < 0.05 and tonumber(off) < 0.1,
  ("under overload the estimates come to what was waited: %s of it, off by %s"):format(ratio, off), text)

os.execute("rm -r " .. folder)
tap.done()
