-- Print one long line with control characters.
-- expect: xxxx
-- exit: 0
-- reject: control
local P = {}
function P:init() print(("x"):rep(60000), "\27[2J") print("\27[2J\7") end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
