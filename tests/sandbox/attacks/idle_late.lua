-- A wake-up in a far future at every call: events of the core pile up.
-- expect: step:idle: 1000000 times to wake at are still to come, and there may be no more
local P = {}
function P:init() self.sim:every(0.001, function() end) end
function P:schedule(_, step)
  for i = 1, 100 do step:idle(1e9 + i) end
end
return P
