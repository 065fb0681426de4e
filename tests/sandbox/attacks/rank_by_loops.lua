-- An endless loop in the function that puts requests in order, called by a function of the core.
-- expect: rank_by_loops.lua:5: schedule ran longer than 0.3 s
local P = {}
function P:schedule(_, step)
  step:rank{ by = function() while true do end end }
end
return P
