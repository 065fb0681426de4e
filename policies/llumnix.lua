-- llumnix: a router that changes its mind. Each request goes to the replica with the highest freeness: blocks of KV memory that
-- are free, without those that its waiting requests will take, for each running request. Every `period` s replicas with a
-- freeness below `low` are paired with those above it, the lowest with the highest, and of each pair the decode with the
-- shortest context migrates live, if that brings the two closer together; at most one at a time leaves a replica. Each
-- replica serves its queue as `engine` does.
-- Source: Sun et al., "Llumnix: dynamic scheduling for large language model serving", OSDI 2024, and its code's numbers;
-- without priorities (virtual usage of high ones) and scaling.
local router = require "mbsand.router"

local Llumnix = router.new{
  period = 0.05,                               -- s; 0: nobody migrates
  low = 3,                                     -- blocks for each running request
  stages = 3, last = 16,                       -- a migration's stages at most; blocks that the last may have
}

function Llumnix:init()
  if self.sets then
    error(("the engine %s keeps a list of what runs, and does not notice who comes or goes with its memory"):format(
      self.params.engine), 0)
  end
  self.leaving = {}                            -- by replica: the id of the request that is leaving
  if self.params.period > 0 then self.sim:every(self.params.period, function() self:pair() end) end
end

local function free_blocks(replica) return (replica.kv.free - replica.queue.tokens) / replica.kv.block end
local function freeness(replica) return free_blocks(replica) / math.max(1, replica.running) end

function Llumnix:arrive(req)
  local best, highest = nil, -math.huge
  for _, replica in ipairs(self.up) do
    local free = freeness(replica)
    if free > highest then best, highest = replica, free end
  end
  best.queue:push(req)
end

local function shortest(replica)
  local best, least = nil, math.huge
  for req in replica:each_running() do
    if req:phase() == "decode" and req:computed() < least then best, least = req, req:computed() end
  end
  return best, least / replica.kv.block
end

-- Does the difference of two freenesses become smaller if so many blocks move?
local function helps(from, to, blocks)
  local before = freeness(to) - freeness(from)
  local after = (free_blocks(to) - blocks) / (to.running + 1) - (free_blocks(from) + blocks) / math.max(1, from.running - 1)
  return math.abs(after) < before
end

function Llumnix:pair()
  local low, high = {}, {}
  for _, replica in ipairs(self.up) do
    local list = freeness(replica) < self.params.low and low or high
    list[#list + 1] = { replica = replica, free = freeness(replica) }
  end
  table.sort(low, function(a, b) return a.free < b.free end)
  table.sort(high, function(a, b) return a.free > b.free end)
  for i = 1, math.min(#low, #high) do
    local from, to = low[i].replica, high[i].replica
    local req, blocks = shortest(from)
    if req and not self.leaving[from.id] and helps(from, to, blocks)
      and self.sim:migrate(req, to, { stages = self.params.stages, last = self.params.last }) then
      self.leaving[from.id] = true
    end
  end
end

function Llumnix:signal(event)
  if event.from then self.leaving[event.from.id] = nil end
end

return Llumnix
