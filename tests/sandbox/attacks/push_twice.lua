-- In two queues at once: it moves.
-- expect: moved 0 1
-- exit: 0
local P = {}
function P:init() self.other = self.sim:queue{} end
function P:arrive(req)
  self.sim.queue:push(req)
  self.other:push(req)
  if req.id == 0 then print("moved", #self.sim.queue, #self.other) end
end
function P:schedule(replica, step) step:admit(self.other, 8) end
return P
