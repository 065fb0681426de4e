-- Find the real libraries in the table of globals.
-- expect: '_G' is not available to policies
local P = {}
function P:schedule() _G.os.exit(0) end
return P
