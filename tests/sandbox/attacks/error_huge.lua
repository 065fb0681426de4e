-- An error of many words.
-- expect: xxxxxxxxxxxxxxxxxxxxxxxx
local P = {}
function P:schedule() error(("x"):rep(65536)) end
return P
