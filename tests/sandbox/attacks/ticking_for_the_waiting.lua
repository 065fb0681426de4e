-- Nobody is served, and a timer looks at all who wait, for ever.
-- expect: stuck at t =
local P = {}
function P:init()
  self.queue = self.sim:queue{ by = "rank" }
  self.sim:every(0.1, function() self.sim:rank(self.queue, "predicted_output") end)
end
function P:arrive(req) self.queue:push(req) end
function P:schedule() end
return P
