-- A handle that is no number.
-- expect: expected a request, got another table
local P = {}
function P:schedule(replica, step) step:add({ 0 / 0 }) end
return P
