-- The same with all that waits put in order, again and again.
-- expect: schedule used more than 1000000 instructions (limits.hook_instructions)
-- options: --hook-instructions 1000000
local P = {}
function P:schedule(_, step)
  for _ = 1, 20000 do step:rank{ from = self.sim.queue, by = "arrival", most = 0 } end
end
return P
