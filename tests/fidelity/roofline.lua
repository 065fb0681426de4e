-- The roofline of data/roofline.csv against measurements: that data/make_roofline.lua writes the file that is there, and what
-- `mbsand plan --latency` says of whole steps. Nothing of Llama-2-70B on four GPUs was fitted.
--
--   lua5.4 tests/fidelity/roofline.lua        (from the repository root; half a minute)

package.path = "tests/lua/?.lua;tests/oracle/?.lua;tests/fidelity/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"
local data = require "data"

local measurements = data.folder("the roofline", "perf/splitwise/perf_model.csv")

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

local folder = program.temporary_folder()
assert(os.execute(("lua5.4 data/make_roofline.lua %s %s/roofline.csv >%s/printed"):format(measurements, folder, folder)))
tap.equal(read(folder .. "/roofline.csv"), read("data/roofline.csv"), "the fitted efficiencies are those of the measurements")

-- Of what was left out, kernels and whole steps on the GPUs that were fitted: at most 15 %.
local text, worst = read(folder .. "/printed"), { prompt = 0, decode = 0 }
for kind, error in text:match("kernels added up.-\nH100"):gmatch("  left out  +(%a+) +%d+  median error +([%d.]+)") do
  worst[kind] = math.max(worst[kind], tonumber(error))
end
tap.ok(worst.prompt > 0 and worst.prompt <= 15, "prompts of six GPUs that were left out: within 15 %", worst.prompt)
tap.ok(worst.decode > 0 and worst.decode <= 15, "decodes of six GPUs that were left out: within 15 %", worst.decode)
os.execute("rm -rf " .. folder)

-- --- the program itself, on whole steps

local function measured(hardware, tp)
  local sums = {}
  for line in io.lines(measurements .. "perf/splitwise/perf_model.csv") do
    local cells = {}
    for cell in line:gmatch "[^,]+" do table.insert(cells, cell) end
    if cells[1] == "llama2-70b" and cells[2] == hardware and cells[5] == "128" and tonumber(cells[11]) == tp then
      local key = cells[3] .. "," .. cells[4]
      local sum = sums[key] or { prompt = tonumber(cells[3]), batch = tonumber(cells[4]), n = 0, first = 0, next = 0 }
      sum.n, sum.first, sum.next = sum.n + 1, sum.first + cells[8] / 1e3, sum.next + cells[9] / 1e3
      sums[key] = sum
    end
  end
  return sums
end

local function plan(gpu, tp, context, batch)
  local command = ("%s plan --model llama-2-70b --gpu %s --tp %d --context %d --batch %d --latency --engine eager --format csv")
    :format(program.path, gpu, tp, context, batch)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local names, values = {}, {}
  for name in pipe:read("l"):gmatch "[^,]+" do table.insert(names, name) end
  local i = 1
  for cell in (pipe:read("l") .. ","):gmatch "([^,]*)," do values[names[i] or i], i = cell, i + 1 end
  pipe:close()
  return tonumber(values.ttft_s), tonumber(values.tpot_s)
end

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
end

for _, gpu in ipairs { "h100-80gb", "a100-80gb" } do
  local first, next_one = {}, {}
  for _, sum in pairs(measured(gpu, 4)) do
    if sum.prompt + 64 <= 4096 then
      local _, tpot = plan(gpu, 4, sum.prompt + 64, sum.batch)
      table.insert(next_one, math.abs(tpot / (sum.next / sum.n) - 1))
      if sum.batch == 1 then table.insert(first, math.abs(plan(gpu, 4, sum.prompt, 1) / (sum.first / sum.n) - 1)) end
    end
  end
  local prompt, decode = median(first), median(next_one)
  print(("# Llama-2-70B on 4 x %s, 2023: prompts %.1f %%, decodes %.1f %% (medians of %d and %d)"):format(gpu, 100 * prompt,
    100 * decode, #first, #next_one))
  tap.ok(prompt <= 0.15 and decode <= 0.15, "Llama-2-70B on 4 x " .. gpu .. " through mbsand plan: within 15 %", prompt, decode)
end
tap.done()
