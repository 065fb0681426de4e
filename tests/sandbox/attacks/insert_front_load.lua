-- The same while the script loads.
-- expect: the script ran longer than 0.3 s
-- exit: 2
local t = {}
for i = 1, 1e6 do t[i] = i end
while true do table.insert(t, 1, 1) table.remove(t) end
