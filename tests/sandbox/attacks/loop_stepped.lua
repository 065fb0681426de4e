-- An endless loop in stepped.
-- expect: loop_stepped.lua:5: stepped ran longer than 0.3 s
local P = {}
function P:schedule(replica, step) step:admit(self.sim.queue) end
function P:stepped() while true do end end
return P
