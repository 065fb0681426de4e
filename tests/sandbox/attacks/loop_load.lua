-- An endless loop while the script loads.
-- expect: loop_load.lua:4: the script ran longer than 0.3 s
-- exit: 2
while true do end
