-- Policies under which KV memory moves and replicas come and go by chance, for the comparison of the program with the second
-- simulator (compare_steps.lua): sources, made by `make`, so each use differs.

return function(random)
  local whole, pick, chance = random.whole, random.pick, random.chance
  local policies = {}

  local DRAWS = [[
local P = {}
function P:init() self.state, self.all, self.moved, self.at = %d, {}, {}, {} end
function P:draw(n)
  self.state = self.state * 48271 %% 2147483647
  return self.state %% n
end
function P:any(state)
  local list = {}
  for _, replica in ipairs(self.sim.replicas) do
    if not state or replica.state == state then list[#list + 1] = replica end
  end
  return #list > 0 and list[1 + self:draw(#list)] or nil, #list
end
]]

  -- Those that step together come and go together.
  local COMING = [[
function P:stands_empty(replica)
  local first = replica.id - (replica.id - 1) % replica.ranks
  for id = first, first + replica.ranks - 1 do
    if self.sim.replicas[id].waiting > 0 then return false end
  end
  return true
end
function P:come(replica)
  local other, what = self:any(), self:draw(6)
  local _, up = self:any("up")
  if what == 0 and #self.sim.replicas < 7 then
    self.sim:observe("added", (self.sim:add{ group = other.group, delay = self:draw(3) / 64 } or { id = 0 }).id)
  elseif what < 3 and (other.state == "up" or other.state == "draining") then
    other:fail((1 + self:draw(5)) / 64)
  elseif what == 3 and other.state == "draining" then
    other:undrain()
  elseif what == 4 and other.state == "up" and up > other.ranks then
    other:drain()
  elseif other.state == "starting" and self:stands_empty(other) and up > 0 then
    other:remove()
  end
end
]]

  -- Routes said once, some for a while only; who has memory where it decodes stands in front.
  policies.roads = { make = function()
    local rules = { "load", "running", "waiting" }
    return DRAWS:format(whole(1, 2147483646)):gsub("function P:init%(%)", "%0 self:say()", 1) .. ([[
function P:say()
  local sim = self.sim
  for _, replica in ipairs(sim.replicas) do
    if replica.role ~= "prefill" then sim:queue{ by = "paused", of = replica } end
  end
  sim:route("%s", "prefill")
  if %s then sim:route("%s", "decode") end
  if %s then
    sim:after(0.25, function() sim:route("%s") end)
    sim:after(0.75, function() sim:route(false) sim:route(false, "decode") end)
  end
end
function P:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
  step:admit(self.sim.queue)
end
return P]]):format(pick(rules), tostring(chance(0.8)), pick(rules), tostring(chance(0.6)), pick{ "turns", "load", "waiting" })
  end }

  -- Prompts here, answers there.
  policies.split = { make = function()
    local hook = pick{ "", [[
function P:handoff(req, replica) return self:any("up") or replica end]], [[
function P:handoff(req, replica)
  if self:draw(3) > 0 then return self.sim:group("g2")[1] end
  self.late = self.late or {}
  table.insert(self.late, { req, replica })
end
function P:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
  local late = self.late and table.remove(self.late)
  if late and late[1]:phase() == "handoff" and not self.sim:send(late[1], self:any(), { layers = 8 }) then
    self.sim:send(late[1], late[2], { place = "front" })
  end
end]] }
    return DRAWS:format(whole(1, 2147483646)) .. [[
function P:arrive(req)
  local list = {}
  for _, replica in ipairs(self.sim.replicas) do
    if replica.role ~= "decode" then list[#list + 1] = replica end
  end
  local to = list[1 + req.id % math.max(1, #list)]
  if to then to.queue:push(req) else self.sim.queue:push(req) end
end
function P:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
  step:admit(self.sim.queue)
end
]] .. hook .. "\nreturn P" end }

  -- Each goes to another replica than the last one, and what is cached of its prompt anywhere is copied there.
  policies.copies = { make = function()
    return DRAWS:format(whole(1, 2147483646)) .. ([[
function P:arrive(req)
  local sim, best, most = self.sim, nil, 0
  for _, replica in ipairs(sim.replicas) do
    local cached = replica:cached(req)
    if cached > most then best, most = replica, cached end
  end
  local to = %s
  if best then
    local copied, why = sim:copy(req, best, to)
    sim:observe("copy", copied and 1 or why == "memory" and 2 or why == "cached" and 3 or 4)
  end
  if to.state == "off" then to = sim end
  to.queue:push(req)
end
function P:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
  step:admit(self.sim.queue)
end
function P:stepped(replica, step)
  local up, many = self:any("up")
  if self:draw(%d) > 0 or not up then return end
  if self:draw(2) == 0 then up:fail((1 + self:draw(5)) / 64) elseif many > 1 then up:drain() end
end
function P:signal(event)
  self.sim:observe(event.kind, event.request and event.request.id or -1)
  if event.seconds then self.sim:observe("seconds", event.seconds) end
  if event.kind == "copied" then self.sim:observe("from", event.from.id + 10 * event.to.id) end
  if event.kind == "copied" and event.request and event.request:phase() == "waiting" then
    self.sim:observe("there", event.to:cached(event.request))
  end
end
return P]]):format(pick{ 'self:any("up") or self:any()', "self:any()" }, pick{ 10, 50, 1000 })
  end }

  -- Anything to anywhere.
  policies.wandering = { make = function()
    local moving, coming = pick{ 2, 4, 9 }, pick{ 0, 0, 8, 20 }
    return DRAWS:format(whole(1, 2147483646)) .. [[
function P:arrive(req)
  self.all[#self.all + 1] = req
  local to = self:draw(4) > 0 and self:any("up")
  if to then to.queue:push(req) else self.sim.queue:push(req) end
end
function P:schedule(replica, step)
  local list = {}
  for req in replica:each_running() do list[#list + 1] = req end
  local victim = #list > 0 and self:draw(5) == 0 and list[1 + self:draw(#list)]
  if victim and victim:preemptions() < 3 then
    self.at[victim.id] = replica
    local how = ({ "pause", "swap", "recompute" })[1 + self:draw(3)]
    step:preempt(victim, how, replica.queue, self:draw(2) == 0 and "back" or "front")
  end
  step:carry()
  step:admit(replica.queue)
  step:admit(self.sim.queue)
end
function P:handoff(req, replica)
  self.at[req.id] = replica
  if self:draw(4) > 0 then return self:any("up") or replica end
  self.sim:observe("kept", self.sim:send(req, replica) and 1 or 0)
end
function P:move(replica)
  local sim, req = self.sim, #self.all > 0 and self.all[1 + self:draw(#self.all)]
  local phase = req and req:phase()
  if phase == "waiting" then
    local copied, why = sim:copy(req, self:any(), self:any())
    sim:observe("copied", copied and 1 or why == "memory" and 2 or why == "cached" and 3 or 4)
  elseif phase == "paused" or phase == "swapped" or phase == "handoff" then
    local sent, why = sim:send(req, self:any(), self:draw(2) == 0 and { place = "front", layers = 4 } or nil)
    sim:observe("sent", sent and 1 or why == "memory" and 2 or 3)
  elseif phase == "moving" and self:draw(4) == 0 then
    sim:abort(req)
    sim:observe("given up", req.id)
    local now = req:phase()
    if now == "paused" or now == "handoff" then sim:send(req, self.at[req.id]) end
    if now == "swapped" then sim.queue:push(req) end
  elseif phase == "decode" and not self.moved[req.id] then
    for _, other in ipairs(sim.replicas) do
      for running in other:each_running() do
        if running == req then
          local to = self:any()
          self.at[req.id] = other
          local how = self:draw(2) == 0 and { stages = 1 + self:draw(4), last = self:draw(4) } or nil
          local moved, why = sim:migrate(req, to, how)
          self.moved[req.id] = true
          sim:observe("migrated", moved and 1 or why == "memory" and 2 or 3)
        end
      end
    end
  end
end
]] .. COMING .. ([[
function P:stepped(replica, step)
  if self:draw(%d) == 0 then self:move(replica) end
  if %s then self:come(replica) end
end
function P:signal(event)
  self.sim:observe(event.kind, (event.request and event.request.id or 0) + 100 * (event.replica and event.replica.id or 0)
    + 1000 * (event.to and event.to.id or 0) + 10000 * (event.from and event.from.id or 0))
  for _, req in ipairs(event.requests or {}) do self.sim:observe("of", req.id + 100 * req:failures()) end
  if event.kind == "arrived" then self.at[event.request.id] = event.to end
  if event.seconds then self.sim:observe("seconds", event.seconds) end
  if event.why then self.sim:observe(event.why, 0) end
end
function P:finish(req)
  for i, other in ipairs(self.all) do if other == req then table.remove(self.all, i) break end end
end
return P]]):format(moving, coming > 0 and chance(0.8) and ("self:draw(%d) == 0"):format(coming) or "false") end }

  -- Nothing moves, but replicas come and go; also those that step together.
  policies.comings = { make = function()
    return DRAWS:format(whole(1, 2147483646)) .. COMING .. ([[
function P:arrive(req)
  local to = self:draw(4) > 0 and self:any("up")
  if to then to.queue:push(req) else self.sim.queue:push(req) end
end
function P:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
  step:admit(self.sim.queue)
end
function P:stepped(replica, step)
  if self:draw(%d) == 0 then self:come(replica) end
end
function P:signal(event)
  self.sim:observe(event.kind, event.replica and event.replica.id or 0)
  for _, req in ipairs(event.requests or {}) do self.sim:observe("of", req.id + 100 * req:failures()) end
end
return P]]):format(pick{ 5, 20, 60 }) end }

  return policies
end
