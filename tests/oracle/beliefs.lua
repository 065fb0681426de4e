-- The second simulator: what a policy may say of requests and ask about them, beyond what their fields and queues tell
-- (docs/writing-policies.md), by walks over all of them.
--
--   local beliefs = beliefs.open(world)    world: what steps.lua shares with it
--   beliefs.request(req, record), beliefs.replica(replica): give them their methods
--   beliefs.expected(record): of the whole output, at least a token more than there is

local beliefs = {}

function beliefs.open(w)
  local sim, says = w.sim, {}
  says.SUMS = { decodes = true, prefills = true, prefill_left = true, context = true, due = true }

  function says.expected(record) return math.max(record.expected or record.predicted, record.emitted + 1) end

  local function draw_answer(record, list)
    for _ = 1, 8 do
      local answer = list[w.draw(#list)]
      if answer > record.emitted then return answer end
    end
    return record.emitted + 1
  end

  -- --- requests --------------------------------------------------------------------------------------------------------

  local function gain(record, of)
    local reader = w.qoe or of
    local speed, ttft = reader.speed, reader.ttft
    local buffered = record.first and math.max(0, record.first + record.emitted / speed - sim.now) or 0
    local since = sim.now + of.horizon - record.arrival - ttft
    if buffered >= of.horizon or since <= 0 then return 0 end
    return math.min(1, (of.horizon - buffered) / since) ^ 2
  end

  function says.request(req, record)
    function req.expect(_, what)
      record.expected = type(what) == "table" and draw_answer(record, what) or math.floor(what + 0.5)
    end
    function req.rank(_, number)
      record.rank = number or record.rank
      return record.rank or 0
    end
    function req.predict() return record.predicted end
    function req.qoe_gain(_, of) return gain(record, of) end
    function req.clock(_, served, waited)
      if not served then return req.attained() - (record.served_at or 0), req.waited() - (record.waited_at or 0) end
      record.served_at, record.waited_at = req.attained() - served, req.waited() - waited
    end
  end

  -- Ranks for many; who waits in a queue in the order of ranks has its new place at once.
  function sim:rank(whom, by, of)
    local list = {}
    if w.record_of[whom] then
      list[1] = whom
    elseif whom.each_running then
      for req in whom:each_running() do list[#list + 1] = req end
    else
      for i = 1, #whom do if w.record_of[whom[i]].state ~= "gone" then list[#list + 1] = whom[i] end end
    end
    for _, req in ipairs(list) do
      local record = w.record_of[req]
      if by == "qoe_gain" then record.rank = -gain(record, of) / (record.prompt + record.emitted)
      else record.rank = type(by) == "number" and by or self:key_of(req, by) end
    end
    for _, queue in ipairs(self.queues) do
      for _, req in ipairs(queue.order == "rank" and list or {}) do queue:file_again(req) end
    end
  end

  -- --- queues ----------------------------------------------------------------------------------------------------------

  function sim.starved(queue, seconds, ratio)
    local list = {}
    for i = 1, #queue do
      local served, waited = queue[i]:clock()
      if waited >= seconds and (not ratio or served > 0 and waited >= ratio * served) then list[#list + 1] = queue[i] end
    end
    return list
  end

  function sim.longest_cached(queue, replica, most, beginning, met)
    local best, longest
    for passed_over = 0, 1 do -- those that wait for what another computes come last
      for i = 1, math.min(#queue, most or #queue) do
        local req, late = queue[i], false
        local cached = replica:cached(req)
        local record = w.record_of[req]
        local ids = beginning and cached <= beginning and record.prefix
        local unit = ids and math.min(math.floor(beginning / w.prefix_unit) + 1, #ids, math.ceil(record.prompt / w.prefix_unit))
        local id = ids and ids[unit] -- it stands for all before it, too
        if id and passed_over == 0 then
          met[id] = met[id] or req.id
          late = met[id] ~= req.id
        end
        if not late and (not longest or cached > longest) then best, longest = req, cached end
      end
      if best then return best, longest end
    end
  end

  -- --- replicas --------------------------------------------------------------------------------------------------------

  local function sums_of(replica)
    local sums = { decodes = 0, prefills = 0, prefill_left = 0, context = 0, due = 0 }
    for _, record in ipairs(w.running_of(replica)) do
      if w.is_decode(record) then
        local blocks = replica.pool.blocks(record.computed + 1) - #record.blocks
        sums.decodes, sums.context = sums.decodes + 1, sums.context + record.computed + 1
        sums.due = sums.due + math.max(0, blocks) * replica.pool.size
      else
        sums.prefills = sums.prefills + 1
        sums.prefill_left = sums.prefill_left + record.prompt + record.emitted - record.computed
      end
    end
    return sums
  end
  says.sums_of = sums_of

  local function peak(replica, options)
    local list, with = {}, options and options.with or {}
    local function note(record)
      list[#list + 1] = { held = record.prompt + record.emitted, left = says.expected(record) - record.emitted }
    end
    for _, record in ipairs(w.running_of(replica)) do note(record) end
    for _, req in ipairs(w.record_of[with] and { with } or with) do note(w.record_of[req]) end
    table.sort(list, function(a, b) return a.left > b.left end)
    local held, most = 0, 0
    for i, one in ipairs(list) do
      held = held + one.held
      most = math.max(most, held + i * one.left)
    end
    return most
  end

  -- Until those in the queue, or before `upto`, are gone at the present pace.
  function sim.wait_estimate(queue, upto)
    local ahead, prompt, output, pace = 0, 0, 0, 0
    for i = 1, #queue do
      if queue[i] == upto then break end
      ahead, prompt, output = ahead + 1, prompt + queue[i].prompt_tokens, output + queue[i].predicted_output
    end
    for _, replica in ipairs(queue.owner and { queue.owner } or sim.replicas) do
      local many, context = math.max(1, replica.running), sums_of(replica).context
      local mean = ahead > 0 and math.floor(prompt / ahead + 0.5) or 0
      if context == 0 then context = many * mean end -- nobody decodes
      local step = replica.law.step(many, context, many)
      local longer = ahead > 0 and replica.law.step(many + mean, context, many + 1) - step or 0
      if replica.state == "up" and replica.role ~= "decode" then pace = pace + 1 / (ahead * longer + output * step / many) end
    end
    if pace == 0 then return nil end
    return ahead == 0 and 0 or 1 / pace
  end

  function says.replica(replica)
    replica.peak = peak
    function replica:foresee(what)
      for req in self:each_running() do
        local record = w.record_of[req]
        if type(what) == "table" then
          record.expected = draw_answer(record, what)
        else
          local so_far = record.rank and record.rank ~= 0 and record.rank or record.predicted
          record.rank = so_far + what * (record.predicted - so_far)
          record.expected = math.floor(record.rank + 0.5)
        end
      end
    end
    function replica:longest_chunk(seconds, least, most)
      local sums = sums_of(self)
      for tokens = most, least + 1, -1 do
        local host = self.law.host
        local step = self.law.step(sums.decodes + tokens, sums.context, sums.decodes + 1)
        if self.line then step = self.line.through(step - host, host, sums.decodes + tokens) end
        if step <= seconds then return tokens end
      end
      return least
    end
  end

  return says
end

return beliefs
