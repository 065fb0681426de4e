-- The bundled policies on the oracle simulator: cases by hand, theory, and what must hold for every policy.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local simulator = require "simulator"

local seed = 7
local function uniform() -- Lehmer, the same under every Lua
  seed = (seed * 48271) % 2147483647
  return seed / 2147483647
end

local function run(name, requests, options)
  options.policy, options.requests = simulator.load("policies/" .. name .. ".lua"), requests
  return simulator.run(options)
end

local function makespan(result)
  local stop = 0
  for _, batch in ipairs(result.batches) do stop = math.max(stop, batch.stop) end
  return stop
end

-- Guldogan et al.: service times 1, 5, 2, 6, batches of two. One bin: 5 + 6; bins 1-3 and 4-6: 2 + 6.
local function example()
  local list = {}
  for i, time in ipairs{ 1, 5, 2, 6 } do
    list[i] = { id = i - 1, arrival = 0, prompt = 1, output = time, predicted = time, service = time }
  end
  return list
end
tap.equal(makespan(run("multi_bin", example(), { latency = simulator.jobs, params = { bins = 1, batch_size = 2 } })), 11,
          "multi_bin: one bin takes 11")
tap.equal(makespan(run("multi_bin", example(), { latency = simulator.jobs, params = { edges = { 4 }, batch_size = 2 } })), 8,
          "multi_bin: two bins take 8")
tap.equal(makespan(run("static_fifo", example(), { latency = simulator.jobs, params = { batch_size = 2 } })), 11,
          "static_fifo takes 11")

tap.equal(makespan(run("static_sjf", example(), { latency = simulator.jobs, params = { batch_size = 2 } })), 8,
          "static_sjf takes 8: neighbours in order of length")

-- First formed, first served; arrivals 0, 1, 2, ...: bin 2 fills at 3, bin 1 at 4, while the replica serves.
local function arrivals(list)
  local requests = {}
  for i, row in ipairs(list) do
    requests[i] = { id = i - 1, arrival = row[1], prompt = 1, output = row[2], predicted = row[2], service = row[3] or 10 }
  end
  return requests
end
local function order(result)
  local parts = {}
  for i, r in ipairs(result.requests) do parts[i] = r.start or "-" end
  return table.concat(parts, " ")
end
local two = { edges = { 10 }, batch_size = 2 }
local function two_with(more)
  for name, value in pairs(two) do more[name] = value end
  return more
end
tap.equal(order(run("multi_bin", arrivals{ { 0, 1 }, { 0.5, 1 }, { 1, 1 }, { 2, 50 }, { 3, 50 }, { 4, 1 } },
                    { latency = simulator.jobs, params = two_with{} })), "0.5 0.5 20.5 10.5 10.5 20.5",
          "multi_bin: first formed is first served")
tap.equal(order(run("multi_bin", arrivals{ { 0, 1 }, { 20, 50 }, { 21, 1 } },
                    { latency = simulator.jobs, params = two_with{} })), "21 31 21",
          "multi_bin: what is left after the last arrival is served")
tap.equal(order(run("multi_bin", arrivals{ { 0, 1 }, { 20, 50 }, { 90, 1 } },
                    { latency = simulator.jobs, params = two_with{ max_wait = 5 } })), "5 25 90",
          "multi_bin: max_wait sends partial batches")
tap.equal(order(run("multi_bin", arrivals{ { 0, 1 }, { 1, 1 }, { 2, 1 }, { 90, 1 } },
                    { latency = simulator.jobs, params = two_with{ max_wait = 5 } })), "1 1 11 90",
          "multi_bin: max_wait counts from the first of its own group")

-- Theory at saturation (Table A1): lengths U(1, 20), B = 8: throughput 8 / (10.5 + 19 x 7 / (2 k 9)).
local function saturated(k)
  local list = {}
  for i = 1, 24000 do
    local time = 1 + 19 * uniform()
    list[i] = { id = i - 1, arrival = 0, prompt = 1, output = 1, predicted = time, service = time }
  end
  local edges = {}
  for i = 1, k - 1 do edges[i] = 1 + 19 * i / k end
  return #list / makespan(run("multi_bin", list, { latency = simulator.jobs,
                                                    params = { bins = 1, edges = edges, batch_size = 8 } }))
end
for _, row in ipairs{ { 1, 0.447205 }, { 2, 0.563601 }, { 4, 0.647919 }, { 8, 0.700304 } } do
  tap.near(saturated(row[1]), row[2], 0.005, "multi_bin: throughput of " .. row[1] .. " bins as in theory")
end

-- What must hold for every policy.
local function workload(n)
  local list, now = {}, 0
  for i = 1, n do
    if uniform() > 0.2 then now = now - 0.4 * math.log(uniform()) end -- a fifth of the arrivals are ties
    local prompt, output = 1 + math.floor(400 * uniform()), 1 + math.floor(-100 * math.log(uniform()))
    list[i] = { id = i - 1, arrival = now, prompt = prompt, output = output,
                predicted = math.floor(output * (0.5 + uniform())) }
  end
  return list
