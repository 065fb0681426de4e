-- A batch of NaN requests.
-- expect: estimate: expected { requests = at least 1
local P = {}
function P:schedule(replica) replica:estimate{ requests = 0 / 0, longest = 2 ^ 63 } end
return P
