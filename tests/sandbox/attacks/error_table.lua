-- An error that is a table.
-- expect: error_table.lua:4: error was called with a table; give it a text
local P = {}
function P:schedule() error{ code = 1 } end
return P
