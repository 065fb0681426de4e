-- Sort more than a policy can need.
-- expect: sort: more than 1000000 values
local P = {}
function P:schedule()
  local t = {}
  for i = 1, 1000001 do t[i] = -i end
  table.sort(t)
end
return P
