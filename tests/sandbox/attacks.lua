-- Everything in attacks/ is one attempt to escape from the sandbox or to exhaust it. The first lines of each say what is
-- tried and how it must end:
--   -- expect: SENTENCE      part of what is printed; "-- expect luajit:" or "-- expect 5.4:" where the engines differ
--   -- exit: CODE            1 (the policy's run failed) unless given; 2 = it never ran, 0 = harmless
--   -- reject: control       nothing printed may hold a terminal's control characters
--   -- options: WORDS        more words for the command line
-- An attack that is to meet the limit of time gets one of 0.3 s of CPU time. Any other gets none that it could meet first,
-- however slow the machine is; what would hang is ended by a limit that stands ten times above what any of them takes.
-- Each runs beside another policy, which must come through: no crash, no hang, one sentence. Under the sanitizers, where
-- a start costs more than most attacks, those that only fail run five to a process (`together`; a warning each is printed
-- of five at most), still held to their own sentences; when anything is wrong with five, each runs alone.
--
-- usage: lua5.4 tests/sandbox/attacks.lua BINARY 5.4|luajit [CPU_SECONDS [alone|together [NAME...]]]

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"

local binary, engine, cpu_seconds = arg[1], arg[2], arg[3] or "20"
local compiler = ({ ["5.4"] = "lua5.4", luajit = "luajit" })[engine]
local HANGS = 137 -- killed, by the limit of CPU time or after 900 s

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  local _, how, code = pipe:close()
  return text, how == "signal" and 128 + code or code
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local here = capture("pwd"):gsub("\n$", "")
assert(tap.is_file(binary), binary .. ": cannot be read; build it first")
if binary:sub(1, 1) ~= "/" then binary = here .. "/" .. binary end
local folder = capture("mktemp -d"):gsub("\n$", "")
assert(os.execute("cp -r tests/sandbox/attacks/. " .. quoted(folder)))
-- A policy, compiled: what `bytecode.lua` holds differs by engine.
assert(os.execute(([[%s -e 'io.open("%s/bytecode.lua", "wb"):write(string.dump(function() return {} end))']])
  :format(compiler, folder)))

local function header(text, key)
  return ("\n" .. text):match("\n%-%- " .. key:gsub("%.", "%%.") .. ": ([^\n]*)")
end

local function text_of(name)
  local file <close> = assert(io.open(folder .. "/" .. name .. ".lua", "rb"))
  return file:read("a")
end

local function expectation(text) return header(text, "expect " .. engine) or header(text, "expect") or "" end

-- What policies of these names print, and the exit code.
local function run(policies, seconds, options)
  local program = quoted(binary) .. " " .. quoted(here .. "/tests/sandbox/small.lua")
  local words =
    ("-p ./%s.lua --jobs 1 --hook-seconds %s %s"):format(table.concat(policies, ".lua -p ./"), seconds, options or "")
  return capture(("cd %s; ulimit -t %d; exec timeout -s KILL 900 %s %s 2>&1 </dev/null")
    :format(quoted(folder), cpu_seconds * #policies, program, words))
end

local function other_policy_is_right(output) return output:find("static_fifo[^\n]*19%.82") end

-- Run one attack; returns what went wrong, a sentence each.
local function attack(name)
  local text = text_of(name)
  local expected = expectation(text)
  local seconds = expected:find("ran longer than 0.3 s", 1, true) and "0.3" or "100000"
  local output, code = run({ name }, seconds, header(text, "options"))
  if code == HANGS then return { "hangs, or was killed" } end
  local wrong = {}
  local function must(holds, sentence) if not holds then wrong[#wrong + 1] = sentence end end
  local right = tonumber(header(text, "exit") or 1)
  must(code == right, ("exit code %d, expected %d"):format(code, right))
  must(other_policy_is_right(output), "the other policy's row is missing")
  if header(text, "reject") == "control" then
    must(not output:find("[\1-\8\11-\31\127]") and not output:find("\xc2[\x80-\x9f]"), "control characters reach the terminal")
  end
  must(output:gsub("%s+", " "):find(expected, 1, true), "expected '" .. expected .. "'") -- notes are wrapped
  if #wrong > 0 then wrong[#wrong + 1] = output:gsub("\n", "\n# ") end
  return wrong
end

-- Whether an attack does nothing but fail, with its own sentence.
local function only_fails(name)
  local text = text_of(name)
  local expected = expectation(text)
  return expected ~= "" and not expected:find("ran longer", 1, true) and (header(text, "exit") or "1") == "1"
    and not header(text, "options") and not header(text, "reject")
end

-- Whether each of a handful failed with its own sentence, in its own warning.
local function all_contained(handful)
  local output, code = run(handful, "100000")
  local said = {}
  for warning in (output:gsub("%s+", " ") .. "warning: "):gmatch("(.-)warning: ") do
    local name = warning:match("^([%w_]+) failed with seed")
    if name then said[name] = warning end
  end
  for _, name in ipairs(handful) do
    if not (said[name] or ""):find(expectation(text_of(name)), 1, true) then return false end
  end

  return code == 1 and other_policy_is_right(output)
end

local names = { table.unpack(arg, 5) }
if #names == 0 then
  for name in capture("ls tests/sandbox/attacks"):gmatch("([%w_]+)%.lua\n") do names[#names + 1] = name end
end
local contained, handful = {}, {}
local function end_handful()
  if #handful > 0 and all_contained(handful) then
    for _, name in ipairs(handful) do contained[name] = true end
  end
  handful = {}
end
if arg[4] == "together" then
  for _, name in ipairs(names) do
    if only_fails(name) then handful[#handful + 1] = name end
    if #handful == 5 then end_handful() end
  end
  end_handful()
end
for _, name in ipairs(names) do
  local wrong = contained[name] and {} or attack(name)
  tap.ok(#wrong == 0, name .. " is contained", table.unpack(wrong))
end
os.execute("rm -rf " .. quoted(folder))
tap.done()
