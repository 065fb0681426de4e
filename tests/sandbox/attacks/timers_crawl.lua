-- A chain of timers that moves the clock by less than it can show to anybody.
-- expect: while the clock moved by less than a microsecond each
local P = {}
function P:init()
  local function again() self.sim:after(1e-12, again) end
  again()
end
function P:schedule(_, step) step:admit(self.sim.queue) end
return P
