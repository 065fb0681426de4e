-- A bin that does not exist.
-- expect: expected a whole number from 0 to 2
local P = {}
function P:init() self.sim:bins{ edges = { 10 } }:next(0 / 0) end
function P:schedule() end
return P
