-- The same with searches, each of which compares a hundred million characters and finds nothing.
-- expect: schedule used more than 1000000 instructions (limits.hook_instructions)
-- options: --hook-instructions 1000000
local P = {}
function P:schedule()
  local long = ("a"):rep(20000)
  for _ = 1, 20000 do self.found = long:find(("a"):rep(9999) .. "b") end
end
return P
