-- A policy that uses all of the interface, so that running out of memory meets every function that allocates.
local ewma = require "mbsand.ewma"

local Busy = { params = { batch_size = 4, names = { 1, 2 }, word = "text" } }

function Busy:init()
  local sim = self.sim
  self.bins = sim:bins{ rule = "equal_mass", count = 3 }
  self.short = sim:queue{ by = function(req) return req.prompt_tokens + req.predicted_output / 1000 end }
  self.seen, self.order = {}, {}
  self.average = ewma.new and ewma.new(0.5)
  sim:every(1, function() self:note("tick", sim.now) end)
  sim:after(0.5, function() self.bins:set_edges{ 20, 60 } end)
  table.sort(sim:sample("prompt_tokens"), function(a, b) return a > b end)
end

function Busy:note(name, value)
  self.sim:observe(name, value)
  self.order[#self.order + 1] = string.format("%s %.3f %s", name, value, {})
end

function Busy:arrive(req)
  req.user = { at = self.sim.now }
  self.seen[req] = tostring(req)
  if req.id % 7 == 0 then self.sim.queue:push(req)
  elseif req.id % 3 == 0 then self.short:push(req)
  else self.bins:push(req) end
end

function Busy:schedule(replica, step)
  local sim = self.sim
  for req in self.short:each() do
    if req:waited() > 1 then sim:reject(req, "too late") end
  end
  step:admit(self.short, self.params.batch_size)
  step:admit(sim.queue)
  local bin = self.bins:next()
  if bin then step:admit(self.bins[bin], math.random(1, 4)) end
  if step.requests == 0 then step:idle(sim.now + 0.1) end
end

function Busy:stepped(replica, step)
  self:note("tbt", step.tbt)
  for req in replica:each_running() do self.last = req end
end

function Busy:finish(req, why)
  local keys = {}
  for key in pairs(self.seen) do keys[#keys + 1] = key.id end
  self.text = table.concat(keys, ",") .. why
  self.seen[req] = nil
end

return Busy
