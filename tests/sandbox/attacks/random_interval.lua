-- Random numbers from impossible intervals.
-- expect: random: the interval is empty or too wide
local P = {}
function P:schedule() self.sim.random(math.huge, math.huge) end
return P
