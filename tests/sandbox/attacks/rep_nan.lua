-- Not a number of times.
-- expect: rep: the result would be longer than 65536 characters
local P = {}
function P:schedule() return ("x"):rep(0 / 0) end
return P
