-- Bin boundaries that do not ascend.
-- expect: bins: edge 2 is below the one before
local P = {}
function P:init() self.sim:bins{ edges = { 20, 10 } } end
function P:schedule() end
return P
