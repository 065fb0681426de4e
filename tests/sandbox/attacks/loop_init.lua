-- An endless loop in init.
-- expect: loop_init.lua:4: init ran longer than 0.3 s
local P = {}
function P:init() while true do end end
function P:schedule() end
return P
