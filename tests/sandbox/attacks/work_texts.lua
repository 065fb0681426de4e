-- A limit of instructions, and long texts made by a few of them.
-- expect: schedule used more than 1000000 instructions (limits.hook_instructions)
-- options: --hook-instructions 1000000
local P = {}
function P:schedule()
  local half = ("x"):rep(30000)
  for i = 1, 20000 do self.last = half .. i .. half end
end
return P
