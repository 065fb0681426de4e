-- The second simulator's pipeline: queues in front of stages, one event for each batch and stage.
--
--   local line = stages.new{ stages = 2, batches =, batch_requests =, ahead =, shares =, send = { latency =, per_token = } }
--   line.open(): may another batch be composed?  line.enter(batch, now, law, before, tokens): it was; seconds
--   line.next(): time of the next event, or nil
--   line.step(now): true if it may let another batch be composed, and the batches that have left
--   line.leaves(now): does one leave at this instant?  line.cut(now): all in flight is lost; seconds spent on it

local stages = {}

function stages.new(plan)
  local count = plan.stages
  local line = { in_flight = {} } -- in the order in which they came
  local waiting, serving = {}, {} -- by stage
  for i = 1, count do waiting[i] = {} end

  function line.open()
    if #line.in_flight >= (plan.batches or count) then return false end
    return plan.ahead or (not serving[1] and #waiting[1] == 0)
  end

  function line.most(max_requests)
    if plan.batch_requests then return plan.batch_requests end
    return max_requests < math.huge and math.max(1, math.floor(max_requests / (plan.batches or count))) or math.huge
  end

  -- Seconds on a stage, of a batch whose step takes `law` and which something comes before; the sender is busy.
  local function seconds(i, law, before, tokens)
    local send = plan.send or {}
    local time = plan.shares and plan.shares[i] * law or law / count
    if i == 1 then time = time + before end
    if i < count then time = time + ((send.latency or 0) + (send.per_token or 0) * tokens) end
    return time
  end

  local function serve(now)
    for i = 1, count do
      if not serving[i] and #waiting[i] > 0 then
        local batch = table.remove(waiting[i], 1)
        serving[i] = { batch = batch, start = now, stop = now + seconds(i, batch.law, batch.before, batch.tokens) }
      end
    end
  end

  function line.enter(batch, now, law, before, tokens)
    batch.law, batch.before, batch.tokens = law, before, tokens
    table.insert(line.in_flight, batch)
    table.insert(waiting[1], batch)
    serve(now)
  end

  function line.next()
    local first
    for i = 1, count do
      if serving[i] and (not first or serving[i].stop < first) then first = serving[i].stop end
    end
    return first
  end

  function line.step(now)
    local left, freed = {}, false
    for i = count, 1, -1 do
      local at = serving[i]
      if at and at.stop == now then
        serving[i] = nil
        at.batch.spent = (at.batch.spent or 0) + now - at.start
        if i == 1 then freed = not plan.ahead end -- else it is nothing to wait for
        if i < count then
          table.insert(waiting[i + 1], at.batch)
        else
          table.insert(left, table.remove(line.in_flight, 1))
          assert(left[#left] == at.batch, "first come, first served")
        end
      end
    end
    serve(now)
    return freed, left
  end

  function line.leaves(now) return serving[count] and serving[count].stop == now end

  function line.cut(now)
    local spent = 0
    for i = 1, count do
      spent = spent + (serving[i] and now - serving[i].start or 0)
      waiting[i], serving[i] = {}, nil
    end
    for _, batch in ipairs(line.in_flight) do spent = spent + (batch.spent or 0) end
    line.in_flight = {}
    return spent / count
  end

  function line.busy()
    local busy = 0
    for i = 1, count do busy = busy + (serving[i] and 1 or 0) end
    return busy / count
  end

  function line.through(law, before, tokens)
    local sum = 0
    for i = 1, count do sum = sum + seconds(i, law, before, tokens) end
    return sum
  end

  return line
end

return stages
