-- A timer whose period the clock cannot show.
-- expect: would stand still
local P = {}
function P:arrive() self.sim:every(1e-300, function() end) end
function P:schedule() end
return P
