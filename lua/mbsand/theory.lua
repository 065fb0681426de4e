-- Closed forms that scenarios are compared with.
local theory = {}

-- E[max of m draws] of a distribution cut to low..high, in seconds; cdf(x) is its distribution function.
function theory.expected_max(m, low, high, cdf, steps)
  if m == 0 then return 0 end
  local base, mass, sum = cdf(low), cdf(high) - cdf(low), 0
  for i = 0, steps - 1 do
    sum = sum + ((cdf(low + (i + 0.5) * (high - low) / steps) - base) / mass) ^ m
  end
  return high - (high - low) * sum / steps
end

-- E[time of a bin's last, partial batch], less that of the same requests in full batches: a bin gets a nearly normal
-- number of the requests, `left` of them (that number modulo B) remain at the end.
local function end_effect(requests, size, share, full, max_of)
  local mean, deviation, sum, weights = requests * share, math.sqrt(requests * share * (1 - share)), 0, 0
  for step = -12, 12 do
    local z, left = step / 4, math.floor(mean + deviation * step / 4 + 0.5) % size
    local weight = math.exp(-z * z / 2)
    sum, weights = sum + weight * (max_of(left) - full * left / size), weights + weight
  end
  return sum / weights
end

-- Throughput of multi-bin batching that never runs dry: in the limit, and of a run of so many requests. `edges` cut
-- service times low..high, in seconds.
function theory.multi_bin_throughput(requests, size, edges, low, high, cdf)
  local full, tail = 0, 0
  for i = 1, #edges + 1 do
    local from, to = edges[i - 1] or low, edges[i] or high
    local share, batch = cdf(to) - cdf(from), theory.expected_max(size, from, to, cdf, 4000)
    full = full + share * batch
    tail = tail + end_effect(requests, size, share, batch, function(m) return theory.expected_max(m, from, to, cdf, 500) end)
  end
  return size / full, requests / (requests / size * full + tail)
end

return theory
