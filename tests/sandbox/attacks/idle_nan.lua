-- Wake up at no time.
-- expect: step:idle: the time must lie after now
local P = {}
function P:schedule(replica, step) step:idle(0 / 0) end
return P
