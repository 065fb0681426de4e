-- Keys that differ in their last letters only: pairs compares megabytes again and again inside C.
-- expect: schedule used more than 100000 instructions (limits.hook_instructions)
-- options: --hook-instructions 100000
local P = {}
function P:schedule()
  local text, t = ("x"):rep(60000), {}
  for i = 1, 500 do t[text .. i] = true end
  return pairs(t)
end
return P
