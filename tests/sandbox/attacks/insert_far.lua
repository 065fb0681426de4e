-- Insert at a place far outside.
-- expect: insert: the place must be a whole number from 1 to 1
local P = {}
function P:schedule() table.insert({}, 2 ^ 53, 1) end
return P
