-- Make docs/gallery.md: every bundled scenario with its picture and what it prints. usage, from the project's folder:
--   lua5.4 docs/gallery/make.lua [NAME...]    every scenario (two minutes), or only these
--   lua5.4 docs/gallery/make.lua --check      says where the page is not what the program prints
-- A check runs the cheap scenarios whole. Of the others it runs the first requests of one seed, and compares a sum of
-- what that prints with the one that stands in the page beside the answer: who changes one changes the other.
local MBSAND = os.getenv("MBSAND") or "./build/mbsand"
local PAGE = "docs/gallery.md"
local QUICK = "--seeds 1 --set workload.limit=60"
local CHEAP = { azure_conv = true, failures = true, fairness = true, hybrid = true, no_evict = true, origin_first = true,
  qoe = true, starvation = true }
local SWEEPS = { -- drawn along their key; the others by the times of requests
  autoscaling = "ttft_p99_s", bin_sensitivity = "goodput_rps", burst_predictions = "goodput_rps",
  chunked_prefill = "itl_p99_s",
  disaggregation = "slo_attainment", gpu_scaling = "e2e_violation", lockstep = "tpot_mean_s", memory_pressure = "ttft_p99_s",
  migration = "ttft_p99_s", no_evict = "throughput_tps", pipeline = "throughput_tps", predictor_error = "e2e_mean_s",
  qoe = "qoe_mean", routing = "ttft_mean_s", silos = "slo_attainment", slo_classes = "slo_attainment",
  stale_signals = "ttft_p99_s", trail = "e2e_mean_s",
}
local TIMES = { agents = "ttft", fairness = "ttft", failures = "ttft", hybrid = "ttft", prefix_cache = "ttft",
  starvation = "ttft" }

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text) and file:close())
end

local scratch = os.tmpname()

-- What a command prints, what it warns of last; nil where it fails.
local function output_of(arguments)
  local pipe = assert(io.popen(("LC_ALL=C.UTF-8 %s %s -q 2>%s; echo $?"):format(MBSAND, arguments, scratch)))
  local text, code = pipe:read("*a"):match("^(.*)(%d+)\n$")
  pipe:close()
  return code == "0" and text .. read(scratch) or nil, read(scratch)
end

local function sum_of(text)
  local sum = 0
  for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 4294967296 end
  return ("%d"):format(sum)
end

-- The name and the text of each section.
local function sections_of(page)
  local list = {}
  local marked = (page:match("\n(## .*)$") or ""):gsub("\n## ", "\n\0## ")
  for part in marked:gmatch("[^%z]+") do list[part:match("^## (%S+)")] = part end
  return list
end

local function quick_sum(name) return sum_of(output_of(name .. " " .. QUICK) or "failed") end

-- gnuplot's SVG on white, without the groups and the points that it does not use.
local function slim(svg)
  svg = svg:gsub("<g [^>]*>%s*</g>%s*", ""):gsub("\n%s+", "\n"):gsub('height="330" fill="none"', 'height="330" fill="white"')
  return (svg:gsub("<filter.-</filter>%s*", ""))
end

local function draw(name)
  local folder = scratch .. ".figure"
  os.execute("mkdir -p " .. folder)
  local seeds = name == "multi_bin_theory" and " --seeds 1" or "" -- of 400,000 requests each
  local times = TIMES[name] or "e2e"
  local how = SWEEPS[name] and "sweep --measure " .. SWEEPS[name] or "cdf --measure " .. times
  local said, why = output_of(("plot %s --figure %s -o %s/it.svg%s"):format(name, how, folder, seeds))
  if said then write("docs/gallery/" .. name .. ".svg", slim(read(folder .. "/it.svg"))) end
  os.execute("rm -r " .. folder)
  if not said then print(name .. ": no picture: " .. why) end
  return said and ("![%s](gallery/%s.svg)\n\n"):format(SWEEPS[name] or times .. ", times of requests", name) or ""
end

local function is_skipped(answer) return answer:find("is not here", 1, true) end

local function section(name, old)
  local answer, why = output_of(name)
  if not answer then error(name .. ": " .. why, 0) end
  if is_skipped(answer) then return assert(old, name .. " needs data that is not here") end
  local sum = CHEAP[name] and "" or ("<!-- %s: %s -->\n\n"):format(QUICK, quick_sum(name))
  return ("## %s\n\n    mbsand %s\n\n%s%s```\n%s```\n\n"):format(name, name, sum, draw(name), answer)
end

local function problem_of(name, part)
  if not part then return "is not in it" end
  local picture = part:match("%]%((gallery/[%w_]+%.svg)%)")
  local file = picture and io.open("docs/" .. picture)
  if not file then return "has no picture" end
  file:close()
  local sum, answer = part:match("<!%-%- [^:]*: (%d+) %-%->"), part:match("\n```\n(.*)```\n")
  if not answer then return "has no answer" end
  if sum then return sum ~= quick_sum(name) and "prints something else now (by its first requests)" or nil end
  local now = output_of(name) or "failed\n"
  return not is_skipped(now) and now ~= answer and "prints something else now:\n" .. now or nil
end

local names, all, wanted = {}, #arg == 0, {}
for _, name in ipairs(arg) do wanted[name] = true end
for path in io.popen("ls scenarios/*.lua"):lines() do names[#names + 1] = path:match("([%w_]+)%.lua$") end
local there = io.open(PAGE)
local sections = sections_of(there and there:read("a") or "")

if wanted["--check"] then
  local good = true
  for _, name in ipairs(names) do
    local problem = problem_of(name, sections[name])
    if problem then print(PAGE .. ": " .. name .. " " .. problem) end
    good, sections[name] = good and not problem, nil
  end
  if next(sections) then print(PAGE .. ": " .. next(sections) .. " is no scenario") end
  if not good or next(sections) then
    print("`make gallery`, or lua5.4 docs/gallery/make.lua NAME... for some, makes it anew")
  end
else
  local parts = { [[
# Gallery

Every bundled scenario with its picture and what it prints, made by `make gallery`. The answers in a sentence each are
in [scenarios.md](scenarios.md#bundled-scenarios); [which-scenario.md](tutorials/which-scenario.md) leads from a question to a
scenario. Every picture is one of `mbsand plot`, of a scenario with several sections that of the first: along the key that is
swept, or the times of requests.

]] }
  for _, name in ipairs(names) do
    local old = sections[name]
    parts[#parts + 1] = (all or wanted[name]) and section(name, old) or old
  end
  write(PAGE, (table.concat(parts):gsub("\n+$", "\n")))
end
os.remove(scratch)
