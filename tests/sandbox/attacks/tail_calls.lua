-- Tail calls without end use no stack.
-- expect: schedule ran longer than 0.3 s
local P = {}
local function again() return again() end
function P:schedule() again() end
return P
