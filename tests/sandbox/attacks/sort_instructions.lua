-- A limit of instructions, and all the work inside one call.
-- expect: ./sort_instructions.lua:8: schedule used more than 1000000 instructions (limits.hook_instructions)
-- options: --hook-instructions 1000000
local P = {}
function P:schedule()
  local t = {}
  for i = 1, 100000 do t[i] = (i * 7919) % 100003 end
  table.sort(t)
end
return P
