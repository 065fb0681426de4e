-- An endless loop in a bin-boundary rule beside the policy.
-- expect: endless_rule.lua:2: init ran longer than 0.3 s
local P = {}
function P:init() self.sim:bins{ rule = "support/endless_rule.lua", count = 4 } end
function P:schedule() end
return P
