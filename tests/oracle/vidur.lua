-- Vidur's replicas with stages (microsoft/vidur, MLSys 2024) as its replica and stage schedulers have them, under its
-- Sarathi scheduler: as many batches in flight as there are stages, composed as soon as there is room, of
-- batch_size_cap / stages rows at most; a queue in front of each stage. Memory is not short, so nobody is restarted.
--
--   vidur{ requests = { { arrival, prompt, output }, ... }, stages =, cap =, chunk =, base =, per_token =, send = }
--   -> { { start =, stop =, rows = { { id, tokens }, ... } }, ... } in order of ends

return function(config)
  local now, in_flight, done = 0, 0, {}
  local waiting, open = {}, {} -- requests: that have not started; that no batch under way has
  local queues, serving = {}, {}
  for i = 1, config.stages do queues[i] = {} end
  local most = math.max(1, math.floor(config.cap / config.stages))
  local admitted, next_arrival = 0, 1

  local function compose()
    local batch = { start = now, rows = {}, tokens = 0, decodes = 0 }
    local function take(request)
      local tokens = 1
      if request.computed < request.prompt then
        tokens = math.min(request.prompt - request.computed, config.chunk - batch.tokens)
        if tokens < 1 then return false end
      end
      table.insert(batch.rows, { id = request.id, tokens = tokens, request = request })
      batch.tokens = batch.tokens + tokens
      return true
    end
    table.sort(open, function(a, b) return a.id < b.id end) -- by arrival
    local left = {}
    for pass = 1, 2 do -- those with a whole prompt first
      for _, request in ipairs(open) do
        local decodes = request.computed >= request.prompt
        if decodes == (pass == 1) and not (#batch.rows < most and take(request)) then table.insert(left, request) end
      end
    end
    open = left
    while #waiting > 0 and admitted < config.cap and #batch.rows < most and take(waiting[1]) do
      admitted = admitted + 1
      table.remove(waiting, 1)
    end
    return #batch.rows > 0 and batch or nil
  end

  local function serve()
    for i = 1, config.stages do
      if not serving[i] and #queues[i] > 0 then
        local batch = table.remove(queues[i], 1)
        local seconds = (config.base + config.per_token * batch.tokens) / config.stages
        if i < config.stages then seconds = seconds + config.send end
        serving[i] = { batch = batch, stop = now + seconds }
      end
    end
  end

  local function schedule()
    while in_flight < config.stages do
      local batch = compose()
      if not batch then break end
      in_flight = in_flight + 1
      table.insert(queues[1], batch)
    end
    serve()
  end

  local function finish(batch)
    batch.stop, in_flight = now, in_flight - 1
    table.insert(done, batch)
    for _, row in ipairs(batch.rows) do
      local request = row.request
      request.computed = request.computed + row.tokens
      if request.computed >= request.prompt then request.emitted = request.emitted + 1 end
      if request.emitted < request.output then table.insert(open, request) else admitted = admitted - 1 end
    end
  end

  while true do
    local stage, time = nil, math.huge
    for i = config.stages, 1, -1 do
      if serving[i] and serving[i].stop < time then stage, time = i, serving[i].stop end
    end
    local arrival = config.requests[next_arrival]
    if not stage and not arrival then return done end
    if arrival and arrival[1] < time then
      now = arrival[1]
      while config.requests[next_arrival] and config.requests[next_arrival][1] == now do
        local row = config.requests[next_arrival]
        table.insert(waiting, { id = next_arrival - 1, prompt = row[2], output = row[3], computed = 0, emitted = 0 })
        next_arrival = next_arrival + 1
      end
      schedule()
    else
      now = time
      local batch = serving[stage].batch
      serving[stage] = nil
      if stage < config.stages then
        table.insert(queues[stage + 1], batch)
        serve()
      else
        finish(batch)
        schedule()
      end
    end
  end
end
