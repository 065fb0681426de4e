-- Calls one thing of the policy API many times: what does it cost? See calls.lua.
local Calls = { params = { call = "loop", times = 1000000 } }

local function loop(n, _) for _ = 1, n do end end

-- name -> function(n, context) that does it n times
local calls = {
  loop = loop,
  ["sim.now"] = function(n, c) local sim, x = c.sim, nil for _ = 1, n do x = sim.now end return x end,
  ["sim.waiting"] = function(n, c) local sim, x = c.sim, nil for _ = 1, n do x = sim.waiting end return x end,
  ["sim.queue"] = function(n, c) local sim, x = c.sim, nil for _ = 1, n do x = sim.queue end return x end,
  ["sim.inbox"] = function(n, c) local sim, x = c.sim, nil for _ = 1, n do x = sim.inbox end return x end,
  ["sim.observing"] = function(n, c) local sim, x = c.sim, nil for _ = 1, n do x = sim.observing end return x end,
  ["sim:observe(name, value)"] = function(n, c) local sim = c.sim for i = 1, n do sim:observe("x", i) end end,
  ["sim:random()"] = function(n, c) local sim, x = c.sim, nil for _ = 1, n do x = sim:random() end return x end,
  ["math.random(6)"] = function(n) local x for _ = 1, n do x = math.random(6) end return x end,
  ["replica.running"] = function(n, c) local r, x = c.replica, nil for _ = 1, n do x = r.running end return x end,
  ["replica.kv.free"] = function(n, c) local r, x = c.replica, nil for _ = 1, n do x = r.kv.free end return x end,
  ["replica.kv.fits(100)"] = function(n, c) local r, x = c.replica, nil for _ = 1, n do x = r.kv.fits(100) end return x end,
  ["replica:estimate{...}"] = function(n, c)
    local r, x = c.replica, nil
    for _ = 1, n do x = r:estimate{ requests = 8, longest = 500 } end
    return x
  end,
  ["#queue"] = function(n, c) local q, x = c.sim.queue, nil for _ = 1, n do x = #q end return x end,
  ["queue.mean_predicted"] = function(n, c) local q, x = c.sim.queue, nil for _ = 1, n do x = q.mean_predicted end return x end,
  ["queue:peek()"] = function(n, c) local q, x = c.sim.queue, nil for _ = 1, n do x = q:peek() end return x end,
  ["queue:pop() + queue:push(req)"] = function(n, c) local q = c.sim.queue for _ = 1, n do q:push(q:pop()) end end,
  ["keyed queue: pop + push"] = function(n, c) local q = c.keyed for _ = 1, n do q:push(q:pop()) end end,
  ["queue by function: pop + push"] = function(n, c) local q = c.given for _ = 1, n do q:push(q:pop()) end end,
  ["queue:each(), per request"] = function(n, c)
    local q, x, done = c.sim.queue, 0, 0
    while done < n do for _ in q:each() do done = done + 1 end end
    return x
  end,
  ["bins[i]"] = function(n, c) local b, x = c.bins, nil for _ = 1, n do x = b[2] end return x end,
  ["bins:next(i)"] = function(n, c) local b, x = c.bins, nil for _ = 1, n do x = b:next(1) end return x end,
  ["bins:longest()"] = function(n, c) local b, x = c.bins, nil for _ = 1, n do x = b:longest() end return x end,
  ["bins:oldest()"] = function(n, c) local b, x = c.bins, nil for _ = 1, n do x = b:oldest() end return x end,
  ["bins:push(req)"] = function(n, c) local b, req = c.bins, c.req for _ = 1, n do b:push(req) end end,
  ["req.prompt_tokens"] = function(n, c) local req, x = c.req, nil for _ = 1, n do x = req.prompt_tokens end return x end,
  ["req:waited()"] = function(n, c) local req, x = c.req, nil for _ = 1, n do x = req:waited() end return x end,
  ["step.requests"] = function(n, c) local step, x = c.step, nil for _ = 1, n do x = step.requests end return x end,
  ["step:admit(queue, 0)"] = function(n, c) local step, q = c.step, c.sim.queue for _ = 1, n do step:admit(q, 0) end end,
  ["self.params.times"] = function(n, c) local x for _ = 1, n do x = c.params.times end return x end,
  ["pairs, 10 names, whole loop"] = function(n)
    local t, x = { a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10 }, 0
    for _ = 1, n / 10 do for _, v in pairs(t) do x = x + v end end
    return x
  end,
  ["ipairs, 10 values, whole loop"] = function(n)
    local t, x = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 0
    for _ = 1, n / 10 do for _, v in ipairs(t) do x = x + v end end
    return x
  end,
}

function Calls:init()
  local sim = self.sim
  self.keyed = sim:queue{ by = "predicted_output" }
  self.given = sim:queue{ by = function(req) return req.predicted_output end }
  self.bins = sim:bins{ edges = { 50, 100, 200 } }
  self.seen = 0
end

-- A quarter of the requests each: the plain queue, the two ordered ones, the bins.
function Calls:arrive(req)
  self.seen = self.seen + 1
  local places = { self.sim.queue, self.keyed, self.given, self.bins }
  places[self.seen % 4 + 1]:push(req)
end

function Calls:schedule(replica, step)
  if not self.done then
    self.done, self.replica, self.step, self.req = true, replica, step, self.bins[1]:peek()
    calls[self.params.call](self.params.times, self)
  end
  for _, queue in ipairs{ self.sim.queue, self.keyed, self.given, self.bins[1], self.bins[2], self.bins[3], self.bins[4] } do
    step:admit(queue)
  end
end

return Calls
