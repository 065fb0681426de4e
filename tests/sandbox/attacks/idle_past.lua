-- Wake up in the past.
-- expect: step:idle: the time must lie after now
local P = {}
function P:schedule(replica, step) step:idle(-1) end
return P
