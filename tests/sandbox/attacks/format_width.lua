-- A width that fills memory.
-- expect: invalid
local P = {}
function P:schedule() return string.format("%999999999d", 1) end
return P
