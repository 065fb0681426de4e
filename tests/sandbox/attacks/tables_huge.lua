-- Fill memory with a table.
-- expect: the policy used more than 64 MiB of memory
-- luacheck: ignore
local P = {}
function P:schedule() local t = {} for i = 1, 1e9 do t[i] = i end end
return P
