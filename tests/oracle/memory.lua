-- The second simulator's KV memory: a list of free blocks, head first. A block may hold what has a name: a part of a prefix
-- that requests share, or of what a request left when it was preempted. (docs/continuous-batching.md)
--
--   local pool = memory.new(blocks, block_size, keep, unit)   keep: freed blocks keep their content; unit: tokens of an id

local memory = {}

function memory.new(total, size, keep, unit)
  local pool = { free = {}, total = total, size = size, used = 0 }
  local holds -- name -> the block that holds it

  function pool.clear()
    pool.free, pool.used, holds = {}, 0, {}
    for i = 1, total < math.huge and total or 0 do pool.free[i] = { users = 0 } end
  end
  pool.clear()

  function pool.count() return total < math.huge and #pool.free or math.huge end
  function pool.blocks(tokens) return math.ceil(tokens / size) end

  -- --- names -----------------------------------------------------------------------------------------------------------

  -- An id of a prefix stands for its tokens, a unit, and all before them, so the id that a block ends in says what is in it.
  local function unit_of(record, index)
    local covered = record.prefix and math.min(record.prompt, #record.prefix * unit) or 0
    return index * size <= covered and math.ceil(index * size / unit) or nil
  end
  local function shared_name(record, index)
    local number = unit_of(record, index)
    return number and record.prefix[number] .. "@" .. index
  end
  local function own_name(record, index) return "request " .. record.id .. "@" .. index end

  local function give_name(block, name)
    if block.name then holds[block.name] = nil end
    block.name = name
    if name then holds[name] = block end
  end

  -- --- blocks ----------------------------------------------------------------------------------------------------------

  local function use(block)
    if block.users == 0 then
      for at, other in ipairs(pool.free) do if other == block then table.remove(pool.free, at) break end end
      pool.used = pool.used + 1
    end
    block.users = block.users + 1
  end
  local function let_go(block)
    block.users = block.users - 1
    if block.users > 0 then return end
    pool.used = pool.used - 1
    table.insert(pool.free, block)
  end

  -- How many leading blocks of a request are there, whole ones and not that of the last known token: of its prefix, and of
  -- what it left itself when it was preempted, if all of its prefix that was before that is there. only_shared: not of this.
  function pool.find(record, known, only_shared)
    local most = math.floor((known - 1) / size)
    local function chain(limit)
      local count = 0
      while count < limit do
        local name = shared_name(record, count + 1)
        if not name or not holds[name] then break end
        count = count + 1
      end
      return count
    end
    local own = record.shared_before
    if not only_shared and own and own < most and holds[own_name(record, own + 1)] and chain(own) == own then
      local shared = own
      while own < most and holds[own_name(record, own + 1)] do own = own + 1 end
      return own, shared
    end
    local found = chain(most)
    return found, found
  end
  local function block_of(record, index, shared)
    return holds[index <= shared and shared_name(record, index) or own_name(record, index)]
  end
  -- Of those found the ones that somebody uses: they need no room.
  function pool.in_use(record, found, shared)
    local many = 0
    for index = 1, found do if block_of(record, index, shared).users > 0 then many = many + 1 end end
    return many
  end
  -- Where they end within a unit, the rest of it is held with them if somebody holds it, else nobody knows it any more.
  function pool.reuse(record, found, shared)
    local last, rest = shared > 0 and unit_of(record, shared), {}
    for index = shared + 1, last and math.floor(math.min(last * unit, record.prompt) / size) or 0 do
      rest[#rest + 1] = holds[shared_name(record, index)]
    end
    record.shared, record.held = shared, {}
    for index = 1, found do
      local block = block_of(record, index, shared)
      use(block)
      table.insert(record.blocks, block)
    end
    for _, block in ipairs(rest) do
      if block.users > 0 then
        use(block)
        record.held[block] = true
      else
        give_name(block, nil)
      end
    end
  end
  -- What it left when it was preempted.
  function pool.forget(record)
    for index = 1, pool.blocks(record.prompt + record.output) do
      local block = holds[own_name(record, index)]
      if block then give_name(block, nil) end
    end
  end
  function pool.take(record, count)
    for _ = 1, count do
      local block = total < math.huge and pool.free[1] or { users = 0 }
      give_name(block, nil)
      use(block)
      table.insert(record.blocks, block)
    end
  end
  -- When a unit of a prefix is all computed, or the step is composed that computes the last of it, it is there for others; who
  -- computed what is there by now gives his copy back.
  function pool.store(record, computed)
    for index = (record.shared or 0) + 1, keep and #record.blocks or 0 do
      local number = unit_of(record, index)
      if not number or computed < math.min(number * unit, record.prompt) then return end
      local name = shared_name(record, index)
      local block, other = record.blocks[index], holds[name]
      record.shared = index
      if not other then
        give_name(block, name)
      else
        if record.held and record.held[other] then record.held[other] = nil else use(other) end
        record.blocks[index] = other
        let_go(block)
      end
    end
  end
  -- All blocks of a request, the last one first. Those that it has filled keep their content if it will come back.
  function pool.release(record, comes_back)
    local shared = record.shared or 0
    for index = #record.blocks, shared + 1, -1 do
      local block = table.remove(record.blocks)
      if keep and comes_back and index * size <= record.computed then give_name(block, own_name(record, index)) end
      let_go(block)
      if total == math.huge then give_name(block, nil) end
    end
    for block in pairs(record.held or {}) do let_go(block) end
    while #record.blocks > 0 do let_go(table.remove(record.blocks)) end
    record.shared_before, record.shared, record.held = comes_back and shared or nil, nil, nil
  end

  return pool
end

return memory
