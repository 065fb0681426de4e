-- Values that have no order.
-- expect: sort: number and string cannot be compared
local P = {}
function P:schedule() table.sort({ 1, "2", {} }) end
return P
