-- Recursion without end.
-- expect: stack overflow
local P = {}
local function deeper(n) return 1 + deeper(n + 1) end
function P:schedule() deeper(1) end
return P
