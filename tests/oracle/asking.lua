-- Policies that believe, ask and rank, for the comparison of the program with the second simulator (compare_steps.lua):
-- sources, made by `make`, so each use differs.

return function(random)
  local whole, pick, chance = random.whole, random.pick, random.chance
  local policies = {}

  -- What is expected of an answer, and what follows from it.
  policies.believing = { make = function() return ([[
local P = {}
function P:init()
  self.waiting, self.past = self.sim:queue{ by = "%s" }, { 1 }
  self.sim.inbox = self.waiting
end
function P:arrive(req)
  local how = req.id %% 4
  if how == 0 then req:expect(self.past) elseif how == 1 then req:expect(req.predicted_output * 1.3) end
  if how == 2 then req:rank(req.predicted_output / 2) end
  self.waiting:push(req)
  local gain = self.sim.slo.qoe and {} or { speed = 30, ttft = 0.25 }
  gain.horizon = 0.5
  self.sim:observe("gain", req:qoe_gain(gain))
end
function P:schedule(replica, step)
  local sim, head, all = self.sim, self.waiting:peek(), {}
  replica.reserve = "%s"
  if %s then replica:foresee(#self.waiting %% 2 == 0 and self.past or 0.5) end
  sim:observe("decodes", replica.decodes)
  sim:observe("prefills", replica.prefills)
  sim:observe("prefill_left", replica.prefill_left)
  sim:observe("context", replica.context)
  sim:observe("due", replica.due)
  sim:observe("peak", replica:peak())
  for req in self.waiting:each() do all[#all + 1] = req end
  sim:observe("peak with all", replica:peak{ with = all })
  sim:observe("chunk", replica:longest_chunk(0.03, 2, 50))
  step:carry()
  while head and #all > 0 and replica:peak{ with = head } <= replica.kv.capacity do
    if not step:add(head) then break end
    head = self.waiting:peek()
  end
  if step.requests == 0 and not head then step:carry() end
  if step.requests == 0 then step:admit(self.waiting) end
  sim:observe("seconds", step:estimate() or -1)
  sim:observe("with 7 more", step:estimate{ prefill = 7, prefix = 3 })
  step:quantum(3)
end
function P:finish(req)
  self.past[#self.past %% 5 + 1] = req.output_tokens or 3
end
return P]]):format(pick{ "expected_output", "expected_remaining", "predicted_remaining" },
    pick{ "expected", "chunk", "predicted" }, tostring(chance(0.5))) end }

  -- Who waited too long comes first; the others by what they gain, or as a number says.
  policies.starving = { make = function(one) return ([[
local P = {}
function P:init() self.ranked = self.sim:queue{ by = "rank" } end
function P:arrive(req)
  if req.id %% 3 == 0 then req:clock(req.id / 64, 0.125) end
  self.ranked:push(req)
  local served, waited = req:clock()
  self.sim:observe("clock", served + 3 * waited)
end
function P:rank(replica)
  local sim, by = self.sim, %s
  local of = by == "qoe_gain" and { horizon = 0.25, speed = 30, ttft = 0.5 } or nil
  sim:rank(self.ranked, by, of)
  sim:rank(replica, by, of)
end
function P:schedule(replica, step)
  local sim = self.sim
  self:rank(replica)
  local starved = self.ranked:starved(%s, %s)
  sim:observe("starved", #starved)
  for _, req in ipairs(starved) do sim:observe("who", req.id) end
  sim:rank(starved, -1e6)
  replica.max_requests = %d
  local rows, preempted = step:rank{ from = self.ranked, by = "rank", preempt = %s }
  sim:observe("rows", rows)
  sim:observe("preempted", preempted)
  for req in replica:each_running() do
    local served, waited = req:clock()
    sim:observe("clock", served + 3 * waited)
    sim:observe("rank", req:rank())
    if req.id %% 5 == 1 then req:clock(0, 0) end
    if req:rank() == -1e6 then sim:rank(req, 0.5) end
  end
  step:quantum(%d)
end
return P]]):format(pick{ '"qoe_gain"', '"predicted_total"', '"arrival"', "7" }, pick{ 0.1, 0.5, 2 }, pick{ "nil", "1", "4" },
    whole(2, 6), one and pick{ '"swap"', '"recompute"' } or '"recompute"', whole(2, 8)) end }

  -- The one of whose prompt most is cached first.
  policies.cache_first = { make = function() return ([[
local P = {}
function P:schedule(replica, step)
  local sim, met = self.sim, {}
  step:carry()
  while #sim.queue > 0 do
    local req, tokens = sim.queue:longest_cached(replica, %s%s)
    sim:observe("longest", req.id + tokens / 1024)
    if not step:add(req) then break end
  end
  if %s then sim:observe("last", sim.queue:peek_back() and sim.queue:peek_back().id or -1) end
end
return P]]):format(pick{ "nil", "2", "5" }, pick{ "", "", ", 0, met", ", 4, met", ", 16, {}" }, tostring(chance(0.3))) end }

  -- Who stands last makes room, or gives way where memory runs out.
  policies.displacing = { make = function() return ([[
local P = {}
function P:init() self.sim.inbox = self.sim:queue{ by = "%s" } end
function P:schedule(replica, step)
  replica.max_requests = %d
  step:carry{ find = "%s", victim = "%s" }
  local taken, why, preempted = step:displace(self.sim.inbox, "%s", %s)
  self.sim:observe(why or "all", taken + 100 * preempted)
  step:quantum(%d)
end
return P]]):format(pick{ "priority", "predicted_output", "arrival", "predicted_total" }, whole(1, 5),
    pick{ "needed", "spare" }, pick{ "newest", "oldest", "priority", "predicted_output" }, pick{ "newest", "oldest" },
    pick{ "nil", "0.5" }, whole(1, 6)) end }

  -- Loads, queues taken from behind, timers that are given up, and a guess of the wait.
  policies.balancing = { make = function(_, alone) return ([[
local P = {}
function P:init()
  self.ticks = 0
  self.timer = self.sim:every(%s, function()
    self.ticks = self.ticks + 1
    if self.ticks == 20 then self.sim:observe("given up", self.sim:cancel(self.timer) and 1 or 0) end
    local last = self.sim.queue:pop_back()
    if last then self.sim:least("%s").queue:push(last) end
  end, %s)
  self.other = self.sim:after(0.5, function() self.sim:observe("never", 1) end)
  self.sim:cancel(self.other)
end
function P:arrive(req)
  self.sim:observe("draw", self.sim:random(9) + self.sim:random())
  if req.id %% 3 > 0 then return self.sim.queue:push(req) end
  self.sim:least("%s").queue:push(req)
end
function P:schedule(replica, step)
  step:carry()
  if %s then
    self.sim:observe("wait", self.sim.queue:wait_estimate() or -1)
    self.sim:observe("own", replica.queue:wait_estimate(replica.queue:peek_back()) or -1)
  end
  step:admit(replica.queue)
  step:admit(self.sim.queue, 2)
end
return P]]):format(pick{ "0.0625", "0.25" }, pick{ "load", "running", "waiting" }, pick{ "0.125", "1" },
    pick{ "load", "running", "waiting" }, tostring(alone)) end }

  return policies
end
