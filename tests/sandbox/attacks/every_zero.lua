-- A timer without a period.
-- expect: sim:every needs a period above 0 seconds
local P = {}
function P:init() self.sim:every(0, function() end) end
function P:schedule() end
return P
