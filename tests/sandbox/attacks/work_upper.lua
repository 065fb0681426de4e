-- The same with one of Lua's own functions, on a text of a megabyte.
-- expect: schedule used more than 1000000 instructions (limits.hook_instructions)
-- options: --hook-instructions 1000000
local P = {}
function P:schedule()
  local long = ("x"):rep(65536)
  for _ = 1, 4 do long = long .. long end
  for _ = 1, 20000 do self.last = long:upper() end
end
return P
