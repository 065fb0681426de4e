-- The same with bins that are filed again, and walked through.
-- expect: schedule used more than 1000000 instructions (limits.hook_instructions)
-- options: --hook-instructions 1000000
local P = {}
function P:init()
  self.edges = {}
  for i = 1, 4095 do self.edges[i] = i end
  self.bins = self.sim:bins{ edges = self.edges }
end
function P:schedule()
  for _ = 1, 20000 do
    self.bins:set_edges(self.edges)
    self.next = self.bins:next()
  end
end
return P
