-- Random numbers up to NaN.
-- expect: random: the interval is empty or too wide
local P = {}
function P:schedule() math.random(0 / 0) end
return P
