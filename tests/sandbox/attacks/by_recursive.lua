-- The function that orders a queue pushes into it.
-- expect: calls within calls
local P = {}
function P:init()
  self.mine = self.sim:queue{ by = function(req) self.mine:push(req) return 1 end }
end
function P:arrive(req) self.mine:push(req) end
function P:schedule() end
return P
