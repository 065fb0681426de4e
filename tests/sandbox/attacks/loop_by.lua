-- An endless loop in the function that orders a queue.
-- expect: loop_by.lua:5: by ran longer than 0.3 s
local P = {}
function P:init()
  self.sim.inbox = self.sim:queue{ by = function() while true do end end }
end
function P:schedule() end
return P
