-- Values without end for the file of decisions.
-- expect: sim:observe: more than 5000000 values in a run; observe less often [in schedule
-- options: --out out --dump decisions
local P = {}
function P:schedule() while true do self.sim:observe("x", 1) end end
return P
