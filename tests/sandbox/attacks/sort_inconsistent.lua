-- A comparison that contradicts itself.
-- expect: sorted 1000
-- exit: 0
local P = {}
function P:init()
  local t = {}
  for i = 1, 1000 do t[i] = i * 7919 % 1000 end
  table.sort(t, function() return true end)
  print("sorted", #t)
end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
