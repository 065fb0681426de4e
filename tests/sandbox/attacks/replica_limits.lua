-- Limits that are no numbers.
-- expect: replica.max_requests must be at least 1
local P = {}
function P:schedule(replica) replica.max_requests = 0 / 0 end
return P
