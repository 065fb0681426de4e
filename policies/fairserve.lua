-- fairserve: weighted service counters, and throttling by interaction. Admission is by counters as in vtc, but a request counts
-- as what it takes against the mean of its application (`req.class`), so that one with long prompts is not held against its
-- users. While the memory of all replicas is fuller than `overload`, a client that has begun `limit` interactions within
-- `window` s begins no other; the later calls of an interaction (`req.session`) are never turned away.
-- Source: Khan et al., "Ensuring fair LLM serving amid diverse applications" (FairServe), arXiv 2411.15997. Chosen here, where
-- we have only its summary: the mean of the requests that ended as the weight of an application, charged at admission and
-- corrected at the end; what an overload is, and both sizes.
local vtc = require "vtc"

local FairServe = { client = vtc.client, counter = vtc.counter, least = vtc.least, params = {
  limit = 20, window = 60, overload = 0.9,
  w_prompt = 1, w_output = 2,                  -- of a token
  weights = {},                                -- of clients, in order of their numbers; 1 each
} }

function FairServe:init()
  vtc.init(self)
  self.usual = {}                              -- by application: { requests that ended, their tokens, weighed }
  self.inside = {}                             -- by session: when its last call came
  self.sim:every(600, function() self:forget() end)
end

function FairServe:forget()
  for session, at in pairs(self.inside) do
    if at < self.sim.now - 3600 then self.inside[session] = nil end
  end
end

function FairServe.service(_, client) return client.charged or 0 end

function FairServe:overloaded()
  for _, replica in ipairs(self.sim.replicas) do
    if replica.kv.used <= self.params.overload * replica.kv.capacity then return false end
  end
  return true
end

function FairServe:arrive(req)
  local client, now, params = self:client(req), self.sim.now, self.params
  if not (req.session and self.inside[req.session]) then
    client.begun, client.last = client.begun or {}, client.last or 0
    local place = client.last % params.limit + 1
    local within = client.begun[place] and now - client.begun[place] < params.window
    if within and self:overloaded() then return self.sim:reject(req, "throttled") end
    client.begun[place], client.last = now, place
  end
  if req.session then self.inside[req.session] = now end
  vtc.arrive(self, req)
end

function FairServe:schedule(_, step)
  if step:carry() > 0 then return end
  local client = self:least()
  while client do
    local req = client.queue:peek()
    if not step:add(req) then return end
    if not req.user then req.user, client.charged = client, self:service(client) + 1 end
    if #client.queue == 0 then self.last = self:counter(client) end
    client = self:least()
  end
end

function FairServe:finish(req, why)
  if why ~= "done" then return end
  local name, client = req.class or "", req.user
  local tokens = self.params.w_prompt * req.prompt_tokens + self.params.w_output * req.output_tokens
  local usual = self.usual[name] or { 0, 0 }
  usual[1], usual[2] = usual[1] + 1, usual[2] + tokens
  self.usual[name] = usual
  client.charged = client.charged - 1 + tokens * usual[1] / usual[2]
end

return FairServe
