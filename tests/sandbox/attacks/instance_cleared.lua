-- Take the instance apart.
-- expect: attempt to index
local P = {}
function P:schedule() self.sim = nil self.params = nil self.sim.queue:pop() end
return P
