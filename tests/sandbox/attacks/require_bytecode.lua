-- A module that is compiled Lua (made by the driver).
-- expect: is compiled Lua; a policy must be source text
-- exit: 2
require "bytecode"
return { schedule = function() end }
