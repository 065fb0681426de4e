-- A timer at no time.
-- expect: a timer needs a time of at least 0 seconds
local P = {}
function P:init() self.sim:after(0 / 0, function() end) end
function P:schedule() end
return P
