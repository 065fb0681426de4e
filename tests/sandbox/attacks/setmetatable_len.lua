-- A length that keeps a C loop busy for ever.
-- expect: 'setmetatable' is not available to policies
local P = {}
function P:schedule() table.insert(setmetatable({}, { __len = function() return 2 ^ 53 end }), 1, 1) end
return P
