-- Single steps of a measured run, from the times at which its requests were scheduled, got their first and their last
-- token: all of these lie at ends of steps. Two that follow each other are one step if the time between them is that of
-- one and no more; its decodes are the requests that have begun, its chunk those whose first token ends it.

local SAME = 0.003 -- seconds; the engine stamps the requests of one boundary one after the other

local measured = {}

local function boundaries(requests)
  local times, ends = {}, {}
  for _, request in ipairs(requests) do
    for _, key in ipairs { "scheduled", "first", "last" } do table.insert(times, request[key]) end
  end
  table.sort(times)
  for i, time in ipairs(times) do
    if i == 1 or time - times[i - 1] > SAME then table.insert(ends, time) end
  end
  return ends
end

-- Tokens of each prompt that an earlier one has left in the cache.
local function find_hits(requests, block)
  local seen = {}
  for _, request in ipairs(requests) do
    local hit = 0
    while hit < #request.ids and seen[request.ids[hit + 1]] do hit = hit + 1 end
    request.hit = math.min(hit, (request.prompt - 1) // block) * block
    for _, id in ipairs(request.ids) do seen[id] = true end
  end
end

-- What the step from `start` to `stop` computed: tokens, context read by decodes, decodes, prompts.
local function shape(requests, start, stop)
  local step = { tokens = 0, context = 0, decodes = 0, prompts = 0, seconds = stop - start }
  for _, r in ipairs(requests) do
    if r.first < stop - SAME and r.last > stop - SAME then
      step.decodes = step.decodes + 1
      step.context = step.context + r.prompt + 1 + (r.output - 1) * math.max(0, start - r.first) / (r.last - r.first)
    elseif math.abs(r.first - stop) < SAME then
      step.prompts = step.prompts + 1
      step.tokens = step.tokens + r.prompt - r.hit
    end
  end
  step.tokens = step.tokens + step.decodes
  return step
end

-- Steps with less than `budget` tokens (else a prompt may have come in several chunks). `law` is the straight law: it
-- tells one step from two.
function measured.find(requests, law, block, budget)
  find_hits(requests, block)
  local ends, found = boundaries(requests), {}
  local function expected(tokens, context) return law[1] + law[2] * tokens + law[3] * context end
  for i = 2, #ends do
    local step = shape(requests, ends[i - 1], ends[i])
    step.law = expected(step.tokens, step.context)
    local next_one = expected(step.decodes, step.context)
    if step.decodes > 0 and step.tokens < budget and step.seconds > 0.8 * step.law
      and step.seconds < step.law + 0.75 * next_one then
      table.insert(found, step)
    end
  end
  return found
end

return measured
