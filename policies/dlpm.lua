-- dlpm: deficit longest prefix match, fair and local. Of the oldest requests of the clients that have credit the one with the
-- longest prefix in the cache is admitted first. Credit pays for prompt tokens that were not found there and for answer tokens
-- as they grow, so a client may run into debt; when nobody who waits has credit, each gets `quantum`, as often as it takes.
-- Source: Cao et al., "Locality-aware fair scheduling in LLM serving", arXiv 2501.14312, algorithm DLPM, as we know it from its
-- summary. Where more than `look` wait, only each client's oldest is looked at, as SGLang, on which it rests, does.
local vtc, drr = require "vtc", require "drr"

local Dlpm = { client = vtc.client, arrive = drr.arrive, params = {
  quantum = 2000, look = 128,
  w_prompt = 1, w_output = 2,                  -- of a token
  weights = {},                                -- of clients, in order of their numbers; 1 each
} }

function Dlpm:init()
  vtc.init(self)
end

function Dlpm:credit(client)
  local output = self.sim.clients[client.number].output_tokens
  client.credit, client.paid = client.credit - self.params.w_output * (output - client.paid), output
  return client.credit
end

-- Those who wait, whether one of them has credit, and their requests.
function Dlpm:waiting()
  local waiting, good, count = {}, false, 0
  for _, client in ipairs(self.clients) do
    if #client.queue > 0 then
      waiting[#waiting + 1] = client
      good = self:credit(client) > 0 or good
      count = count + #client.queue
    end
  end
  return waiting, good, count
end

-- The request that comes next, its client, and how much of it is in the cache.
function Dlpm:next(replica)
  local waiting, good, count = self:waiting()
  local rounds, quantum = math.huge, self.params.quantum
  for _, client in ipairs(waiting) do
    rounds = math.min(rounds, math.floor(-client.credit / (quantum * client.weight)) + 1)
  end
  local best, owner, most = nil, nil, -1
  for _, client in ipairs(waiting) do
    if not good then client.credit = client.credit + rounds * quantum * client.weight end
    if client.credit > 0 then
      for req in client.queue:each() do
        local cached = replica:cached(req)
        if cached > most or cached == most and req.id < best.id then best, owner, most = req, client, cached end
        if count > self.params.look then break end
      end
    end
  end
  return best, owner, most
end

function Dlpm:schedule(replica, step)
  if step:carry() > 0 then return end
  local req, client, cached = self:next(replica)
  while req and step:add(req) do
    client.credit = client.credit - self.params.w_prompt * (req.prompt_tokens - cached)
    req, client, cached = self:next(replica)
  end
end

return Dlpm
