-- Write a method into a string.
-- expect: attempt to index
-- luacheck: ignore
local P = {}
function P:schedule() local s = "x" s.rep = false end
return P
