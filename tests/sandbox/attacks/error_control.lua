-- An error with a terminal's control characters.
-- expect: x
-- reject: control
local P = {}
function P:schedule() error("x\27[2J\27]0;title\7\0y") end
return P
