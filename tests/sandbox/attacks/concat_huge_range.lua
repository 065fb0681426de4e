-- Put together what is not there.
-- expect: concat: the places must be whole numbers from -2^30 to 2^30
local P = {}
function P:schedule() return table.concat({}, "", 1, 2 ^ 31 - 2) end
return P
