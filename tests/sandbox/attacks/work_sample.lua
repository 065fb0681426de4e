-- The same with samples of five thousand lengths.
-- expect: schedule used more than 1000000 instructions (limits.hook_instructions)
-- options: --hook-instructions 1000000
local P = {}
function P:init() self.lengths = self.sim:sample() end
function P:schedule()
  for _ = 1, 20000 do self.lengths = self.sim:sample() end
end
return P
