-- Put together what does not fit.
-- expect: the policy used more than 64 MiB of memory
local P = {}
function P:schedule()
  local t, s = {}, ("x"):rep(65536)
  for i = 1, 4096 do t[i] = s end
  return table.concat(t)
end
return P
