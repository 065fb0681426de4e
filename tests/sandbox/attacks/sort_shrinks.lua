-- A comparison that empties the table under way.
-- expect: sorted 3 1 2 3
-- exit: 0
local P = {}
function P:init()
  local t = { 3, 2, 1 }
  table.sort(t, function(a, b)
    for i = 1, 3 do t[i] = nil end
    return a < b
  end)
  print("sorted", #t, t[1], t[2], t[3])
end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
