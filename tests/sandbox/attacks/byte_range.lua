-- All bytes of a long text as results.
-- expect: too long
local P = {}
function P:schedule()
  local s = ("x"):rep(65536)
  for _ = 1, 5 do s = s .. s end
  return s:byte(1, -1)
end
return P
