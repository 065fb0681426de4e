-- What must not grow, counted in instructions by valgrind, which does not depend on what else the machine does: requests that
-- run at once must not be searched for one another, nor a prompt's chunks for those before.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

if not os.execute("command -v valgrind >/dev/null 2>&1") then
  print("ok 1 - instructions # skip valgrind is not installed")
  print("1..1")
  return
end

local folder = program.temporary_folder()

local function total(scenario, set)
  local pipe = assert(io.popen(string.format("valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "
    .. "'%s' '%s' --jobs 1 -q --no-os-sandbox --set %s 2>&1 >/dev/null", program.path, scenario, set)))
  local output = pipe:read("*a")
  pipe:close()
  local count = output:match("I +refs: +([%d,]+)")
  return count and tonumber((count:gsub(",", ""))), output
end

-- At most `most` times as many instructions with `other` as with `one`, both less those with `least`.
local function grows(name, text, least, one, other, most)
  local path = folder .. "/s.lua"
  program.write(path, text)
  local begin, complaint = total(path, least)
  local few, many = total(path, one), total(path, other)
  if not tap.ok(begin and few and many, name .. ": counted", complaint) then return end
  local times = (many - begin) / (few - begin)
  print(string.format("# %.1f and %.1f million instructions: %.3g times", (few - begin) / 1e6, (many - begin) / 1e6, times))
  tap.ok(times < most, name, "at most " .. most)
end

-- All that come are running by the second step; each is one of the decodes, of the prefills before, of the running.
grows("eight times as many running at once", [[
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 1e6 }, prompt = 20, output = 50, limit = 2000 },
  cluster = { max_requests = 1e6, token_budget = 1024 },
  latency = latency.step { base = 0.01, per_token = 5e-5, per_context = 1e-7 }, policies = { "fcfs" }, seeds = 1,
}]], "workload.limit=1", "workload.limit=2000", "workload.limit=16000", 10)

-- Chunk after chunk, each at the cost of the one before, however much of the prompt there is already.
grows("a prompt of eight times as many chunks", [[
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 0.001 }, prompt = 1e6, output = 10, limit = 1 },
  latency = latency.step { base = 0.01, per_token = 5e-7, per_context = 1e-12 }, policies = { "sarathi" }, seeds = 1,
}]], "workload.prompt=1", "workload.prompt=1e6", "workload.prompt=8e6", 9)

os.execute("rm -r " .. folder)
tap.done()
