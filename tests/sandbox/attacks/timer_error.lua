-- A timer that fails.
-- expect: timer_error.lua:4: no time [in timer
local P = {}
function P:init() self.sim:after(1, function() error("no time") end) end
function P:schedule() end
return P
