-- A timer at the end of time.
-- expect: a timer needs a time of at least 0 seconds
local P = {}
function P:init() self.sim:after(math.huge, function() end) end
function P:schedule() end
return P
