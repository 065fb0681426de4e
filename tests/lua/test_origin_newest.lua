-- The origin's newest state: cases by hand, its published boundaries and caps, and two measured runs on a public trace.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local simulator = require "simulator"
local origin = require "mbsand.origin"

local ETA = (12 - 4) / 1.875e-4

local function with(cap, fields)
  local state = origin.state(cap, math.floor((1 + cap) / 2))
  for name, value in pairs(fields or {}) do state[name] = value end
  return state
end

-- Algorithm 1: 0.9 x 42,666.67 / 500 = 76.8
tap.equal(origin.newest_memory_size(with(128), ETA, 0, 128), 76, "first b_mem is 76")
tap.equal(origin.newest_memory_size(with(128), ETA, 100, 128), 100, "b_mem rises to the requests in flight")
tap.equal(origin.newest_memory_size(with(128), ETA, 75, 128), 76, "fewer in flight change nothing")
tap.equal(origin.newest_memory_size(with(128), ETA, 500, 128), 128, "but not above the largest batch")
tap.equal(origin.newest_memory_size(with(9), ETA, 500, 128), 9, "nor above the bin's cap")
tap.equal(origin.newest_memory_size(with(128, { prompt = 50000 }), ETA, 0, 128), 1, "b_mem is at least 1")

-- Caps. Ends and caps of the first 10,000 BurstGPT requests, as published; K = 1 is one bin [0, 10000).
local function caps(ends)
  local list = {}
  for i = 1, #ends do list[i] = origin.bin_cap(ends[i], ends[i + 1] or 10000, 7, 1.875e-4, 128) end
  return table.concat(list, " ")
end
tap.equal(caps{ 1, 11, 28, 64, 102, 142, 191, 247 }, "128 128 128 128 128 112 85 8", "published caps of 8 bins")
tap.equal(caps{ 1, 28, 102, 191 }, "128 128 127 8", "published caps of 4 bins")
tap.equal(caps{ 0 }, "9", "one bin is capped at 9")
tap.equal(origin.bin_cap(0, 1, 7, 1.875e-4, 128), 128, "a bin whose middle is 0 has no cap")

-- Ends: numpy's linear quantiles, cut.
tap.equal(table.concat(origin.lower_ends({ 3, 5, 8, 10 }, 2), " "), "3 6", "quantile 6.5 is cut to 6")
tap.equal(table.concat(origin.lower_ends({ 7, 7, 7, 9 }, 4), " "), "7 7 7 7", "equal quantiles stay equal")

-- Algorithm 2 with D = 10 ms and eps = 5 ms.
local function b_sla(fields, cap) return origin.newest_sla_size(with(cap or 128, fields), 0.010, 0.005) end
tap.equal(b_sla{}, 64, "first b_SLA is 64")
tap.equal(b_sla({}, 9), 5, "first b_SLA of a bin capped at 9 is 5")
tap.equal(b_sla{ tau = 0.1, updates = 2, others = 100 }, 64, "two updates change nothing, in flight or not")
tap.equal(b_sla{ tau = 0.1, updates = 3 }, 32, "too slow: high falls to the average batch")
tap.equal(b_sla{ tau = 0.1, updates = 3, low = 63 }, 64, "too slow: high stays 4 above low, low gives 2")
tap.equal(b_sla{ tau = 0.001, updates = 3 }, 96, "too fast: low rises to the average batch")
tap.equal(b_sla{ tau = 0.001, updates = 3, batch = 127.9, high = 100 }, 99, "too fast: low stays 4 below high, high gets 2")
tap.equal(b_sla{ tau = 0.010, updates = 3 }, 64, "in the band: the average batch")
tap.equal(b_sla{ tau = 0.010, updates = 3, batch = 1.9 }, 1, "in the band: its whole part")
tap.equal(b_sla{ tau = 0.015, updates = 3, batch = 10.99 }, 10, "the band includes its upper end")
tap.equal(b_sla{ tau = 0.010, updates = 3, others = 100 }, 100, "b_SLA rises to the requests in flight elsewhere")
tap.equal(b_sla({ tau = 0.010, updates = 3, others = 100 }, 9), 9, "but not above the cap")
local state = with(128)
origin.learn(state, { requests = 10, prefill_tokens = 1000, decode_tokens = 500 }, 0.006, 7)
tap.near(state.prompt, 260, 1e-12, "averages learn with weight 0.2")
tap.near(state.output, 170, 1e-12, "averages learn with weight 0.2, output")
tap.near(state.tau, 0.0012, 1e-15, "the average time starts from 0")
tap.near(state.batch, 53.2, 1e-12, "the average batch starts from 64")
tap.equal(state.others, 7, "requests in flight elsewhere are remembered")

-- Bins: below the first end means last bin.
local function requests(list)
  local out = {}
  for i, row in ipairs(list) do
    out[i] = { id = i - 1, arrival = row[1], prompt = row[2], output = row[3], predicted = row[4] }
  end
  return out
