-- A policy that does anything: carries, adds, preempts, pauses, swaps, idles, routes and sets limits by chance. Its own
-- draws are the same however the core gets from change to change, so jumping and stepping must agree to the bit. With `ask`
-- every hook may begin with questions (questions.lua), before it has looked at anything else; with `meddle` it may change
-- anything (meddling.lua).
local questions = require "questions"
local meddling = require "meddling"
local moves = require "moves"
local moving = require "moving"
local seeing = require "seeing"

local Chaos = { params = {
  seed = 1,
  tape = {},                      -- the first draws, as bytes
  budget = 0, requests = 0,       -- limits; 0: none
  reserve = "chunk", watermark = 0, chunked = true,
  routed = 0,                     -- share of arrivals that go to a replica's own queue
  preempt = 0, how = "recompute", -- chance of preempting somebody at a call
  reject = 0,                     -- chance of turning away somebody who runs
  skip = 0,                       -- chance of leaving the decodes out of a step
  single = 0,                     -- chance of adding requests one by one
  carry = "needed",               -- what a decode must find free
  rank = 0,                       -- chance of a step by rank
  alike = false,                  -- are such steps alike, by ranks that are set now and then?
  quantum = 0,                    -- chance of a quantum
  idle = 0, barrier = 0, timer = 0,
  cost = 0,                       -- chance of a step that takes time to compose
  order = "none",                 -- of the queue; or "function", "bins", "function bins"
  plain = 0,                      -- chance of making a replica's steps plain, or not plain any more
  displace = 0,                   -- chance of letting running requests make room, where the queue has an order
  ask = 0,                        -- chance of questions at the beginning of a hook
  meddle = 0,                     -- chance of changing something there
  see = 0, exact = true,          -- chance of looking from outside; do signals come at once?
  move = 0,                       -- chance of moving KV memory there
  waits = false,                  -- may it ask how long a queue takes?
  come = 0,                       -- chance of a replica that comes, goes or fails
} }

function Chaos:draw()
  self.drawn = self.drawn + 1
  local given = self.params.tape[self.drawn]
  if given then return (given + 0.5) / 256 end
  self.state = (self.state * 48271) % 2147483647
  return self.state / 2147483647
end

function Chaos:chance(p) return not self.calm and p > 0 and self:draw() < p end

-- What swaps or preempts in a circle would go on for ever: after so many calls nothing is left to chance but the order.
local MOST_CALLS = 20000

function Chaos:count_call()
  self.calls = self.calls + 1
  if self.calls ~= MOST_CALLS then return end
  self.calm = true
  if self.params.plain == 0 then return end
  for _, replica in ipairs(self.sim.replicas) do replica:plain(false) end
end

function Chaos:ask(where, step, what_step)
  if step then self.asker.step = step end
  if self:chance(self.params.ask) then questions.ask(self.asker, where, step, what_step) end
  if self:chance(self.params.meddle) then meddling.change(self.asker, where) end
  if where ~= "by" and where ~= "finish" and where ~= "init" and self:chance(self.params.move) then moves.some(self.asker) end
end

function Chaos:see(req)
  if self:chance(self.params.see) then self.sim:observe("seen", seeing.look(self.sim, self.params.exact, req)) end
end

function Chaos:come(building)
  if self:chance(self.params.come) then moving.change(self.asker, self.queue, building) end
end

function Chaos:init()
  local params, sim = self.params, self.sim
  questions.may.wait = params.waits
  self.state, self.drawn = 1 + params.seed * 7919, -20
  for i = 1, 20 do self:draw() end -- luacheck: ignore i
  self.asker = { sim = sim, requests = {}, queues = { sim.queue }, draw = function() return self:draw() end,
    owners = {}, migrates = {}, left = {}, at = {} }
  if params.ask > 0 then sim:sample() end -- what is read of files is read now
  self:ask("init")
  self.queue = sim.queue
  if params.order == "bins" or params.order == "function bins" then
    local key = params.order == "bins" and "predicted_output" or function(req)
      self:ask("by")
      return req.predicted_output - req:generated()
    end
    self.bins = sim:bins{ key = key, edges = { 10, 20 } }
    self.asker.bins = self.bins
    for bin = 1, #self.bins do table.insert(self.asker.queues, self.bins[bin]) end
  elseif params.order == "function" then
    self.queue = sim:queue{ by = function(req)
      self:ask("by")
      return req.predicted_output - 2 * req:generated()
    end }
  elseif params.order ~= "none" then
    self.queue, self.ordered = sim:queue{ by = params.order }, true
  end
  table.insert(self.asker.queues, self.queue)
  self.preempted, self.stands, self.calls = 0, 0, 0
  sim.inbox = self.bins or self.queue
  for _, replica in ipairs(sim.replicas) do
    if params.routed > 0 then
      table.insert(self.asker.queues, replica.queue)
      self.asker.owners[replica.queue] = replica
    end
    if params.budget > 0 then replica.token_budget = params.budget end
    if params.requests > 0 then replica.max_requests = params.requests end
    replica.reserve, replica.watermark, replica.chunked = params.reserve, params.watermark, params.chunked
  end
  if params.timer > 0 then
    sim:every(params.timer, function()
      self:ask("every")
      self:see()
      self:come()
      for _, replica in ipairs(sim.replicas) do -- a plain step may have nothing more to take
        if params.plain > 0 and replica.running == 0 then replica:plain(false) end
      end
    end, params.timer > 1 and 0.25 or nil)
  end
