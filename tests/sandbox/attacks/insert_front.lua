-- Insert at the front of a long table: much time in few instructions.
-- expect: schedule ran longer than 0.3 s
local P = {}
function P:schedule()
  local t = {}
  for i = 1, 1e6 do t[i] = i end
  while true do table.insert(t, 1, 1) table.remove(t) end
end
return P