end
local law = simulator.law(0.05965277758291415, 0.005741996985241534, 0.31568071039597756, 0.001)
local result = simulator.run{
  policy = simulator.load("policies/origin/multi_bin_dynamic.lua"), params = { bins = 2, edges = { 10, 100 } },
  requests = requests{ { 0, 10, 10, 50 }, { 1e-3, 10, 20, 5 }, { 2e-3, 10, 30, 200 }, { 3e-3, 10, 40, 60 } },
  latency = law, kv = 37333, observing = true,
}
tap.equal(#result.batches, 3, "bins: three batches")
tap.equal(table.concat(result.series.bin, " "), "1 2 1", "bins: round robin, and below the first end goes to the last bin")
tap.equal(result.batches[2].requests, 2, "bins: the short and the long prediction share the last bin")

-- The hard check: 37,333 tokens; a single request above it blocks its queue for ever.
local blocked = simulator.run{
  policy = simulator.load("policies/origin/dynamic_no_bins.lua"), block_oversize = true, kv = 37333, latency = law,
  requests = requests{ { 0, 20000, 17333, 1 }, { 1, 20000, 17334, 1 }, { 2, 1, 1, 1 } },
}
tap.equal(blocked.unfinished, 2, "a request over 37,333 tokens blocks the queue")
local cut = simulator.run{
  policy = simulator.load("policies/origin/dynamic_no_bins.lua"), kv = 37333, latency = law,
  requests = requests{ { 0, 1, 1, 1 }, { 0.01, 20000, 10000, 1 }, { 0.02, 7000, 333, 1 }, { 0.03, 1, 1, 1 } },
}
tap.equal(cut.batches[2].requests, 2, "the hard check cuts the batch at 37,333 tokens")

-- Runs of the origin itself on the Azure conversation trace, as it is or slowed down ten times (0.55 requests/s). They fix
-- the ratchet of the tolerance band, the rise to the requests in flight (without it: 1,354.8 s on four), the cap of one bin.
local TRACE = "../shared/data/traces/azure2023/AzureLLMInferenceTrace_conv.csv"
local function azure(slowdown)
  local file, list, first = io.open(TRACE), {}, nil
  if not file then return nil end
  for line in file:lines() do
    local h, m, s, prompt, output = line:match("(%d+):(%d+):([%d.]+),(%d+),(%d+)")
    if h then
      local time = h * 3600 + m * 60 + s
      first = first or time
      table.insert(list, { id = #list, arrival = (time - first) * slowdown, prompt = tonumber(prompt),
                           output = tonumber(output), predicted = 1 })
    end
  end
  file:close()
  return list
end
local function mean_latency(policy, slowdown, replicas, params)
  local list = azure(slowdown)
  if not list then return nil end
  local run = simulator.run{ policy = simulator.load("policies/origin/" .. policy .. ".lua"), requests = list, latency = law,
                             params = params, replicas = replicas, kv = 37333, block_oversize = true, oracle = true }
  local sum = 0
  for _, r in ipairs(run.requests) do sum = sum + r.stop - r.arrival end
  return sum / #list, #list / #run.batches
end

local MEASURED = { -- policy, slowdown, replicas, parameters, mean latency, its last digit
  { "dynamic_no_bins", 10, 1, { tolerance = 0.001 }, 128.5, 0.05 },
  { "dynamic_no_bins", 10, 1, { tolerance = 0.005 }, 45954, 0.5 },
  { "dynamic_no_bins", 1, 4, { tolerance = 0.001 }, 1248.6, 0.05 },
  { "dynamic_no_bins", 1, 16, { tolerance = 0.001 }, 23.9, 0.05 },
  { "multi_bin_dynamic", 1, 16, { tolerance = 0.001, bins = 1 }, 146.4, 0.05 },
}
for _, row in ipairs(MEASURED) do
  local name = string.format("Azure conversation, %s, %d replicas, tolerance %g s: mean latency", row[1], row[3],
    row[4].tolerance)
  local mean, batch = mean_latency(row[1], row[2], row[3], row[4])
  if mean then
    tap.near(mean, row[5], row[6], name)
    if row[4].tolerance == 0.005 then tap.equal(string.format("%.1f", batch), "2.0", "and its batches of 2.0") end
  else
    tap.skip(name, "no " .. TRACE)
  end
end

-- With 16 replicas the target makes no difference at all: the sizes follow the requests in flight elsewhere.
local loose = mean_latency("dynamic_no_bins", 1, 16, { tolerance = 0.001 })
if loose then
  for _, target in ipairs{ 0.007, 0.005 } do
    local strict = mean_latency("dynamic_no_bins", 1, 16, { tolerance = 0.001, target = target })
    tap.equal(strict, loose, "16 replicas: a target of " .. target .. " s is as good as 0.010 s")
  end
end

tap.done()
