-- Find the real libraries in package.loaded.
-- expect: 'package' is not available to policies
local P = {}
function P:schedule() package.loaded.os.exit(0) end
return P
