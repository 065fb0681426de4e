-- Bundled policies that say a plain step once (replica:plain) do what they do when their function `serve` is called at every
-- boundary, and routers that say where arrivals go (sim:route) what the hook `arrive` does that says so each time: every
-- measure, and every row of every dump, on random scenarios, jumping and step by step.
--   lua5.4 tests/oracle/plain.lua [SCENARIOS [SEED]]

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local wanted, seed = tonumber(arg[1]) or 40, tonumber(arg[2]) or 1
local folder = program.temporary_folder()
local draws = require("random_steps")(seed, folder, false)

-- Those that say so, the routers over two engines, and beside each the policy that never does.
local NAMES = program.lines("grep -l replica:plain policies/*.lua | sed 's/.*\\///; s/\\.lua//'")
for _, name in ipairs{ "round_robin", "random", "least_loaded", "power_of_two", "fewest_running", "fewest_waiting" } do
  NAMES[#NAMES + 1] = name
end
for _, what in ipairs{ "running", "waiting" } do -- those that are not bundled
  program.write(("%s/fewest_%s.lua"):format(folder, what), ([[
local P = require "mbsand.router".new()
P.route = "%s"
return P
]]):format(what))
end

-- sim:route, written out.
local FEWEST = [[
function P:arrive(req)
  local best, fewest
  for _, replica in ipairs(self.sim.replicas) do
    local count = %s
    if not best or count < fewest then best, fewest = replica, count end
  end
  best.queue:push(req)
end
]]
local ROUTES = { round_robin = [[
function P:arrive(req)
  local replicas = self.sim.replicas
  self.last = (self.last or 0) % #replicas + 1
  replicas[self.last].queue:push(req)
end
]], random = [[
function P:arrive(req)
  local replicas = self.sim.replicas
  replicas[math.random(#replicas)].queue:push(req)
end
]], power_of_two = [[
function P:arrive(req)
  local replicas = self.sim.replicas
  local a, b = math.random(#replicas), math.random(math.max(1, #replicas - 1))
  if b >= a and #replicas > 1 then b = b + 1 end
  a, b = replicas[a], replicas[b]
  local chosen = b.running + b.waiting < a.running + a.waiting and b or a
  chosen.queue:push(req)
end
]], least_loaded = FEWEST:format("replica.running + replica.waiting"),
  fewest_running = FEWEST:format("replica.running"), fewest_waiting = FEWEST:format("replica.waiting") }

-- step:displace, written out: a walk over the running.
local WALKS = { priority = [[
local function victim(replica, head)
  local one
  for req in replica:each_running() do -- in order of admission: of equals, the last is the newest
    if req.priority < head.priority and (not one or req.priority <= one.priority) then one = req end
  end
  return one
end
]], srpt = [[
local function remaining(req) return req.predicted_output - req:generated() end
local function victim(replica, head, age)
  local one, least = nil, remaining(head)
  for req in replica:each_running() do
    local left = remaining(req)
    if left > least and req:generated() < age * req.predicted_output then one, least = req, left end
  end
  return one
end
]] }
local LOOP = [[
function P:serve(replica, step, queue)
  if step:carry() > 0 then return end
  local _, why = step:admit(queue)
  while rawget(self.params, "preempt") ~= false and (why == "requests" or why == "memory") do
    local one = victim(replica, queue:peek(), rawget(self.params, "age"))
    if not one then return end
    step:preempt(one)
    _, why = step:admit(queue)
  end
end
]]

local function write_out(name)
  program.write(("%s/written_%s.lua"):format(folder, name), ([[
local P = require "%s"
%s
function P:schedule(replica, step)
  local engine = self.engine
  if engine then return engine.serve(self, replica, step, replica.queue) end
  self:serve(replica, step, self.queue or self.sim.queue)
end
return P
]]):format(name, ROUTES[name] or WALKS[name] and WALKS[name] .. LOOP or ""))
end
for _, name in ipairs(NAMES) do write_out(name) end

-- Parameters with which both are tried.
local PARAMS = {
  sarathi = { "", "chunk = 16", 'chunk = 8, decode_needs = "needed"', "chunk = 30, watermark = 0" },
  orca = { "", "max_requests = 3" },
  priority = { "", "", "preempt = false" },
  srpt = { "", "age = 1", "age = 0.3" },
  vllm_v1 = { "", "max_tokens = 16", 'reserve = "chunk", max_requests = 5', "long_prefill = 3" },
  round_robin = { "", "max_tokens = 24", "long_prefill = 4", 'engine = "sarathi"' },
  least_loaded = { "", 'engine = "sjf"', 'engine = "srpt"' },
}

local function pair(name)
  local params = draws.pick(PARAMS[name] or { "" })
  local function entry(what, label) return ('{ "%s", label = "%s", %s }'):format(what, label, params) end
  local own = ("%s/%s.lua"):format(folder, name)
  local one = entry(name:find("^fewest") and own or name, name .. "_one")
  return one, entry(("%s/written_%s.lua"):format(folder, name), name .. "_two")
end

local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

-- The rows of one label in summary.csv, without its name, its path and what a clock measured.
local function measures(path, label)
  local names, out = nil, {}
  for line in io.lines(path) do
    local cells, quoted = {}, line:gsub('"[^"]*"', function(text) return (text:gsub(",", ";")) end)
    for cell in (quoted .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
    if not names then
      names = cells
    elseif table.concat(cells, ",", 1, 4):find(label, 1, true) then
      for i, name in ipairs(names) do
        if name:find("^sim_") or name:find("policy") then cells[i] = "" end
      end
      out[#out + 1] = table.concat(cells, ",")
    end
  end
  return table.concat(out, "\n"), #out
end

local runs, rows = 0, 0
local function difference(out, name)
  local one, found = measures(out .. "/summary.csv", name .. "_one")
  if one ~= measures(out .. "/summary.csv", name .. "_two") then return "summary.csv" end
  runs = runs + found
  for _, file in ipairs(program.lines(("cd %s && ls *%s_one*"):format(out, name))) do
    local text = text_of(out .. "/" .. file)
    if text ~= text_of(out .. "/" .. file:gsub("_one", "_two")) then return file end
    local _, count = text:gsub("\n", "\n")
    rows = rows + count
  end
end

local failed = 0
for number = 1, wanted do
  local list = {}
  for _, name in ipairs(NAMES) do list[#list + 1], list[#list + 2] = pair(name) end
  local path = draws.scenario(number, list, 2)
  for _, option in ipairs{ "", "--step" } do
    local out = folder .. "/out"
    os.execute("rm -rf " .. out)
    os.execute(("%s %s --quiet --jobs 1 --format csv --dump requests,batches,decisions,preemptions %s --out %s >%s/said 2>&1")
      :format(program.path, path, option, out, folder))
    for _, name in ipairs(NAMES) do
      local what = difference(out, name)
      if what then
        failed = failed + 1
        print(("# %s %s, %s: %s differs\n# %s"):format(path, option, name, what, text_of(folder .. "/said"):sub(1, 300)))
      end
    end
  end
end
tap.equal(failed, 0,
  ("%d runs of %d policies, %d rows of dumps: a plain step, a route = its hook written out"):format(runs, #NAMES, rows))
tap.ok(runs == wanted * #NAMES * 4 and rows > 50 * runs, "all of them ran")
if failed == 0 then os.execute("rm -r " .. folder) end
tap.done()
