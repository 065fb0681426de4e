-- Put together what is not there.
-- expect: invalid value
local P = {}
function P:schedule() return table.concat({}, "", 1, 2 ^ 31 - 2) end
return P
