-- Plays a measured run's requests through mbsand and compares them one by one.

local program = require "program"
local data = require "data"
local csv = require "csv"
local runs = require "runs"

local PLACED = 0.2 -- seconds: a step or two at most

local replay = {}
local folder

local function lines(path)
  local list = {}
  for line in io.lines(runs.data .. path) do list[#list + 1] = line end
  return list
end

local function field(line, name) return assert(tonumber(line:match('"' .. name .. '":%s*([%d.]+)')), name) end

-- The requests in the order in which the engine queued them, times from the first of these.
function replay.read(run)
  local prompts, requests = lines(run.prompts), {}
  for _, line in ipairs(lines(run.requests)) do
    local number = tonumber(line:match('"bench%-(%d+)"'))
    local prompt = prompts[number + 1]
    local request = {
      number = number, prompt = field(line, "input_toks"), output = field(line, "output_toks"),
      queued = field(line, "queued_ts"), scheduled = field(line, "scheduled_ts"), first = field(line, "first_token_ts"),
      last = field(line, "last_token_ts"), ids = {},
    }
    assert(field(prompt, "input_toks") == request.prompt, "the two files disagree")
    for id in prompt:match('"block_ids":%s*%[(.-)%]'):gmatch("%d+") do
      if #request.ids < field(prompt, "n_input_blocks") then table.insert(request.ids, id) end
    end
    table.insert(requests, request)
  end
  table.sort(requests, function(a, b)
    if a.queued ~= b.queued then return a.queued < b.queued end
    return a.number < b.number
  end)
  local rows, start = {}, requests[1].queued
  for i, request in ipairs(requests) do
    rows[i] = ('{"t": %.9f, "in": %d, "out": %d, "ids": [%s]}'):format(request.queued - start, request.prompt,
      request.output, table.concat(request.ids, ","))
  end
  folder = folder or program.temporary_folder()
  run.trace = ("%s/%d.jsonl"):format(folder, run.layers)
  program.write(run.trace, table.concat(rows, "\n") .. "\n")
  run.measured = requests
end

local SCENARIO = [[
return scenario {
  title = "replay of a measured run",
  workload = trace.jsonl "%s" {
    fields = { time = "t", prompt = "in", output = "out", prefix = "ids" }, time_unit = 1, prefix_unit = %d,
  },
  cluster = {
    gpu = "rtx-pro-6000-96gb", model = "%s", tp = %d, gpus = %d, -- what a roofline takes; nothing else depends on them
    kv_blocks = %d, reserve = "sequence", max_requests = %d, token_budget = %d, prefix_cache = %s,
    async_scheduling = %s,
  },
  latency = %s,
  policies = { "%s" },
  seeds = 1,
}
]]

-- The rules of vllm_v1, one step at a time, with a note of what each step computes: for the fit.
local NOTED = [[
local Policy = {}
function Policy:schedule(replica, step)
  local context = 0
  for request in replica:each_running() do
    if request:phase() == "decode" then context = context + request:computed() + 1 end
  end
  if step:carry() == 0 then step:admit(self.sim.queue) end
  step:quantum(1)
  self.sim:observe("context", context)
end
function Policy:stepped(_, step)
  self.sim:observe("tokens", step.tokens)
  self.sim:observe("time", step.duration)
end
return Policy
]]

-- Asynchronous scheduling: a step is composed while the one before it runs, so a place that a request leaves is taken
-- again one step later.
local LATE = [[
local Policy = { places = math.huge }
function Policy:schedule(replica, step)
  if step:carry() == 0 then step:admit(self.sim.queue, self.places) end
  self.places = replica.max_requests - step.requests
  if #self.sim.queue > 0 and self.places > 0 then step:quantum(1) end
end
return Policy
]]

-- Latency models as Lua source. `host` and what the link adds are seconds.
function replay.profile(run, host, options)
  local link, more = { per_step = 0, per_token = 0 }, ""
  if options.straight_link then link = run.communication
  elseif run.links and not options.no_link then more = (', links = "%s"'):format(run.links) end
  if options.graphs then more = more .. ", graph_sizes = " .. options.graphs end
  if options.corrections then more = more .. (', corrections = "%s"'):format(options.corrections) end
  return ('latency.profile "%s" { layers = %d, host = %.17g, per_token = %.17g%s }'):format(run.profile, run.layers,
    host + link.per_step, link.per_token, more)
end

function replay.affine(law, host)
  return ("latency.step{ base = %.17g, per_token = %.17g, per_context = %.17g, host = %.17g }"):format(law[1], law[2],
    law[3], host)
end

local function simulate(run, latency, policy, dumps, options)
  program.write(folder .. "/scenario.lua", SCENARIO:format(run.trace, runs.block, run.model, run.gpus, run.gpus, run.blocks,
    run.max_requests, run.token_budget, tostring(not options.no_cache), tostring(options.async or false), latency, policy))
  program.run(folder, dumps)
end

local function failed()
  local file = assert(io.open(folder .. "/stderr"))
  local text = file:read("a")
  file:close()
  error("mbsand: " .. text)
end

-- --- comparison

replay.measures = { "TTFT", "TPOT", "E2E" }

local function times(arrival, first, last, output)
  return { TTFT = first - arrival, TPOT = (last - first) / (output - 1), E2E = last - arrival }
end

-- Relative errors: [measure] = { mean, p50, p90, p99 }, and mape = mean of |error| of E2E, request by request.
local function compare(run, rows)
  local got, want, sum = {}, {}, 0
  local placed = { 0, 0, 0 } -- requests that found a place at once: how many, and the sums of their TTFT
  for _, measure in ipairs(replay.measures) do got[measure], want[measure] = {}, {} end
  for i, request in ipairs(run.measured) do
    local row = rows[i]
    assert(tonumber(row.prompt_tokens) == request.prompt, "requests are out of order")
    local mine = times(tonumber(row.arrival_s), tonumber(row.first_token_s), tonumber(row.end_s), request.output)
    local real = times(request.queued, request.first, request.last, request.output)
    for _, measure in ipairs(replay.measures) do
      table.insert(got[measure], mine[measure])
      table.insert(want[measure], real[measure])
    end
    sum = sum + math.abs(mine.E2E / real.E2E - 1)
    if request.scheduled - request.queued < PLACED then
      placed = { placed[1] + 1, placed[2] + mine.TTFT, placed[3] + real.TTFT }
    end
  end
  local errors = { mape = sum / #rows, placed = placed[1], placed_TTFT = placed[2] / placed[3] - 1 }
  for _, measure in ipairs(replay.measures) do
    local a, b = data.summary(got[measure]), data.summary(want[measure])
    errors[measure] = {}
    for k = 1, 4 do errors[measure][k] = a[k] / b[k] - 1 end
  end
  return errors
end

function replay.errors(run, latency, options)
  options = options or {}
  if options.late then program.write(folder .. "/late.lua", LATE) end
  simulate(run, latency, options.late and folder .. "/late.lua" or "vllm_v1", "requests", options)
  local rows = csv.rows(("%s/out/requests-%s-1.csv"):format(folder, options.late and "late" or "vllm_v1")) or failed()
  assert(#rows == #run.measured, "not all requests were served")
  table.sort(rows, function(a, b) return tonumber(a.id) < tonumber(b.id) end)
  return compare(run, rows)
end

-- --- the straight law through the profile's own steps

-- Solves the 3 equations of the matrix m, whose fourth column is the right side.
local function solve(m)
  for i = 1, 3 do
    for j = 1, 3 do
      if j ~= i then
        local factor = m[j][i] / m[i][i]
        for k = i, 4 do m[j][k] = m[j][k] - factor * m[i][k] end
      end
    end
  end
  return { m[1][4] / m[1][1], m[2][4] / m[2][2], m[3][4] / m[3][3] }
end

-- base, per_token and per_context with the least squares of relative errors over the steps that the run takes, without
-- host; and the mean of their absolute relative errors.
function replay.fit(run)
  program.write(folder .. "/noted.lua", NOTED)
  simulate(run, replay.profile(run, 0, { corrections = run.corrections }), folder .. "/noted.lua", "decisions", {})
  local steps, step = {}, {}
  for _, row in ipairs(csv.rows(folder .. "/out/decisions-noted-1.csv") or failed()) do
    step[row.name] = tonumber(row.value)
    if row.name == "time" then
      table.insert(steps, { 1, step.tokens, step.context, step.time })
      step = {}
    end
  end
  local m = { { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } }
  for _, s in ipairs(steps) do
    for i = 1, 3 do
      for k = 1, 4 do m[i][k] = m[i][k] + s[i] * s[k] / s[4] ^ 2 end
    end
  end
  local law, sum = solve(m), 0
  for _, s in ipairs(steps) do sum = sum + math.abs((law[1] + law[2] * s[2] + law[3] * s[3]) / s[4] - 1) end
  return law, sum / #steps
end

function replay.clean()
  if folder then os.execute(("rm -rf '%s'"):format(folder)) end
end

return replay
