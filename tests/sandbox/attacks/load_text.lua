-- Make code at run time.
-- expect: 'load' is not available to policies
local P = {}
function P:schedule() load("os.exit(0)")() end
return P
