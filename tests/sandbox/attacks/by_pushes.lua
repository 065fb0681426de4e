-- The function that orders a queue files the request elsewhere.
-- expect: the request is on its way
local P = {}
function P:init()
  self.sim.inbox = self.sim:queue{ by = function(req) self.sim.queue:push(req) return 1 end }
end
function P:schedule() end
return P
