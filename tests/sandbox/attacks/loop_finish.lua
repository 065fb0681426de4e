-- An endless loop in finish.
-- expect: loop_finish.lua:5: finish ran longer than 0.3 s
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue) end
function P:finish() while true do end end
return P
