-- equinox: two counters of each client, one for what its user gets and one for what its requests ask of the machine. The user's
-- grows by weighed tokens, less where they took long; the resource's by tokens per second times utilisation. Both are predicted
-- at admission and corrected at the end; next comes the oldest request of whoever has the least of `alpha` user
-- + `beta` resource, each as a share of the largest client's. Who comes back is lifted to the least of those who wait.
-- Source: Wei et al., "Equinox: holistic fair scheduling in serving large language models", arXiv 2508.16646. Chosen here, as
-- we have only its summary: the numbers, the shares of the largest, and as utilisation the share of a request's latency in
-- which it is served (of a GPU it is not known by request). Its predictor is the scenario's; its batching is fcfs'.
local vtc = require "vtc"

local Equinox = { client = vtc.client, least = vtc.least, params = {
  alpha = 0.7, beta = 0.3,
  delta = 0.1,                                 -- weight of a second of latency
  w_output = 4,                                -- of a token, against 1 of a prompt
  weights = {},                                -- of clients, in order of their numbers; 1 each
} }

function Equinox:init()
  vtc.init(self)
  self.most = { user = 1e-9, resource = 1e-9 }
end

function Equinox:counter(client)
  return self.params.alpha * client.user / self.most.user + self.params.beta * client.resource / self.most.resource
end

function Equinox:arrive(req)
  local client = self:client(req)
  client.user, client.resource = client.user or 0, client.resource or 0
  if #client.queue == 0 then
    local user, resource = math.huge, math.huge
    for _, other in ipairs(self.clients) do
      if #other.queue > 0 then user, resource = math.min(user, other.user), math.min(resource, other.resource) end
    end
    if user < math.huge then client.user, client.resource = math.max(client.user, user), math.max(client.resource, resource) end
  end
  client.queue:push(req)
end

-- Instead of what was charged for this request so far: `output` tokens after `waited` and `ran` seconds.
function Equinox:charge(req, client, output, waited, ran)
  local params, before = self.params, req.user or { user = 0, resource = 0 }
  local user = (req.prompt_tokens + params.w_output * output) / (1 + params.delta * (waited + ran)) / client.weight
  local resource = (req.prompt_tokens + output) / (waited + ran) / client.weight -- tokens per s served, times the share
  client.user, client.resource = client.user + user - before.user, client.resource + resource - before.resource
  self.most.user, self.most.resource = math.max(self.most.user, client.user), math.max(self.most.resource, client.resource)
  req.user = { user = user, resource = resource }
end

function Equinox:schedule(replica, step)
  if step:carry() > 0 then return end
  local client = self:least()
  while client do
    local req = client.queue:peek()
    if not step:add(req) then return end
    local token = replica:estimate{ decodes = replica.decodes + 1, context = replica.context + req.prompt_tokens }
    local ran = replica:estimate{ prefill = req.prompt_tokens } + token * req.predicted_output
    self:charge(req, client, req.predicted_output, req:waited(), ran)
    client = self:least()
  end
end

function Equinox:finish(req, why)
  if why == "done" then self:charge(req, self.of[req.client], req.output_tokens, req:waited(), req:attained()) end
end

return Equinox
