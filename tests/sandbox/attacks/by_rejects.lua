-- The function that orders a queue turns the request away.
-- expect: the request is on its way
local P = {}
function P:init()
  self.sim.inbox = self.sim:queue{ by = function(req) self.sim:reject(req) return 1 end }
end
function P:schedule() end
return P
