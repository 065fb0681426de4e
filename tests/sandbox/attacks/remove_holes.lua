-- A table whose length is 2^29 by Lua's search for a border: table.remove would move as many values inside C.
-- expect: ./remove_holes.lua:7: remove: the table has holes: its length is not the number of its values
-- luacheck: ignore
local P = {}
function P:schedule()
  local t = {} for i = 29, 0, -1 do t[2 ^ i], t[2 ^ i + 1] = true, true end
  table.remove(t, 1)
end
return P
