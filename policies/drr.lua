-- drr: deficit round robin among clients. A turn brings a client `quantum` tokens of credit, times its weight; it keeps it
-- while it has credit and requests that fit. Its service is charged as it is given, the prompt at admission and the answer as
-- it grows, so a client may run into debt, and then passes turns until that is paid. Who asks for nothing saves nothing.
-- Source: Shreedhar & Varghese, "Efficient fair queuing using deficit round robin", SIGCOMM 1995, for packets of known length;
-- with debt for answers of unknown length, as the baseline of Sheng et al. (VTC), OSDI 2024, arXiv 2401.00588.
local vtc = require "vtc"

local Drr = { client = vtc.client, service = vtc.service, params = {
  quantum = 1000,
  w_prompt = 1, w_output = 2,                  -- of a token
  weights = {},                                -- of clients, in order of their numbers; 1 each
} }

function Drr:init()
  vtc.init(self)
  self.turn = 0                                -- the place of the client that has it
end

function Drr:arrive(req)
  local client = self:client(req)
  client.credit, client.paid = client.credit or 0, client.paid or 0
  client.queue:push(req)
end

function Drr:credit(client)
  local served = self:service(client)
  client.credit, client.paid = client.credit - served + client.paid, served
  return client.credit
end

-- The client that has the turn and credit; nil where nobody waits.
function Drr:next()
  local holder, quantum = self.clients[self.turn], self.params.quantum
  if holder and #holder.queue > 0 and self:credit(holder) > 0 then return holder end
  local rounds = math.huge                     -- in which all that wait only pay
  for _, client in ipairs(self.clients) do
    if #client.queue > 0 then
      rounds = math.min(rounds, math.max(0, math.floor(-self:credit(client) / (quantum * client.weight))))
    end
  end
  if rounds == math.huge then return nil end
  for _, client in ipairs(self.clients) do
    if #client.queue > 0 then
      client.credit = client.credit + rounds * quantum * client.weight
    else
      client.credit = math.min(client.credit, 0)
    end
  end
  repeat
    self.turn = self.turn % #self.clients + 1
    holder = self.clients[self.turn]
    if #holder.queue > 0 then holder.credit = holder.credit + quantum * holder.weight end
  until #holder.queue > 0 and holder.credit > 0
  return holder
end

function Drr:schedule(_, step)
  if step:carry() > 0 then return end
  local client = self:next()
  while client and step:add(client.queue:peek()) do client = self:next() end
end

return Drr
