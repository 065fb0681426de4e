-- A bin boundary that is text.
-- expect: bins: edge 1 is not a number
local P = {}
function P:init() self.sim:bins{ edges = { "10" } } end
function P:schedule() end
return P
