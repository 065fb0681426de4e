-- What both second simulators measure alike: who counts, and who kept which bound (docs/models.md), request by request.
--
--   local window = promises.window(requests, warmup)   -- warmup: nil, { requests = n } or { seconds = s }
--   window.start, window.counts(i): when observation starts; whether request i counts
--   promises.measures(requests, window, slo, finish, stopped) -> by name
--
-- Of a request that arrived: arrival, start, first, stop (nil: not yet, or never), output, rejected (when), tbt (of its
-- batch, if its gaps are equal by definition), begun (it has been in service).

local promises = {}

function promises.window(requests, warmup)
  local first = requests[1] and requests[1].arrival or 0
  if warmup and warmup.seconds then
    local start = first + warmup.seconds
    return { start = start, counts = function(i) return requests[i].arrival >= start end }
  end
  local n = warmup and warmup.requests or 0
  local next_one = requests[n + 1]
  return { start = n == 0 and first or next_one and next_one.arrival or math.huge, counts = function(i) return i > n end }
end

-- The part of from..to in the time of observation.
function promises.part(window, from, to)
  return math.max(0, to - math.max(from, window.start))
end

local function beyond(span, bound, clock)
  return bound ~= nil and span > bound + 1e-9 * bound + 1e-12 * clock
end

-- How many of its tokens are late, if those that have not come by `clock` came then.
local function late_tokens(r, slo, clock)
  local count = 0
  for j = 1, r.output do
    local time = math.min(r.times[j] or clock, clock)
    if beyond(time - r.arrival, slo.ttft + (j - 1) * slo.tbt, time) then count = count + 1 end
  end
  return count
end

-- "kept", "missed" or "open" for each bound, and for all of them together.
local function judge(r, slo, finish, stopped)
  local verdict = {}
  if r.rejected then
    for name in pairs(slo) do verdict[name] = "missed" end
    return verdict, "missed"
  end
  local clock = r.stop or finish
  local first = r.first and r.first <= clock and r.first or nil
  for name, bound in pairs(slo) do
    local late
    if name == "e2e" then late = beyond(clock - r.arrival, bound, clock) end
    if name == "ttft" then late = beyond((first or clock) - r.arrival, bound, clock) end
    if name == "tbt" and first and r.stop then
      local tbt = r.tbt or (r.output > 1 and (r.stop - r.first) / (r.output - 1) or 0)
      late = beyond(tbt, bound, clock)
    elseif name == "tbt" and first then -- the least that it can become
      local least = r.output > 1 and (clock - first) / (r.output - 1) or 0
      if r.tbt then least = math.min(r.tbt, clock - first) end
      late = beyond(least, bound, clock)
    end
    if name == "late" then late = beyond(late_tokens(r, slo, clock), bound * r.output, 0) end
    local settled = r.stop or (name == "ttft" and first)
    verdict[name] = late and "missed" or settled and "kept" or stopped and "open" or "missed"
  end
  local all = r.stop and "kept" or stopped and "open" or "missed"
  for _, one in pairs(verdict) do if one == "missed" then all = "missed" end end
  return verdict, all
end

function promises.measures(requests, window, slo, finish, stopped)
  local sums = { counted = 0, served = 0, met = 0, open = 0, waited = 0, completed = 0, good = 0, output = 0, e2e = 0 }
  local missed, open = {}, {}
  for i, r in ipairs(requests) do
    if not r.arrived then break end
    local verdict, all = judge(r, slo, finish, stopped)
    if r.stop and r.stop > window.start then
      sums.completed, sums.output = sums.completed + 1, sums.output + r.output
      if all == "kept" then sums.good = sums.good + 1 end
    end
    if window.counts(i) and window.start <= finish then
      sums.counted = sums.counted + 1
      if r.stop then sums.served, sums.e2e = sums.served + 1, sums.e2e + r.stop - r.arrival end
      if all == "kept" then sums.met = sums.met + 1 end
      if all == "open" then sums.open = sums.open + 1 end
      local clock = r.stop or r.rejected or finish
      if beyond((r.start or clock) - r.arrival, 0, clock) then sums.waited = sums.waited + 1 end
      for name, one in pairs(verdict) do
        if one == "missed" then missed[name] = (missed[name] or 0) + 1 end
        if one == "open" then open[name] = (open[name] or 0) + 1 end
      end
    end
  end
  local function ratio(a, b) return b > 0 and a / b or nil end
  local duration = math.max(0, finish - math.min(finish, window.start))
  local measures = { duration_s = duration, censored = sums.open, served_share = ratio(sums.served, sums.counted),
    slo_attainment = ratio(sums.met, sums.counted - sums.open), waited_fraction = ratio(sums.waited, sums.counted),
    throughput_rps = ratio(sums.completed, duration), throughput_tps = ratio(sums.output, duration),
    goodput_rps = ratio(sums.good, duration), e2e_mean_s = ratio(sums.e2e, sums.served) }
  for name in pairs(slo) do
    measures[name .. "_violation"] = ratio(missed[name] or 0, sums.counted - (open[name] or 0))
  end
  return measures
end

return promises
