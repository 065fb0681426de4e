-- Fill memory over many calls.
-- expect: the policy used more than 64 MiB of memory
local P = { kept = {} }
function P:schedule(replica, step)
  for _ = 1, 20000 do self.kept[#self.kept + 1] = { 1, 2, 3 } end
  step:admit(self.sim.queue, 1)
end
return P
