-- One call, 10 GB.
-- expect: rep: the result would be longer than 65536 characters
local P = {}
function P:schedule() return ("x"):rep(1e10) end
return P
