-- A table whose order differs from run to run.
-- expect: a table with a function as a key has no order
local P = {}
function P:schedule() for _ in pairs{ [print] = 1, [tostring] = 2 } do end end
return P