end

local function sound(result, replicas, capacity)
  local free_at, held = {}, {}
  for id = 1, replicas do free_at[id] = 0 end
  local count = 0
  for _, batch in ipairs(result.batches) do
    if batch.start < free_at[batch.replica] then return false, "a batch starts on a busy replica" end
    free_at[batch.replica] = batch.stop
    count = count + batch.requests
  end
  for _, r in ipairs(result.requests) do
    if not r.stop then return false, "request " .. r.id .. " was not served" end
    if r.start < r.arrival or r.first < r.start or r.stop < r.first then return false, "times of " .. r.id end
    local key = r.replica .. "@" .. string.format("%.17g", r.start)
    held[key] = (held[key] or 0) + r.prompt + r.output
    if held[key] > capacity then return false, "memory exceeded at " .. key end
  end
  if count ~= #result.requests then return false, "batches hold " .. count end
  return true
end

local CASES = {
  { "static_fifo", {} }, { "static_sjf", {} }, { "dynamic_no_bins", {} }, { "dynamic_no_bins", { memory_rule = "linear" } },
  { "dynamic_no_bins", { memory_rule = "margin" } }, { "dynamic_no_bins", { memory_rule = "exact" } },
  { "multi_bin_dynamic", {} }, { "multi_bin_dynamic", { selection = "longest_queue", controller = "global" } },
  { "multi_bin_dynamic", { selection = "oldest_head", key = "predicted_total", rule = "optimal", bins = 8 } },
  { "multi_bin_dynamic", { rule = "geometric" } }, { "multi_bin_dynamic", { rule = "equal_width", bins = 1 } },
  { "multi_bin_dynamic", { edges = { 10, 100 } } },
  { "multi_bin", {} }, { "multi_bin", { max_wait = 3 } }, { "multi_bin", { bins = 16, batch_size = 32 } },
  { "origin/static_fifo", {} }, { "origin/dynamic_no_bins", {} }, { "origin/multi_bin_dynamic", {} },
  { "origin/multi_bin_dynamic", { selection = "longest_queue", controller = "global", bins = 1 } },
  { "origin/multi_bin_only", {} }, { "origin/first_static_fifo", {} }, { "origin/first_dynamic_no_bins", {} },
  { "origin/first_multi_bin_dynamic", {} }, { "origin/first_multi_bin_only", { edges = { 8, 27, 40, 86 } } },
}
for _, case in ipairs(CASES) do
  for _, replicas in ipairs{ 1, 3 } do
    for _, capacity in ipairs{ 2500, math.huge } do
      local parts = {}
      for name, value in pairs(case[2]) do table.insert(parts, name .. "=" .. (type(value) == "table" and "..." or value)) end
      table.sort(parts)
      local result = run(case[1], workload(600), {
        params = case[2], replicas = replicas, kv = capacity, oracle = case[1]:find("origin", 1, true) ~= nil,
        latency = simulator.law(0.06, 0.0057, 0.32), slo = { tbt = 0.0070 }, observing = true,
      })
      tap.ok(sound(result, replicas, capacity), case[1] .. " " .. table.concat(parts, " ") .. " on " .. replicas
             .. " replicas, memory " .. capacity .. ": every request served once, in time and in memory",
             select(2, sound(result, replicas, capacity)))
    end
  end
end

-- The dynamic policies impose nothing without a reason to.
local free = run("dynamic_no_bins", workload(300), { latency = simulator.law(5, 0.01, 0), observing = true })
for _, name in ipairs{ "b_mem", "b_sla" } do
  local least = math.huge
  for _, value in ipairs(free.series[name]) do least = math.min(least, value) end
  tap.equal(least, 128, "dynamic_no_bins: " .. name .. " without a pool limit and an objective")
end

-- Held at the objective: tau = 30 + 0.22 b ms, all requests at time 0.
local heap = {}
for i = 1, 20000 do heap[i] = { id = i - 1, arrival = 0, prompt = 10, output = 100, predicted = 100 } end
local held = run("dynamic_no_bins", heap, {
  latency = function(b, longest) local tbt = 0.030 + 0.00022 * b return tbt * longest, tbt, tbt end,
  slo = { tbt = 0.050 }, params = { max_batch = 512 },
})
local over, least = 0, math.huge -- the objective is met up to b = 90.9, the band's lower end is at b = 68.2
for i = #held.batches - 100, #held.batches - 1 do
  if held.batches[i].requests > 90 then over = over + 1 end
  least = math.min(least, held.batches[i].requests)
end
tap.equal(over, 0, "dynamic_no_bins: once settled, no batch misses the time between tokens")
tap.ok(least >= 68, "dynamic_no_bins: and none is smaller than the band asks for", least)

tap.done()
