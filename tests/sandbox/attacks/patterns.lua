-- A pattern that takes exponential time.
-- expect: attempt to call
local P = {}
function P:schedule() return ("a"):rep(30):match(("a?"):rep(30) .. ("a"):rep(30)) end
return P
