-- LuaJIT's imaginary numbers.
-- expect: ./cdata_imaginary.lua:4: 1i is a number of LuaJIT alone
-- exit: 2
return { schedule = function() return 1i end }
