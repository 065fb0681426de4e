-- LuaJIT's 64-bit numbers, which are no numbers of Lua.
-- expect: ./cdata.lua:4: 1LL is a number of LuaJIT alone
-- exit: 2
return { schedule = function() return 1LL end }
