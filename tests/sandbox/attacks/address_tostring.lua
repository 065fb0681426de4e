-- Addresses through tostring and %s.
-- expect: table function table function sim queue 1
-- exit: 0
local P = {}
function P:init()
  print({}, print, string.format("%s %s", {}, print), tostring(self.sim), self.sim.queue)
end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
