-- Run another file outside the environment.
-- expect: 'dofile' is not available to policies
local P = {}
function P:schedule() dofile("/etc/passwd") end
return P
