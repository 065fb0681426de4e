-- replica:longest_chunk against trying each length, for laws of several shapes, beside decodes that run.
package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"

local binary = os.getenv("MBSAND") or "build/mbsand"
local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir -p " .. folder))

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

write("tries.lua", [[
local chunk = require "mbsand.chunk"
local Tries = {}

function Tries:compare(replica)
  local function time(tokens)
    return replica:estimate{ prefill = tokens, decodes = replica.decodes, context = replica.context }
  end
  for ms = 0, 700, 7 do
    local seconds, best = ms / 1000 + 1e-9, 8
    for tokens = 8, 600 do
      if time(tokens) <= seconds then best = tokens end
    end
    local got = chunk.longest(replica, seconds, 8, 600)
    if got ~= best then error(("%d ms: %d, not %d"):format(ms, got, best), 0) end
    if chunk.longest(replica, seconds, 8, 8) ~= 8 then error("one length only", 0) end
  end
  if chunk.longest(replica, math.huge, 8, 600) ~= 600 then error("no limit", 0) end
end

function Tries:schedule(replica, step)
  if step:carry() == 0 then step:admit(self.sim.queue) end
  step:quantum(1)
  if self.done or replica.decodes < 3 then return end
  self.done = true
  self:compare(replica)
  self.sim:observe("compared", 1)
end

return Tries
]])

local LAWS = { -- ms, of the tokens of prompts n and the decodes d
  line = "10 + n + d",
  flat = "10",
  steep = "10 + n * n / 50",
  bent = "n < 300 and 10 or n - 290",
  stairs = "10 + 16 * math.ceil(n / 16)",
}
for name, law in pairs(LAWS) do
  write(name .. ".lua", ([[return scenario {
    workload = synthetic { arrivals = arrivals.all_at_once {}, prompt = lengths.fixed(20),
      output = lengths.fixed(5), limit = 3 },
    latency = latency.custom(function(step)
      local n, d = step.prefill_tokens, step.decodes
      return (d + (%s)) / 1000
    end), policies = { "%s/tries.lua" }, seeds = 1 }]]):format(law, folder))
  local status = os.execute(("%s %s/%s.lua --quiet --out %s/%s --dump decisions >%s/said 2>&1"):format(binary, folder, name,
    folder, name, folder))
  local said = io.open(folder .. "/said"):read("a")
  local compared = io.popen(("cat %s/%s/decisions*.csv 2>/dev/null"):format(folder, name)):read("a"):find("compared")
  tap.ok((status == true or status == 0) and compared, name .. ": the longest that is short enough", said:sub(1, 300))
end
os.execute("rm -r " .. folder)
tap.done()
