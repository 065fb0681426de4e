-- A timer that sets itself again at the same instant.
-- expect: stuck at t =
local P = {}
function P:init()
  local function again() self.sim:after(0, again) end
  again()
end
function P:schedule() end
return P
