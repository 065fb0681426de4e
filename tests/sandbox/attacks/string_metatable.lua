-- Change what every string can do.
-- expect: 'getmetatable' is not available to policies
local P = {}
function P:schedule() getmetatable("").__index = function() while true do end end end
return P
