-- Print without end.
-- expect: (more than 1000 lines; the rest is not shown)
-- options: --hook-instructions 100000
local P = {}
function P:schedule() while true do print("x") end end
return P
