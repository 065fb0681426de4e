-- Bad days, one after the other: each allocation that fails, each write, rename and open, of a batch run, a step run and a
-- sweep. What is finished is printed, everything else is a sentence, and no file stands under its name that is not whole.
-- faults.c makes the faults, and ends what lasts a minute.
--   lua5.4 tests/faults/faults.lua            (of $MBSAND)

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local names = { "no allocation of a batch run is missed without a sentence",
  "no allocation of a step run, a sweep and its dumps is missed without a sentence",
  "a disk that is full or broken at any write: a sentence, and nothing that is half",
  "a failed rename: a sentence, and nothing that is half", "no file handle for any open: a sentence",
  "no file handle for any script or module: it is named, and no other machine is described",
  "a sweep whose database cannot be written: a sentence, and the same command goes on to the same rows",
  "no allocation of a case that is verified is missed without a sentence" }
if program.lines("uname -sm")[1] ~= "Linux x86_64" then
  for _, name in ipairs(names) do tap.skip(name, "the library of faults is for Linux on x86-64") end
  tap.done()
end

local here = program.lines("pwd")[1]
local folder = program.temporary_folder()
local small, library = here .. "/tests/sandbox/small.lua", folder .. "/faults.so"
assert(os.execute("cc -O1 -Wall -Wextra -Werror -shared -fPIC tests/faults/faults.c -o " .. library))

local function read(name)
  local file = io.open(folder .. "/" .. name, "rb")
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

-- The program with a fault (words of faults.c): its exit code, what it printed, and where.
local function run(fault, words)
  local _, how, code = os.execute(("cd %s && MB_FAULTS_LOG=%s/counts %s LD_PRELOAD=%s exec %s %s >out 2>err")
    :format(folder, folder, fault, library, program.path, words))
  return how == "signal" and 128 + code or code, read("out"), read("err")
end

local function counted(which) return tonumber(read("counts"):match(which == "allocations" and "^(%d+)" or " (%d+)")) end

