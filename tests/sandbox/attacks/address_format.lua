-- An address through %p.
-- expect: format: '%p' is not available here
local P = {}
function P:schedule() return string.format("%p", {}) end
return P
