-- Change the metatable of the instance through the table that it indexes: __gc and __index of the policy mean nothing.
-- expect: never read
-- exit: 0
local P = { __gc = function() while true do end end, __len = function() return 2 ^ 53 end }
P.__index = P
function P:init() print("never read " .. #self) end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
