-- A bin rule above the policy's folder.
-- expect: bins: "support/../../small.lua" lies outside the policy's folder;
local P = {}
function P:init() self.sim:bins{ rule = "./support/../../small.lua", count = 2 } end
function P:schedule() end
return P
