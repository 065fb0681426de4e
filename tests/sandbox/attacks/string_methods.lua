-- Reach the full string library through a string's methods.
-- expect: attempt to call
local P = {}
function P:schedule() return ("x"):gsub(".", function() end) end
return P
