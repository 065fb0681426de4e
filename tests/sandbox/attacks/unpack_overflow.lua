-- A range whose length overflows.
-- expect: too many results to unpack
local P = {}
function P:schedule() return table.unpack({}, -2 ^ 31 + 1, 2 ^ 31 - 1) end
return P
