-- A timer that keeps the run alive for ever.
-- expect: stuck at t =
local P = {}
function P:init() self.sim:every(1e-9, function() end) end
function P:schedule() end
return P
