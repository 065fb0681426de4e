-- A table with numbers that belong to no request.
-- expect: expected a request
local P = {}
function P:schedule(replica, step)
  step:add({ -1 })
end
return P
