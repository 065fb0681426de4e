-- A database of results that is damaged, by hand or by a disk, is told in a sentence, whatever is wrong with it: what its
-- tables claim of each other need not agree, and its columns need not hold what they were made for.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local folder = program.temporary_folder()
program.write(folder .. "/s.lua", [[
return scenario {
  title = "two classes", columns = { "e2e_mean_s" },
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = 10, output = 5, limit = 40,
    classes = { { name = "near", share = 0.5, slo = { ttft = 1 } }, { name = "far", share = 0.5, slo = { ttft = 5 } } } },
  latency = latency.step { base = 0.02, per_token = 1e-5 },
  policies = { "fcfs", { "multi_bin_dynamic", bins = 2 } },
  seeds = 2,
}
]])

local function run(...)
  local pipe = assert(io.popen("cd " .. folder .. " && " .. string.format(...)
    .. " >out 2>&1; echo $?; sed 's/^/ /' out"))
  local code, output = tonumber(pipe:read("*l")), pipe:read("*a")
  pipe:close()
  return code, output
end

local code, output = run("'%s' sweep s.lua --over cluster.gpus=1,2 --db good.db -q", program.path)
tap.ok(code == 0, "a database of two points, two policies and two seeds", output)

local DAMAGED = { -- the change, and what is said
  { "INSERT INTO points SELECT 99, 7, label, description, seeds, first_run, runs, facts FROM points WHERE point = 1",
    "a point of a section that it has not" },
  { "UPDATE points SET section = -1 WHERE point = 2", "a point of a section that it has not" },
  { "INSERT INTO points SELECT 99, 1.5, label, description, seeds, first_run, runs, facts FROM points WHERE point = 1",
    "a point whose runs are not its policies times its seeds" },
  { "UPDATE points SET seeds = 0", "a point without seeds" },
  { "UPDATE points SET seeds = -2", "a point without seeds" },
  { "UPDATE points SET seeds = 4000000000", "a point whose runs are not" },
  { "UPDATE points SET seeds = 4000000000, runs = 4000000001", "a point whose runs are not" },
  { "UPDATE points SET runs = 9223372036854775807", "a point whose runs are not" },
  { "UPDATE points SET facts = '{}'", "a point's classes are no list of names" },
  { "UPDATE points SET facts = '[1'", "a point's classes are no list of names" },
  { [[UPDATE points SET facts = '{"classes":["near", 7]}']], "a point's classes are no list of names" },
  { [[UPDATE points SET facts = '{"classes":["near","far","away"]}']], "a run with other classes than its point" },
  { "UPDATE runs SET details = '{}'", "a run with other classes than its point" },
  { "UPDATE sections SET columns = '[1]'", "a section's columns are no list of names" },
  { "UPDATE sections SET columns = 'x'", "a section's columns are no list of names" },
  { "DELETE FROM sections", "a point of a section that it has not" },
  { "DELETE FROM policies", "a point whose runs are not" },
  { "INSERT INTO policies SELECT point + 0.5, policy + 9, label, path, params FROM policies", "a point whose runs are not" },
  { "UPDATE policies SET point = 50 WHERE point = 2", "a policy of a point that it has not" },
  { "UPDATE runs SET policy = 3", "a run that its plan does not have" },
  { "UPDATE runs SET seed = 0", "a run that its plan does not have" },
  { "UPDATE runs SET point = 3", "a run that its plan does not have" },
  { "UPDATE runs SET seed = 1", "a run that its plan does not have" },
}
for _, damage in ipairs(DAMAGED) do
  local change, sentence = damage[1], damage[2]
  local failed
  local made, complaint = run("cp good.db bad.db && sqlite3 bad.db \"%s\"", (change:gsub('"', '\\"')))
  if made ~= 0 then failed = complaint end
  for _, verb in ipairs { "show bad.db", "show bad.db --out=csvs", "compare good.db bad.db" } do
    local exit, text = run("'%s' %s", program.path, verb)
    if not (exit == 1 or exit == 2) or not text:find("bad.db is damaged: " .. sentence, 1, true) then
      failed = failed or verb .. ": exit code " .. tostring(exit) .. ": " .. text
    end
  end
  tap.ok(not failed, change, failed)
end
os.execute("rm -r " .. folder)
tap.done()
