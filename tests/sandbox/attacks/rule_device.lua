-- A bin rule that never ends.
-- expect: bins: "/dev/zero" lies outside the policy's folder;
local P = {}
function P:init() self.sim:bins{ rule = "/dev/zero", count = 2 } end
function P:schedule() end
return P
