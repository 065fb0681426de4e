-- Put other values in the simulation's place.
-- expect: sim.queue cannot be set
local P = {}
function P:schedule() self.sim.queue = {} end
return P
