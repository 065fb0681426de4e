-- A megabyte in each row of the file of decisions.
-- expect: sim:observe: the name is longer than 64 characters
-- options: --out out --dump decisions
local P = {}
function P:schedule() self.sim:observe(("x"):rep(65), 1) end
return P
