-- A finalizer runs with hooks off.
-- expect: 'setmetatable' is not available to policies
local P = {}
function P:schedule() setmetatable({}, { __gc = function() while true do end end }) end
return P
