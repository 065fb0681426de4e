-- vtc: virtual token counters, fairness among clients. Each has a counter of what it was served, prompt and answer tokens
-- weighed; the next to be admitted is the oldest request of the client with the least. Who comes back is lifted to the least
-- counter of those who wait, so that nobody saves up service; the first of all, to that of the last who waited.
-- Source: Sheng et al., "Fairness in serving large language models", OSDI 2024, arXiv 2401.00588, algorithm VTC with weights.
local Vtc = { params = {
  w_prompt = 1, w_output = 2,                  -- of a token
  weights = {},                                -- of clients, in order of their numbers; 1 each
} }

function Vtc:init()
  self.clients = {}                            -- { number, queue, lift, weight }, in order of first arrival
  self.of = {}
  self.last = 0                                -- the counter of the last client whose requests were all admitted
end

-- What a client was served, weighed.
function Vtc:service(client)
  local seen, params = self.sim.clients[client.number], self.params
  return seen and params.w_prompt * seen.prompt_tokens + params.w_output * seen.output_tokens or 0
end

function Vtc:counter(client)
  return client.lift + self:service(client) / client.weight
end

-- The client with the least counter of those who wait, and that.
function Vtc:least()
  local best, least = nil, math.huge
  for _, client in ipairs(self.clients) do
    if #client.queue > 0 then
      local counter = self:counter(client)
      if counter < least then best, least = client, counter end
    end
  end
  return best, least
end

-- The client of a request, who may be new.
function Vtc:client(req)
  local client = self.of[req.client]
  if not client then
    client = { number = req.client, queue = self.sim:queue(), lift = 0, weight = self.params.weights[req.client + 1] or 1 }
    self.of[req.client] = client
    table.insert(self.clients, client)
  end
  return client
end

function Vtc:arrive(req)
  local client = self:client(req)
  if #client.queue == 0 then
    local best, least = self:least()
    client.lift = client.lift + math.max(0, (best and least or self.last) - self:counter(client))
  end
  client.queue:push(req)
end

function Vtc:schedule(_, step)
  if step:carry() > 0 then return end
  local client = self:least()
  while client and step:add(client.queue:peek()) do
    if #client.queue == 0 then self.last = self:counter(client) end
    client = self:least()
  end
end

return Vtc
