-- Find the real environment through a function's own.
-- expect: 'getfenv' is not available to policies
local P = {}
function P:schedule() getfenv(print).os.exit(0) end
return P
