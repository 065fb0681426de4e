-- One set of bins with a million edges.
-- expect: bins: more than 4095 edges
local P = {}
function P:init()
  local edges = {}
  for i = 1, 1e6 do edges[i] = i end
  self.sim:bins{ edges = edges }
end
function P:schedule() end
return P
