-- End the whole process from a hook.
-- expect: 'os' is not available to policies
local P = {}
function P:schedule() os.exit(0) end
return P
