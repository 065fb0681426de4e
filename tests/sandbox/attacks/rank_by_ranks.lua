-- The function that puts requests in order fills the step itself.
-- expect: step:rank: refused inside the function `by`
local P = {}
function P:schedule(_, step)
  step:rank{ by = function() step:rank{ by = "rank" } return 1 end }
end
return P
