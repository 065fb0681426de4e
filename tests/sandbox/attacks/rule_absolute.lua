-- A bin rule that is a file of the system.
-- expect: ./rule_absolute.lua:4: bins: "/etc/passwd" lies outside the policy's folder;
local P = {}
function P:init() self.sim:bins{ rule = "/etc/passwd", count = 2 } end
function P:schedule() end
return P
