-- scls: slices. A batch is served for `slice` tokens of each answer, padded to its longest, and who is not done goes back to
-- the queue and is computed again: so how long a batch lasts and what it holds is known, whatever the answers become. When no
-- batch is left, all that wait are sorted by length (prompt and what is generated) and cut into batches, within the memory
-- and the limits of a step, so that the sum of their estimated times is least; an idle replica takes that which lasts longest.
-- Source: Cheng et al., "Slice-level scheduling for high throughput and load balanced LLM serving", arXiv 2406.13511, 2024:
-- slices, batches by dynamic programming, max-min offloading. Chosen here: new batches are formed when none is left, instead of
-- at intervals.
local Scls = { params = {
  slice = 128,                                 -- S: tokens of an answer at a time
  max_batch = 32, window = 64,                 -- requests of a batch; that wait and are looked at
  memory = 0.9,                                -- of the pool that a batch may take
} }

function Scls:init()
  self.queue, self.formed = self.sim:queue(), {}
  self.sim.inbox = self.queue
end

-- A slice of n requests, the longest of l tokens, takes a + b n + c n l seconds, by a straight line through three estimates.
function Scls:law(replica)
  local slice = self.params.slice
  local function seconds(count, longest)
    return replica:estimate{ prefill = count * longest }
      + (slice - 1) * replica:estimate{ decodes = count, context = count * (longest + slice / 2) }
  end
  local one, more, longer = seconds(1, 64), seconds(2, 64), seconds(1, 1088)
  local c = (longer - one) / 1024
  local b = more - one - 64 * c
  return one - b - 64 * c, b, c
end

-- Batches of a list that is sorted by length, the one that lasts longest first.
function Scls:form(replica, list)
  local best, from, params, most = { [0] = 0 }, {}, self.params, self.params.memory * replica.kv.capacity
  local a, b, c = self:law(replica)
  local first, tokens, rows = 1, 0, math.min(params.max_batch, replica.max_requests)
  local budget = replica.token_budget
  for i = 1, #list do
    local length, least, size = list[i].length, math.huge, 1
    tokens = tokens + length
    while first < i and (tokens > budget or i - first >= rows) do
      tokens, first = tokens - list[first].length, first + 1
    end
    local each, room = b + c * length, most / (length + params.slice)
    for count = 1, math.max(1, math.min(i - first + 1, math.floor(room))) do
      local seconds = best[i - count] + a + each * count
      if seconds < least then least, size = seconds, count end
    end
    best[i], from[i] = least, i - size + 1
  end
  local last = #list
  while last > 0 do
    local batch = { seconds = best[last] - best[from[last] - 1] }
    for i = from[last], last do batch[#batch + 1] = list[i].req end
    table.insert(self.formed, 1, batch)
    last = from[last] - 1
  end
  table.sort(self.formed, function(x, y) return x.seconds > y.seconds end)
end

function Scls:schedule(replica, step)
  if replica.running > 0 then return end
  if #self.formed == 0 then
    local list = {}
    for req in self.queue:each() do
      list[#list + 1] = { req = req, length = req.prompt_tokens + req:generated() }
      if #list == self.params.window then break end
    end
    table.sort(list, function(x, y) return x.length < y.length end)
    self:form(replica, list)
  end
  local batch = table.remove(self.formed, 1) or {}
  for i = 1, #batch do step:add(batch[i]) end
  if step.requests > 0 then step:barrier(self.params.slice) end
end

return Scls
