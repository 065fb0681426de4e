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

-- Latency of programs: sessions of which all requests were served, and the first arrived when observation had begun.
local function programs(requests, counts)
  local list, of = {}, {}
  for i, r in ipairs(requests) do
    local program = r.arrived and r.session and of[r.session]
    if r.arrived and r.session and not program then
      program = { first = r.arrival, last = 0, tokens = 0, counts = counts(i) }
      of[r.session] = program
      table.insert(list, program)
    end
    if program and not r.stop then program.counts = false end
    if program and r.stop then program.last, program.tokens = math.max(program.last, r.stop), program.tokens + r.output end
  end
  local seconds, each, many = 0, 0, 0
  for _, program in ipairs(list) do
    if program.counts then
      local time = program.last - program.first
      seconds, each, many = seconds + time, each + time / program.tokens, many + 1
    end
  end
  if many > 0 then return seconds / many, each / many end
end

-- The most that the service of two clients moves apart while both wait: all pairs, all that each was ever served.
function answers.new_service(weights)
  local service, waited, apart, gap, known = {}, {}, {}, 0, 0

  -- To be called at the end of an instant in which something changed. restart: what was up to now does not count.
  function service.look(requests, restart)
    local served, waits, list = {}, {}, {}
    for _, r in ipairs(requests) do
      if r.arrived and not served[r.client] then
        served[r.client] = 0
        table.insert(list, r.client)
      end
      if r.start then
        local output = r.emitted + (r.wasted or 0) -- what was thrown away, too
        served[r.client] = served[r.client] + weights.w_prompt * r.prompt + weights.w_output * output
      end
      if r.arrived and r.state ~= "running" and r.state ~= "gone" then waits[r.client] = true end
    end
    if restart then gap = 0 end
    for i, a in ipairs(list) do
      for j = 1, i - 1 do
        local b = list[j]
        local key, distance = a .. " " .. b, served[a] - served[b]
        local pair = waited[a] and waited[b] and not restart and apart[key] or { low = distance, high = distance }
        pair.low, pair.high = math.min(pair.low, distance), math.max(pair.high, distance)
        gap = math.max(gap, pair.high - pair.low)
        apart[key] = waits[a] and waits[b] and (waited[a] and waited[b] and pair or { low = distance, high = distance }) or nil
      end
    end
    waited, known = waits, #list
  end

  function service.gap() return known > 1 and gap or nil end
  return service
end

-- Of the requests that count and were served.
function answers.measures(requests, counts, qoe, stopped, slo)
  local sum, served = 0, 0
  for i, r in ipairs(requests) do
    if qoe and r.stop and counts(i) then
      served, sum = served + 1, sum + answers.qoe(r.times, r.arrival, qoe.speed, qoe.ttft)
    end
  end
  local measures = { qoe_mean = served > 0 and sum / served or nil }
  if slo.ttft and slo.tbt then
    local dated, late, seconds = 0, 0, 0
    for i, r in ipairs(requests) do
      for j, time in ipairs(r.stop and counts(i) and r.times or {}) do
        local due = slo.ttft + (j - 1) * slo.tbt
        dated = dated + 1
        if time - r.arrival > due + 1e-9 * due + 1e-12 * time then
          late, seconds = late + 1, seconds + time - r.arrival - due
        end
      end
    end
    if dated > 0 then measures.late_tokens, measures.late_mean_s = late / dated, seconds / dated end
  end
  if not stopped then measures.program_mean_s, measures.program_tokens_s = programs(requests, counts) end
  return measures
end

return answers
