-- The same when the policy pushes.
-- expect: has left the system
local P = {}
function P:init()
  self.mine = self.sim:queue{ by = function(req) self.sim:reject(req) return 1 end }
end
function P:arrive(req) self.mine:push(req) end
function P:schedule() end
return P
