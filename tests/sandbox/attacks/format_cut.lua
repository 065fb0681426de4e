-- A format that ends too early, and one with a NUL in it.
-- expect: format: the text ends in the middle of a '%'
local P = {}
function P:schedule() return string.format("%\0", 1) end
return P
