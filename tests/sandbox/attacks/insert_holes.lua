-- A table whose length is 2^29 by Lua's search for a border: table.insert would move as many values inside C.
-- expect: ./insert_holes.lua:7: insert: the table has holes: its length is not the number of its values
-- luacheck: ignore
local P = {}
function P:schedule()
  local t = {} for i = 29, 0, -1 do t[2 ^ i], t[2 ^ i + 1] = true, true end
  table.insert(t, 1, true)
end
return P
