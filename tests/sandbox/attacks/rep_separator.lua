-- The separator is long instead of the text.
-- expect: rep: the result would be longer than 65536 characters
local P = {}
function P:schedule() return ("x"):rep(1000, ("y"):rep(1000)) end
return P
