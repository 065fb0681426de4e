-- So do bins.
-- expect: more than 65536 queues
local P = {}
function P:init()
  local edges = {}
  for i = 1, 4000 do edges[i] = i end
  while true do self.sim:bins{ edges = edges } end
end
function P:schedule() end
return P
