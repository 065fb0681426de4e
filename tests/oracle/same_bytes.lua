-- Two builds of the program give the same bytes: every bundled scenario, and random ones of both executors, jumping and
-- step by step; every file of --out with all dumps, but what a clock measured and the manifest.
--   lua5.4 tests/oracle/same_bytes.lua BEFORE AFTER [RANDOM [SEED]]        from the repository root; 300 random ones
-- For who rearranges what results must not depend on. Each of them reads the policies that lie beside it, by one and the same
-- name, so that errors and tracebacks, which have paths in them, are compared as they are.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local before, after = assert(arg[1], "BEFORE AFTER are missing"), assert(arg[2], "AFTER is missing")
local wanted, seed = tonumber(arg[3]) or 300, tonumber(arg[4]) or 1
local folder = program.temporary_folder()

-- The folder of a program's own files, as the program itself looks for it.
local function home_of(path)
  local home = program.lines("readlink -f '" .. path .. "'")[1]
  repeat
    home = assert(home and home:match("^(/.*)/"), path .. ": there is no lua/mbsand/scenario.lua above it")
  until io.open(home .. "/lua/mbsand/scenario.lua")
  return home
end
local homes = { one = home_of(before), two = home_of(after) }

-- Without what a clock measured, and the manifest of a summary in JSON.
local function text_of(path)
  if path:find("summary%.csv$") then return program.untimed_summary(path) end
  local text = program.read(path)
  if not path:find("%.json$") then return text end
  return (text:match('"results":.*'):gsub('"sim_[%w_]+": [%w%.%-+]+', ""))
end

local function difference(command, name)
  for _, which in ipairs{ "one", "two" } do
    local run = folder .. "/" .. which
    os.execute(("rm -rf %s; mkdir %s; ln -sfn '%s' %s/home"):format(run, run, homes[which], folder))
    os.execute(("MBSAND_HOME=%s/home %s %s --quiet --jobs 1 --format csv --dump requests,batches,decisions --out %s/out"
      .. " >%s/said 2>&1"):format(folder, which == "one" and before or after, command, run, run))
  end
  local one = program.lines(("cd %s/one && find . -type f | sort"):format(folder))
  local two = program.lines(("cd %s/two && find . -type f | sort"):format(folder))
  if table.concat(one, " ") ~= table.concat(two, " ") then return name .. ": other files" end
  for _, file in ipairs(one) do
    if file ~= "./said" and text_of(folder .. "/one/" .. file) ~= text_of(folder .. "/two/" .. file) then
      return name .. ": " .. file
    end
  end
  return nil, #one
end

local files, failed = 0, {}
local function compare(command, name)
  local what, count = difference(command, name)
  files = files + (count or 0)
  if what then
    failed[#failed + 1] = what
    print("# " .. what)
  end
end

local scenarios = program.lines("ls scenarios/*.lua")
for _, path in ipairs(scenarios) do compare(path .. " --seeds 1", path) end
tap.equal(#failed, 0, #scenarios .. " bundled scenarios, " .. files .. " files")

local steps = require("random_steps")(seed, folder, false)
local batches = require("random_batches")(seed, 7)
local known = #failed
for number = 1, wanted do
  if number % 3 == 0 then
    batches.write(batches.make(), folder)
    compare(folder .. "/scenario.lua", "batches " .. number)
  else
    local path = steps.scenario(number, 4, 2)
    compare(path, "steps " .. number)
    compare(path .. " --step", "stepwise " .. number)
  end
end
tap.equal(#failed, known, wanted .. " random scenarios; " .. files .. " files in all")
os.execute("rm -r " .. folder)
tap.done()
