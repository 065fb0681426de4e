-- A rule that makes bins by itself, without end.
-- expect: calls within calls
local P = {}
function P:init()
  require("support.shared").sim = self.sim
  self.sim:bins{ rule = "support/recursive_rule.lua", count = 4 }
end
function P:schedule() end
return P
