-- The documentation against the code: every Lua block that starts with "-- file: NAME.lua" runs, every other one parses, what
-- pages show as printed is printed, and what scripts can use is written down. (More in tests/cli/docs.bats.)

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local vocabulary = require "mbsand.vocabulary"

local MBSAND = os.getenv("MBSAND") or "./build/mbsand"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function output_of(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \" exit $?\""))
  local text = pipe:read("*a")
  pipe:close()
  local body, code = text:match("^(.*) exit (%d+)\n$")
  return body, tonumber(code)
end

local function list_of(command)
  local list = {}
  for line in output_of(command):gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

-- Is the word in the text as a whole? A word is in backticks, quotes or code, so letters may not touch it.
local function names(text, word)
  return text:find("%f[%w_]" .. word:gsub("%p", "%%%0") .. "%f[^%w_]") ~= nil
end

local function all_named(text, words, what)
  local missing = {}
  for _, word in ipairs(words) do
    if not names(text, word) then missing[#missing + 1] = word end
  end
  return tap.ok(#words > 0 and #missing == 0, what, "missing: " .. table.concat(missing, ", "), "of " .. #words)
end

local function sorted_keys(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

local pages = list_of("ls docs/*.md docs/tutorials/*.md README.md CONTRIBUTING.md")
local writing, scenarios = read("docs/writing-policies.md"), read("docs/scenarios.md")
local policies = read("docs/policies.md")
local meta_files = list_of("ls lua/meta/*.lua")
local meta, scenario_meta = "", read("lua/meta/scenario.lua")
for _, path in ipairs(meta_files) do meta = meta .. read(path) end

-- Examples ---------------------------------------------------------------------------------------------------

-- The fenced blocks of a page: { language, text, before = the last line above it that is not empty }.
local function fenced(page)
  local blocks, open, before = {}, nil, ""
  for line in (page .. "\n"):gmatch("(.-)\n") do
    local language = line:match("^```(%l*)$")
    if open and language then
      blocks[#blocks + 1] = { language = open.language, text = table.concat(open, "\n") .. "\n", before = open.before }
      open = nil
    elseif language then
      open = { language = language, before = before }
    elseif open then
      open[#open + 1] = line
    elseif line:find("%S") then
      before = line
    end
  end
  return blocks
end

-- Any of these makes a fragment a whole: statements, a table's fields, or an expression.
local function parses(text)
  local load_text = loadstring or load -- luacheck: ignore
  local whole = { text, "return {" .. text .. "}", "return " .. text, "local self, t = ...; " .. text }
  local problem
  for i = 1, #whole do
    local chunk, message = load_text(whole[i])
    if chunk then return true end
    problem = problem or message
  end
  return false, problem
end

local function kind_of(text)
  if text:find("%f[%w_]scenario%s*[{(]") then return "scenario" end
  if text:find("%f[%w]return function%s*%(") and not text:find(":schedule%(") then return "rule" end
  return text:find("[:.]schedule%s*%(") and "policy" or "module"
end

local folder = output_of("mktemp -d"):gsub("%s+$", "")
assert(folder:find("^/"), "no temporary folder")

local SMALL = [[
return scenario {
  workload = synthetic { arrivals = arrivals.poisson{ rate = 4 }, prompt = lengths.uniform(20, 500),
    output = lengths.uniform(1, 300), limit = 500 },
  cluster = { gpus = 4, kv_tokens = 20000 },
  latency = latency.batch{ alpha = 0.05, beta = 0.005, gamma = 0.3 },
  slo = { tbt = 0.02, e2e = 30 },
  policies = { "static_fifo" },
  seeds = 2,
}
]]

-- Engines, for policies that ask what whole batches have not.
local SMALL_STEPS = SMALL:gsub("latency%.batch(%b{})", "latency.step{ base = 0.01, per_token = 0.0001 }")

local RULE_USER = [[
local User = {}
function User:init() self.bins = self.sim:bins{ rule = "./RULE", count = 3 } self.sim.inbox = self.bins end
function User:schedule(_, step)
  local bin = self.bins:longest()
  if bin then step:admit(self.bins[bin], 8) end
end
return User
]]

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

-- Runs without a failure and without a warning (the note of a fitted range is none).
local function runs(command, name)
  local text, code = output_of(command)
  tap.ok(code == 0 and not text:find("warning:", 1, true), name, text)
  return text
end

local program = output_of("realpath " .. MBSAND):gsub("%s+$", "")
local function run_in(here, command, typed)
  write(here .. "/typed", typed)
  return output_of(("cd %s && COLUMNS=100 LC_ALL=C.UTF-8 %s %s <typed"):format(here, program, command))
end

-- What a page shows as printed, in a block without a language: what a scenario of the page prints, by its title; or below the
-- indented command that prints it, of which lines that begin with "> " are typed. Else the page says where it is compared, or
-- what its numbers depend on.
local function compare(block, page, outputs, here)
  local name = ("%s: what is printed below %q"):format(page, block.before:gsub("^%s+", ""):sub(1, 90))
  local elsewhere = block.before:match("^<!%-%- compared by ([%w_/.]+) %-%->$")
  if elsewhere then return tap.ok(read(elsewhere):find(page, 1, true), name .. " is compared there") end
  local reason = block.before:match("^<!%-%- not compared: (%l+), .+ %-%->$")
  if reason then
    return tap.ok(reason == "machine" or reason == "time" or reason == "data", name .. " depends on machine, time or data")
  end
  local want = block.text:gsub("[^\n]*\n", function(line) return line:find("^> ") and "" end)
  local command, got = block.before:match("^    mbsand (.+)$"), outputs[block.text:match("^[^\n]*")]
  if not got and command then
    got = run_in(here, command, (block.text:gsub("[^\n]*\n", function(line) return line:match("^> (.*)$") or "" end)))
  end
  tap.ok(got == want, name .. " comes out", (tostring(got):gsub("\n", "\n# ")))
end

-- Commands of tutorials, with no more than the files of the page and what is bundled; but not those that time a device.
local function run_commands(page, text, here)
  if text:find("<!-- commands not run: machine, ", 1, true) then return end
  for line in text:gmatch("\n    mbsand ([^\n]+)") do
    local command = line:gsub(" %-%-watch", "")
    if not command:find("^new ") and not text:find("\n    mbsand " .. line .. "\n\n```\n", 1, true) then
      local told, code = run_in(here, command, "")
      tap.ok(code == 0, page .. ": mbsand " .. command, told)
    end
  end
end

local counter = 0
local function examples(page)
  local text, blocks, parts, outputs = read(page), {}, {}, {}
  for _, block in ipairs(fenced(text)) do
    if block.language == "lua" then
      local name = block.text:match("^%-%- file: ([%w_]+%.lua)\n")
      if name then blocks[#blocks + 1] = { name = name, code = block.text } end
      local good, problem = parses(block.text)
      if not good then parts[#parts + 1] = block.text:match("^[^\n]*") .. ": " .. problem end
    end
  end
  tap.ok(#parts == 0, page .. ": every Lua block parses", table.concat(parts, "\n# "))
  counter = counter + 1
  local here = folder .. "/" .. counter
  assert(output_of("mkdir -p " .. here) == "")
  write(here .. "/small_scenario.lua", SMALL)
  write(here .. "/small_steps.lua", SMALL_STEPS)
  for _, block in ipairs(blocks) do write(here .. "/" .. block.name, block.code) end
  for _, block in ipairs(blocks) do
    local kind, file, name = kind_of(block.code), here .. "/" .. block.name, page .. ": " .. block.name
    if kind == "rule" then
      file = here .. "/user_of_" .. block.name
      write(file, (RULE_USER:gsub("RULE", block.name)))
      kind = "policy"
    end
    if kind ~= "module" then
      local said, code = output_of(MBSAND .. " check " .. file)
      tap.ok(code == 0, name .. " checks as a " .. kind, said)
    end
    if kind == "policy" then
      local steps = block.code:find("wait_estimate", 1, true) or block.code:find("displace", 1, true)
      runs(("%s %s/small_%s.lua -q --policy %s"):format(MBSAND, here, steps and "steps" or "scenario", file), name .. " runs")
    elseif kind == "scenario" then
      local shown = runs(MBSAND .. " " .. file .. " -q", name .. " runs")
      outputs[shown:match("^[^\n]*")] = shown
      if block.code:find("expect = ", 1, true) then
        local said, code = output_of(MBSAND .. " test " .. file)
        tap.ok(code == 0, name .. " comes out as it says", said)
      end
    end
  end
  if page == "README.md" or page == "docs/gallery.md" then return end -- compared by docs.bats and test_gallery.lua
  for _, block in ipairs(fenced(text)) do
    if block.language == "" then compare(block, page, outputs, here) end
  end
  if page:find("tutorials/", 1, true) then run_commands(page, text, here) end
end
for _, page in ipairs(pages) do examples(page) end
output_of("rm -rf " .. folder)

-- What pages call missing is missing, and nothing that there is ------------------------------------------------

local function absent(words, where) -- from the code, not from what is written about it
  local found = output_of("grep -rliE '" .. words .. "' " .. where)
  return found == "", found
end
-- Each bold item of README's list, and how to see that it is not there. What comes in leaves the list.
local missing = {
  ["speculative decoding"] = function()
    return absent("speculat", "src/engine src/sim src/policy src/scenario policies lua/mbsand/vocabulary.lua")
  end,
  ["several models"] = function()
    return absent([["switch"|"adapters?"|"parents"]], "src/policy src/scenario lua/mbsand/vocabulary.lua")
  end,
}
local readme, architecture = read("README.md"), read("docs/architecture.md")
local not_yet = readme:match("## What it does not do yet\n(.-)\n## ") or ""
local items = 0
for item in not_yet:gmatch("%*%*(.-)%*%*") do
  items = items + 1
  local good, found = false, "no test says so"
  if missing[item] then good, found = missing[item]() end
  tap.ok(good, "missing, as README says: " .. item, found)
end
local verbs = {}
for verb in output_of(MBSAND .. " --help"):gmatch("\n  (%l+)  ") do verbs[verb] = true end
tap.ok(verbs.plan and verbs.probe and items > 0, "there are verbs, and things that are missing")
local moves_in = architecture:match("## What moves in next\n(.*)$") or ""
for _, text in ipairs { not_yet, moves_in } do
  local named = {}
  for _, verb in ipairs(sorted_keys(verbs)) do
    if names(text:lower(), verb) then named[#named + 1] = verb end
  end
  tap.equal(table.concat(named, ", "), "", "what is to come names nothing that the program has")
end
for page in output_of("ls docs/*.md"):gmatch("[^\n]+") do
  tap.ok(readme:find("(" .. page .. ")", 1, true), "README leads to " .. page)
end

-- What policies can call -------------------------------------------------------------------------------------

local constants = {} -- of the simulation: set beside the methods
for name in read("src/policy/view_sim.c"):gmatch('lua_setfield%(L, %-2, "(%l[%l_]*)"%)') do constants[#constants + 1] = name end
all_named(writing, constants, "docs/writing-policies.md names every constant of sim")
all_named(meta, constants, "lua/meta names every constant of sim")

local request = read("src/policy/view_request.c"):match("known%[%] = (%b{})")
local fields = {}
for name in request:gmatch('"([%w_]+)"') do fields[#fields + 1] = name end
all_named(writing, fields, "docs/writing-policies.md names every field of a request")
all_named(meta, fields, "lua/meta names every field of a request")

local hooks = {}
for name in read("src/policy/hook_names.c"):match("mb_hook_names%[MB_HOOK_COUNT%] = (%b{})"):gmatch('"(%l+)"') do
  hooks[#hooks + 1] = name
end
all_named(writing, hooks, "docs/writing-policies.md names every hook")
all_named(meta, hooks, "lua/meta names every hook")

local sandbox = read("src/policy/sandbox.c")
local allowed = {}
for _, list in ipairs { "allowed", "replaced" } do
  for name in sandbox:match("mb_sandbox_" .. list .. "%[%] = (%b{})"):gmatch('{"%l*", "([%w_]+)"}') do
    allowed[#allowed + 1] = name
  end
end
all_named(writing, allowed, "docs/writing-policies.md names everything in the closed environment")

-- Functions of the modules that policies and reports require
for _, module in ipairs { "memory", "sla", "ewma", "batch_limit", "chunk", "lanes", "report" } do
  local list = {}
  for name, value in pairs(require("mbsand." .. module)) do
    if type(value) == "function" then list[#list + 1] = module .. "." .. name end
  end
  table.sort(list)
  all_named(meta, list, "lua/meta names every function of mbsand." .. module)
  tap.ok(names(module == "report" and scenarios or writing, "mbsand." .. module), "the docs name mbsand." .. module)
end

-- The members of each class of the annotations, and what a view itself says that it has.
local function annotated()
  local classes, class, of = {}, nil, {}
  for line in meta:gmatch("[^\n]*") do
    local name, object = line:match("^%-%-%-@class mbsand%.([%w_]+)"), line:match("^local (%u%w*) = {}")
    if name then
      tap.ok(not classes[name], "lua/meta has one class " .. name)
      class, classes[name] = name, classes[name] or {}
    end
    if object then of[object] = class end
    local field, owner, method = line:match("^%-%-%-@field ([%w_]+)"), line:match("^function (%u%w*)[:.]([%w_]+)")
    if field then classes[class][field] = true end
    if owner then classes[of[owner]][method] = true end
  end
  return classes
end
local classes = annotated()
for name in pairs(classes.EndedStep) do classes.Step[name] = true end -- one object: some of it is known at the end alone
local looking = output_of("mktemp -d"):gsub("%s+$", "")
write(looking .. "/small.lua", SMALL_STEPS)
write(looking .. "/look.lua", [[
local Look = { params = { at = 1 } }
function Look:init() self.bins = self.sim:bins{ edges = { 5 } } end
function Look:schedule(replica, step)
  local queue = self.sim.queue
  local views = { self.sim, replica, step, queue, self.bins, replica.kv, self.sim.clients[0], replica.seen }
  print(views[self.params.at].there_is_no_such_member)
end
return Look
]])
for i, class in ipairs { "Sim", "Replica", "Step", "Queue", "Bins", "Kv", "Client", "Seen" } do
  local said = output_of(("%s %s/small.lua -q --seeds 1 -p %s/look.lua,at=%d"):format(MBSAND, looking, looking, i))
  local list = said:gsub("%s+", " "):match("there_is_no_such_member'; it has ([%w_, ]+) %[")
  local has, unknown, extra = {}, {}, {}
  for name in (list or ""):gmatch("[%w_]+") do
    has[name] = true
    if not classes[class][name] then unknown[#unknown + 1] = name end
  end
  for name in pairs(classes[class]) do
    if not has[name] then extra[#extra + 1] = name end
  end
  tap.ok(list and #unknown + #extra == 0, "lua/meta has what a " .. class .. " has, and no more",
    "missing: " .. table.concat(unknown, ", "), "not there: " .. table.concat(extra, ", "), list and "" or said)
end
output_of("rm -rf " .. looking)

for _, path in ipairs(meta_files) do
  local chunk, message = loadfile(path)
  tap.ok(chunk, path .. " is Lua", message)
end

-- Scenarios --------------------------------------------------------------------------------------------------

local keys, kinds, seen = {}, {}, {} -- lengths hold lengths
local function walk(spec)
  if type(spec) ~= "table" or seen[spec] then return end
  seen[spec] = true
  if spec.type == "record" then
    for key, item in pairs(spec.keys) do
      keys[key] = true
      walk(item)
    end
  elseif spec.type == "choice" then
    for kind, item in pairs(spec.kinds) do
      kinds[kind] = true
      walk(item)
    end
  elseif spec.type == "list" then
    walk(spec.of)
  end
end
walk(vocabulary.section)
keys.segments, keys.parts, keys.value, keys.path = nil, nil, nil, nil -- written without their names
all_named(scenarios, sorted_keys(keys), "docs/scenarios.md names every key of a scenario")
all_named(scenarios, sorted_keys(kinds), "docs/scenarios.md names every word of a scenario")
keys["repeat"] = nil
all_named(meta, sorted_keys(keys), "lua/meta names every key of a scenario")
all_named(scenario_meta, sorted_keys(kinds), "lua/meta/scenario.lua names every word of a scenario")

-- What is bundled --------------------------------------------------------------------------------------------

local function bundled(pattern)
  local list = {}
  for _, path in ipairs(list_of("ls " .. pattern)) do list[#list + 1] = path:match("^%l+/(.*)%.lua$") end
  return list
end
all_named(scenarios, bundled("scenarios/*.lua"), "docs/scenarios.md names every bundled scenario")
all_named(policies, bundled("policies/*.lua policies/origin/*.lua"), "docs/policies.md names every bundled policy")
local rules = {}
for _, name in ipairs(bundled("policies/bins/*.lua")) do rules[#rules + 1] = name:match("[^/]+$") end
all_named(policies, rules, "docs/policies.md names every bin-boundary rule")
for _, path in ipairs(list_of("ls policies/*.lua")) do
  local list = {}
  local text = (read(path):match("params = (%b{})") or ""):gsub("%-%-[^\n]*", "")
  for name in text:gmatch("([%a_]+)%s*=") do list[#list + 1] = name end
  if list[1] then all_named(policies, list, "docs/policies.md names every parameter of " .. path) end -- has its own
end

tap.done()
