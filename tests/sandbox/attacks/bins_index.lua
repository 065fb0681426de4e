-- Bins at places that are none.
-- expect: nil nil nil nil
-- exit: 0
local P = {}
function P:init()
  local bins = self.sim:bins{ edges = { 10 } }
  print(bins[0], bins[3], bins[0 / 0], bins[2 ^ 63])
end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
