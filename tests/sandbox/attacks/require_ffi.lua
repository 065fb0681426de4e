-- LuaJIT's foreign functions.
-- expect: ffi.lua: cannot be read
-- exit: 2
local ffi = require "ffi"
return { schedule = function() ffi.C.exit(0) end }
