-- A bin boundary that is no number.
-- expect: set_edges: edge 2 is not a number
local P = {}
function P:init()
  local bins = self.sim:bins{ edges = { 10, 20 } }
  bins:set_edges{ 5, 0 / 0 }
end
function P:schedule() end
return P