end

function Chaos:arrive(req)
  table.insert(self.asker.requests, req)
  self:ask("arrive")
  self:see(req)
  if self:chance(0.1 * self.params.ask) then
    local number = self.sim:after(self:draw(), function() self:ask("after") end)
    if self:draw() < 0.3 then self.sim:after(self:draw(), function() self.sim:cancel(number) end) end
  end
  if self:chance(self.params.routed) then
    local replicas = self.sim.replicas
    local replica = replicas[1 + math.floor(self:draw() * #replicas)]
    if replica.state == "off" then self.sim.inbox:push(req) else replica.queue:push(req) end
  else
    self.sim.inbox:push(req)
  end
  self:come()
end

-- The queue to take from: with bins, one of them.
function Chaos:source()
  if not self.bins then return self.queue end
  local bin = self:draw() < 0.5 and self.bins:oldest() or self.bins:longest()
  return bin and self.bins[bin] or self.queue
end

function Chaos:be_plain(replica)
  if not self:chance(self.params.plain) then return end
  if self:draw() < 0.5 then return replica:plain(false) end
  if self.ordered and self:draw() < 0.5 and self:may_preempt() then
    self.preempted = self.preempted + 5
    return replica:plain{ queue = self.queue, displace = self:draw() < 0.5 and "newest" or "oldest", age = self:draw() }
  end
  replica:plain{
    queue = self:draw() < 0.3 and replica.queue or self:source(), carry = self.params.carry,
    most = self:draw() < 0.5 and 1 + math.floor(self:draw() * 4) or nil, after_preemption = self:draw() < 0.5,
  }
end

-- Prompts that are preempted again and again are never computed to their end: there is an end to that.
function Chaos:may_preempt() return not self.calm and self.preempted < 200 end

function Chaos:preempt_some(replica, step)
  local victims = {}
  for req in replica:each_running() do
    if self:draw() < 0.3 then victims[#victims + 1] = req end
  end
  self.preempted = self.preempted + #victims
  for _, req in ipairs(victims) do
    local how = self.params.how
    if how == "any" then how = ({ "recompute", "swap", "pause", "restart" })[1 + math.floor(self:draw() * 4)] end
    -- what is paused stays here, so it waits in this replica's own queue
    self.asker.at[req.id] = replica
    step:preempt(req, how, how == "pause" and replica.queue or nil, self:draw() < 0.5 and "back" or "front")
  end
end

function Chaos:reject_one(replica)
  for req in replica:each_running() do
    if self:draw() < 0.3 then return self.sim:reject(req, "in the way") end
  end
end

-- What a step by rank goes by.
function Chaos:ranking(pick)
  if not self.params.alike then
    local edges = pick{ false, { 3, 10, 20 }, { 0, 5 } }
    return { edges = edges or nil, per_token = pick{ 0, 1, 0.5, edges and 2 or -1 },
      by = pick{ "rank", "expected_remaining", "predicted_remaining", "priority", "arrival",
        function(req) return req.predicted_output + 3 * req:generated() end, nil } }
  end
  self.alike = self.alike or { by = "rank", edges = pick{ { 1, 2, 4, 8, 16 }, { 0.1, 0.7, 3, 3, 20 }, {} },
    per_token = pick{ 0, 1, 0.1, 0.37 } }
  return self.alike
end

-- A step by rank, with options by chance.
function Chaos:ranked(replica, step)
  local function pick(list) return list[1 + math.floor(self:draw() * #list)] end
  local options = self:ranking(pick)
  if self.params.alike and self:draw() < 0.2 then
    for req in replica:each_running() do
      if self:draw() < 0.3 then req:rank(math.floor(self:draw() * 6) - 2) end
    end
  end
  options.from = pick{ self:source(), self:source(), replica.queue }
  options.most = pick{ 2, 7, 100 }
  options.preempt = self:may_preempt() and pick{ false, "swap", "recompute", "pause" } or false
  options.to = pick{ self.queue, self.queue, replica.queue }
  local rows, preempted, steps = step:rank(options)
  self.preempted = self.preempted + preempted
  self.sim:observe("ranked", rows + 1000 * preempted)
  self.sim:observe("edge", steps or 0)
  if steps and self:draw() < 0.7 then step:quantum(steps) end
end

-- Whom this step has set aside, in order.
function Chaos:see_aside(step)
  local sum = 0
  for _, req in ipairs(step:preempted()) do
    if req:phase() == "prefill" or req:phase() == "decode" then error("one that runs is aside") end
    sum = (sum * 31 + req.id + 1) % 1000003
  end
  self.sim:observe("aside", sum)
end

-- Where paused requests stand behind one that their memory keeps out, or plain replicas look at other queues than their
-- own, nothing would ever go on.
function Chaos:turn_one_away(replica)
  self.stands = self.stands + 1
  if self.stands % 200 > 0 then return end
  if self.params.plain > 0 then
    for _, other in ipairs(self.sim.replicas) do other:plain(false) end
  end
  local req = replica.queue:peek() or self:source():peek()
  if req then self.sim:reject(req) end
end

-- Paused requests hold memory: if nothing else can go on, one of them must.
function Chaos:schedule(replica, step)
  local params = self.params
  self:count_call()
  self:ask("schedule", step)
  self:see(self.queue:peek())
  moving.collect(self.asker, self.sim.inbox)
  self:come(replica)
  if replica.running == 0 and self:chance(params.barrier) then
    step:admit(self:source(), 1 + math.floor(self:draw() * 4))
    if step.requests > 0 then return step:barrier(self:draw() < 0.4 and 1 + math.floor(self:draw() * 15) or nil) end
  end
  if self:chance(params.preempt) and self:may_preempt() then self:preempt_some(replica, step) end
  if self:chance(params.reject) then self:reject_one(replica) end
  if self:chance(params.rank) then
    self:ranked(replica, step)
    self:see_aside(step)
    if step.requests > 0 then return end
  end
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
    if self:draw() < 0.4 then step:carry(params.carry) end
  elseif not self:chance(params.skip) then
    step:carry(params.carry)
  end
  step:admit(replica.queue)
  if self:draw() < 0.8 then step:admit(self:source(), 1 + math.floor(self:draw() * 6)) end
  if self.ordered and self:chance(params.displace) and self:may_preempt() then
    local _, _, preempted = step:displace(self.queue, self:draw() < 0.5 and "newest" or "oldest",
      self:draw() < 0.5 and self:draw() or nil)
    self.preempted = self.preempted + preempted
  end
  if self:chance(params.reject) then self:reject_one(replica) end
  self:ask("middle", step)
  if self:chance(params.ask) then self:see_aside(step) end
  if self:chance(params.cost) then step:cost(0.02 * self:draw()) end
  if self:chance(params.quantum) then step:quantum(1 + math.floor(self:draw() * 20)) end
  if step.requests == 0 then
    if self:chance(params.idle) then return step:idle(self.sim.now + 0.01 + self:draw()) end
    step:carry(params.carry)
    if step.requests == 0 then step:admit(self:source()) end
    if step.requests == 0 then
      self:turn_one_away(replica)
      step:idle(self.sim.now + 0.05)
    end
  end
end

-- What hooks can see must agree as well.
function Chaos:stepped(replica, step)
  self:count_call()
  self:ask("stepped", step, "report")
  self:see()
  self:come()
  self:be_plain(replica)
  self.sum = ((self.sum or 0) + step.count * 31 + step.requests + step.decode_tokens + replica.kv.used) % 1000003
  self.sim:observe("stepped", self.sum)
  self.sim:observe("replica", replica.id)
  self.sim:observe("tbt", step.tbt)
end

function Chaos:handoff(req, replica) return moves.handoff(self.asker, req, replica) end

function Chaos:signal(event)
  if event.replica then moving.signal(self, event) else moves.signal(self.asker, event) end
  self:ask("signal")
end

function Chaos:finish(req, why)
  self.asker.left[req.id] = true
  self:ask("finish")
  local replicas = self.sim.replicas
  if self.params.plain > 0 then self:be_plain(replicas[1 + math.floor(self:draw() * #replicas)]) end
  for i, other in ipairs(self.asker.requests) do
    if other == req then table.remove(self.asker.requests, i) break end
  end
  if why ~= "done" or self.params.ask > 0 then return end -- what is read here would hide what `ask` may find
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
