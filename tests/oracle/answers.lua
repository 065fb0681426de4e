-- Measures of when each token of an answer came, token by token (docs/models.md): `times` are the moments of all of them.

local answers = {}

-- The quality of experience of somebody who reads so many tokens a second and expects the first after `ttft` seconds: each
-- token is read from when it is there and the one before it is read, and expected to be read as if nothing ever delayed.
function answers.qoe(times, arrival, speed, ttft)
  local each, free, read, expected = 1 / speed, 0, 0, 0
  local begun = {}
  for i, time in ipairs(times) do
    begun[i] = math.max(free, time - arrival)
    free = begun[i] + each
  end
  for i in ipairs(times) do -- token seconds up to `free`: half while it is read, whole afterwards
    local from = ttft + (i - 1) * each
    read = read + each / 2 + free - begun[i] - each
    if free > from + each then expected = expected + each / 2 + free - from - each
    elseif free > from then expected = expected + (free - from) ^ 2 / each / 2 end
  end
  return expected > 0 and math.min(1, read / expected) or 1
end

-- Of the requests that count and were served.
function answers.measures(requests, counts, qoe)
  local sum, served = 0, 0
  for i, r in ipairs(requests) do
    if qoe and r.stop and counts(i) then
      served, sum = served + 1, sum + answers.qoe(r.times, r.arrival, qoe.speed, qoe.ttft)
    end
  end
  return { qoe_mean = served > 0 and sum / served or nil }
end

return answers
