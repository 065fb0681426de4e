-- The function that orders the inbox changes the inbox.
-- expect: setting sim.inbox: refused inside the queue's `by` function
local P = {}
function P:init()
  local sim = self.sim
  self.bins = { sim:bins{ edges = { 10 } }, sim:bins{ edges = { 10 } }, sim:bins{ edges = { 10 } } }
  sim.inbox = sim:queue{ by = function() sim.inbox = self.bins[3] return 1 end }
end
function P:schedule(replica, step)
  for _, bins in ipairs(self.bins) do
    local bin = bins:next()
    if bin then step:admit(bins[bin], 8) return end
  end
end
return P
