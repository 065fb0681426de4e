-- silo: a replica for each class, in the order in which the classes are met; with fewer replicas than classes they begin again
-- at the first. What shared engines are measured against. `engine` serves each replica's queue, as in the other routers.
-- Source: common practice; the baseline of Goel et al. (Niyama), arXiv 2503.22562.
local Silo = require "mbsand.router".new()

function Silo:init()
  self.places, self.count = {}, 0              -- by class: its replica; classes met
end

function Silo:arrive(req)
  local class, replicas = req.class or "", self.sim.replicas
  if not self.places[class] then
    self.places[class], self.count = replicas[1 + self.count % #replicas], self.count + 1
  end
  self.places[class].queue:push(req)
end

return Silo
