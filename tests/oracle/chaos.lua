-- A policy that does anything: carries, adds, preempts, pauses, swaps, idles, routes and sets limits by chance. Its own
-- draws are the same however the core gets from change to change, so jumping and stepping must agree to the bit.
local Chaos = { params = {
  seed = 1,
  budget = 0, requests = 0,       -- limits; 0: none
  reserve = "chunk", watermark = 0, chunked = true,
  routed = 0,                     -- share of arrivals that go to a replica's own queue
  preempt = 0, how = "recompute", -- chance of preempting somebody at a call
  skip = 0,                       -- chance of leaving the decodes out of a step
  single = 0,                     -- chance of adding requests one by one
  quantum = 0,                    -- chance of a quantum
  idle = 0, barrier = 0, timer = 0, order = "none",
} }

function Chaos:draw()
  self.state = (self.state * 48271) % 2147483647
  return self.state / 2147483647
end

function Chaos:chance(p) return p > 0 and self:draw() < p end

function Chaos:init()
  local params, sim = self.params, self.sim
  self.state = 1 + params.seed * 7919
  for i = 1, 20 do self:draw() end -- luacheck: ignore i
  self.queue = params.order ~= "none" and sim:queue{ by = params.order } or sim.queue
  sim.inbox = self.queue
  for _, replica in ipairs(sim.replicas) do
    if params.budget > 0 then replica.token_budget = params.budget end
    if params.requests > 0 then replica.max_requests = params.requests end
    replica.reserve, replica.watermark, replica.chunked = params.reserve, params.watermark, params.chunked
  end
  if params.timer > 0 then sim:every(params.timer, function() self.ticks = (self.ticks or 0) + 1 end) end
end

function Chaos:arrive(req)
  if self:chance(self.params.routed) then
    local replicas = self.sim.replicas
    replicas[1 + math.floor(self:draw() * #replicas)].queue:push(req)
  else
    self.queue:push(req)
  end
end

function Chaos:preempt_some(replica, step)
  local victims = {}
  for req in replica:each_running() do
    if self:draw() < 0.3 then victims[#victims + 1] = req end
  end
  for _, req in ipairs(victims) do
    local how = self.params.how
    if how == "any" then how = ({ "recompute", "swap", "pause" })[1 + math.floor(self:draw() * 3)] end
    -- what is paused stays here, so it waits in this replica's own queue
    step:preempt(req, how, how == "pause" and replica.queue or nil, self:draw() < 0.5 and "back" or "front")
  end
end

-- Paused requests hold memory: if nothing else can go on, one of them must.
function Chaos:schedule(replica, step)
  local params = self.params
  if replica.running == 0 and self:chance(params.barrier) then
    step:admit(self.queue, 1 + math.floor(self:draw() * 4))
    if step.requests > 0 then return step:barrier() end
  end
  if self:chance(params.preempt) then self:preempt_some(replica, step) end
  if self:chance(params.single) then
    local list = {}
    for req in replica:each_running() do list[#list + 1] = req end
    for _, req in ipairs(list) do
      if self:draw() < 0.6 then
        if self:draw() < 0.3 and req:phase() == "prefill" then
          step:add(req, 1 + math.floor(self:draw() * 5))
        else
          step:add(req)
        end
      end
    end
    if self:draw() < 0.4 then step:carry() end
  elseif not self:chance(params.skip) then
    step:carry()
  end
  step:admit(replica.queue)
  if self:draw() < 0.8 then step:admit(self.queue, 1 + math.floor(self:draw() * 6)) end
  if self:chance(params.quantum) then step:quantum(1 + math.floor(self:draw() * 20)) end
  if step.requests == 0 then
    if self:chance(params.idle) then return step:idle(self.sim.now + 0.01 + self:draw()) end
    step:carry()
    if step.requests == 0 then step:admit(self.queue) end
    if step.requests == 0 then step:idle(self.sim.now + 0.05) end
  end
end

-- What hooks can see must agree as well.
function Chaos:stepped(replica, step)
  self.sum = ((self.sum or 0) + step.count * 31 + step.requests + step.decode_tokens + replica.kv.used) % 1000003
  self.sim:observe("stepped", self.sum)
  self.sim:observe("replica", replica.id)
  self.sim:observe("tbt", step.tbt)
end

function Chaos:finish(req)
  self.sim:observe("waited", req:waited())
  self.sim:observe("attained", req:attained())
  for _, replica in ipairs(self.sim.replicas) do
    self.sim:observe("free", replica.kv.free == math.huge and -1 or replica.kv.free)
    for other in replica:each_running() do
      self.sim:observe("progress", other:generated() + 1000 * other:computed())
    end
  end
end

return Chaos
