-- A slot far outside.
-- expect: has left the system
local P = {}
function P:schedule(replica, step) step:add({ 2 ^ 26 - 1 }) end
return P
