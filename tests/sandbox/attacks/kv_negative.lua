-- Room for a negative number of tokens.
-- expect: kv:fits: expected a number of tokens
local P = {}
function P:schedule(replica) replica.kv.fits(-1) end
return P
