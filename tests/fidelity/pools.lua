-- KV memory that vLLM reported in public against what `mbsand plan` says: tests/fidelity/pools.csv.
--
--   lua5.4 tests/fidelity/pools.lua [md]      (from the repository root; md: as docs/planning.md has it)
--
-- Rows of the kind "fit" set a constant of src/plan/vllm.c; "test" were left out of that.

local program = os.getenv "MBSAND" or "build/mbsand"

-- Rows by column; only the last one may hold commas.
local function rows_of(file)
  local names, rows = {}, {}
  for name in file:read("l"):gmatch "[^,]+" do table.insert(names, name) end
  for line in file:lines() do
    local row = {}
    for i = 1, #names - 1 do row[names[i]], line = line:match "^([^,]*),(.*)$" end
    row[names[#names]] = line:gsub('^"(.*)"$', "%1")
    table.insert(rows, row)
  end
  assert(file:close())
  return rows
end

local function estimate(row)
  local command = ("%s plan --model %s --gpu %s %s --format csv"):format(program, row.model, row.gpu, row.options)
  local plan = rows_of(assert(io.popen(command)))[1]
  return tonumber(row.unit == "tokens" and plan.pool_tokens or plan.pool_gib), plan.warnings
end

local function commas(number)
  local text = ("%.0f"):format(number)
  repeat
    local before = text
    text = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until text == before
  return text
end

local function show(value, unit) return unit == "tokens" and commas(value) or ("%.2f GiB"):format(value) end

local function summary(name, errors)
  if #errors == 0 then return end
  local within = { [5] = 0, [10] = 0, [25] = 0 }
  for _, value in ipairs(errors) do
    for limit in pairs(within) do within[limit] = within[limit] + (value <= limit and 1 or 0) end
  end
  table.sort(errors)
  local middle = (errors[(#errors + 1) // 2] + errors[#errors // 2 + 1]) / 2
  local line = "%s: %d pools, median %.1f %%, within 5 %%: %d, within 10 %%: %d, within 25 %%: %d, worst %.0f %%"
  print(line:format(name, #errors, middle, within[5], within[10], within[25], errors[#errors]))
end

local groups = { all = {}, fit = {}, test = {}, one = {}, several = {}, parted = {}, encoder = {} }

-- Which margin is meant for it.
local function deployment(options, warnings)
  local tp, experts = options:match "%-%-tp (%d+)", options:match "%-%-expert%-parallel (%d+)"
  if warnings:find "without its encoder" then return "encoder" end
  if options:find("--pipeline", 1, true) or experts and experts ~= tp then return "parted" end
  return tp and "several" or "one"
end

if arg[1] == "md" then
  print "| model | GPU | options | reported | estimate | off by | |\n| --- | --- | --- | ---: | ---: | ---: | --- |"
end
for _, row in ipairs(rows_of(assert(io.open "tests/fidelity/pools.csv"))) do
  local value, warnings = estimate(row)
  local off = 100 * (value / tonumber(row.reported) - 1)
  for _, name in ipairs { "all", row.use, deployment(row.options, warnings) } do
    table.insert(groups[name], math.abs(off))
  end
  local line = "%-30s %-18s %-60s %12s %12s %+7.1f %%  %s; %s"
  if arg[1] == "md" then line = "| %s | %s | %s | %s | %s | %+.1f %% | %s; %s |" end
  local options = arg[1] == "md" and row.options ~= "" and "`" .. row.options .. "`" or row.options
  local reported = show(tonumber(row.reported), row.unit)
  local model = row.model:match "([^/]+)%.json$" or row.model
  print(line:format(model, row.gpu, options, reported, show(value, row.unit), off, row.use, row.source))
  if math.abs(off) > 25 and warnings == "" then print "  more than 25 % off without a warning" end
end
for _, group in ipairs {
  { "all", groups.all }, { "one GPU", groups.one }, { "tensor parallel", groups.several },
  { "stages, experts over several engines", groups.parted },
  { "an encoder that is not counted", groups.encoder }, { "fitted", groups.fit },
  { "left out of the fit", groups.test },
} do summary(group[1], group[2]) end