local wrong = {}
local function must(holds, ...)
  if not holds then wrong[#wrong + 1] = table.concat({ ... }, ": ") end
  return holds
end
local function report(name, count)
  tap.ok(#wrong == 0 and count > 0, ("%s (%d runs)"):format(name, count), table.unpack(wrong, 1, 8))
  wrong = {}
end

-- Of one run, of several seeds, or of several points of a sweep.
local function tells_of_failures(text)
  return text:find("failed with seed", 1, true) or text:find(" failed in %d+ runs")
end

local function has_sentence(out, err)
  return ("\n" .. err):find("\nmbsand: ", 1, true) or ("\n" .. out):find("\nmbsand: ", 1, true)
    or tells_of_failures(err .. out)
end

-- Without a fault, seccomp's filter included.
local function untouched(fault, words)
  local code, out, err = run(fault, words)
  if code == 77 then return nil end
  must(code == 0, "without a fault", code, err)
  return out
end

local ROWS = { static_fifo = true, sarathi = true, vllm_v1 = true }

-- Rows are those of the whole table, where it does not warn of runs that failed.
local function no_other_rows(out, right)
  if tells_of_failures(out) then return true end
  for row in out:gmatch("[^\n]+") do
    if ROWS[row:match("^[%w_]+ ")] and not ("\n" .. right):find("\n" .. row .. "\n", 1, true) then return false end
  end
  return true
end

-- Whatever allocation fails, alone or with all that follow, the table is right or there is a sentence.
local function starve(name, words)
  local right, runs = untouched("MB_FAIL_ALLOC=0", words), 0
  local total, n = counted("allocations"), 1
  must(total > 1000, "few allocations", total)
  while n <= total do
    for _, after in ipairs{ "", "+" } do
      local code, out, err = run(("MB_FAIL_ALLOC=%d%s"):format(n, after), words)
      local what = n .. after
      runs = runs + 1
      if code == 0 then
        must(out == right, what, "another table", out)
      else
        must(code <= 2, what, code, err)
        must(has_sentence(out, err), what, "no sentence")
        must(no_other_rows(out, right), what, "other rows", out)
      end
    end
    n = n < 40 and n + 1 or n + n // 6
  end
  report(name, runs)
end

-- Every row has the header's cells, and the last one its end.
local function whole(text)
  local fields
  for line in text:gmatch("[^\n]+") do
    local _, commas = line:gsub(",", "")
    fields = fields or commas
    if commas < fields then return false end
  end
  return text:sub(-1) == "\n"
end

local folders = 0
local function dumping()
  folders = folders + 1
  return "d" .. folders, ("%s --quiet --jobs 1 --out d%d --dump requests,batches"):format(small, folders)
end

-- Each call of that name, alone or with all that follow.
local function break_calls(name, call, errors)
  local whole_folder, words = dumping()
  local right, runs = untouched(("MB_FAIL_CALL=%s:0:1"):format(call), words), 0
  if not right then return tap.skip(name, "no seccomp filters here") end
  local files = program.lines(("ls %s/%s"):format(folder, whole_folder))
  local total = counted("calls")
  must(total >= 4 and #files >= 4, "few calls or files", total, #files)
  for k = 1, total do
    for _, number in ipairs(errors) do
      for _, after in ipairs{ "", "+" } do
        local fault = ("%s:%d%s:%d"):format(call, k, after, number)
        local into, command = dumping()
        local code, out, err = run("MB_FAIL_CALL=" .. fault, command)
        runs = runs + 1
        if code == 0 then
          must(out == right, fault, "another table", out)
        else
          must(code <= 2, fault, code, err)
          -- (With standard error out of order there is nowhere to say it.)
          must(call .. after == "write+" or has_sentence(out, err), fault, "no sentence")
        end
        for _, file in ipairs(files) do
          local text = read(into .. "/" .. file)
          if text and file:find("%.csv$") then
            must(whole(text), fault, file, "not whole")
            must(file:find("^summary") or text == read(whole_folder .. "/" .. file), fault, file, "other rows")
          end
        end
      end
    end
  end
  must(os.execute(("cd %s && python3 -c 'import json, sys; [json.load(open(p)) for p in sys.argv[1:]]' d*/summary.json")
    :format(folder)), "a summary.json is not whole")
  report(name, runs)
end

-- Of the program's own modules, of the scenario's and of its policies, in turn; the machine is the same.
local function scripts(name)
  program.write(folder .. "/mine.lua", "return { rate = 20 }\n")
  program.write(folder .. "/s.lua", (program.read(small)
    :gsub("return scenario", 'local mine = require "mine"\n%0', 1):gsub("rate = 20", "rate = mine.rate", 1)))
  local words = "s.lua --quiet --jobs 1 --format json"
  local right = untouched("MB_FAIL_CALL=open:0:1", words)
  if not right then return tap.skip(name, "no seccomp filters here") end
  local function cores(text) return text:match('"cores": *(%d+)') end
  must(cores(right), "the machine is not described")
  local total, sentences = counted("calls"), {}
  for k = 1, total do
    local code, out, err = run(("MB_FAIL_CALL=open:%d:24"):format(k), words)
    sentences[#sentences + 1] = err
    must(code ~= 0 or cores(out) == cores(right), "open:" .. k, "another machine")
  end
  local said = table.concat(sentences)
  must(not said:find("not found", 1, true), "a file that could not be opened is said to be missing")
  for _, file in ipairs{ "/lua/mbsand/scenario.lua", "/lua/mbsand/schema.lua", "mine.lua", "/policies/static_fifo.lua" } do
    must(said:find(file .. ": cannot be read: Too many open files", 1, true), file, "not named")
  end
  report(name, total)
end

local function database(name)
  local function words(number) return ("sweep %s --db d%d.db -q -j 1 --seeds 3"):format(small, number) end
  local function rows(number) -- without the two measures that a clock gives
    local show = ("cd %s && %s show d%d.db --format csv 2>/dev/null"):format(folder, program.path, number)
    return ((table.concat(program.lines(show), "\n") .. "\n"):gsub(",[^,\n]*,[^,\n]*\n", "\n"))
  end
  if not untouched("MB_FAIL_CALL=pwrite:0:1", words(0)) then return tap.skip(name, "no seccomp filters here") end
  local right, total, number, n = rows(0), counted("calls"), 0, 1
  must(total > 20 and #right > 100, "few writes", total)
  while n <= total do
    for _, fault in ipairs{ ":28", "+:28", ":5", "+:5" } do -- a full disk, a broken one
      number = number + 1
      local what = ("pwrite:%d%s"):format(n, fault)
      local code, _, err = run("MB_FAIL_CALL=" .. what, words(number))
      must(code == 0 or code == 1 and (err:find("%d%.db cannot be written") or err:find("%d%.db cannot be read or written")
        or err:find("%d%.db is damaged")), what, code, err)
      code, _, err = run("MB_NO_FAULT=", words(number))
      must(code == 0 and rows(number) == right, what, "the same command does not go on", code, err)
    end
    n = n + 1 + n // 8
  end
  report(name, number)
end

program.write(folder .. "/steps.lua", [[
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = lengths.uniform { low = 10, high = 200 },
    output = lengths.uniform { low = 5, high = 100 }, limit = 100 },
  cluster = { gpus = 2, kv_tokens = 2000 },
  latency = latency.step { base = 0.005, per_token = 1e-5 },
  policies = { "sarathi", "vllm_v1" },
  over = { { "cluster.gpus", { 2, 3 } } },
  seeds = 2,
}
]])
starve(names[1], small .. " --quiet --jobs 1")
untouched("MB_FAIL_ALLOC=0", "pack " .. small .. " -o case.mbs --seeds 1")
starve(names[8], "verify case.mbs --jobs 1")
starve(names[2], "steps.lua --quiet --jobs 1 --out out.d --dump requests,batches")
break_calls(names[3], "write", { 28, 5, 32 }) -- ENOSPC, EIO, EPIPE
break_calls(names[4], "rename", { 28, 5 })
break_calls(names[5], "open", { 24 }) -- EMFILE
scripts(names[6])
database(names[7])
os.execute("rm -r " .. folder)
tap.done()
