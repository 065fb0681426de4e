-- Something else where a queue belongs.
-- expect: expected a queue, got table
local P = {}
function P:schedule(replica, step) step:admit({}, 1) end
return P
