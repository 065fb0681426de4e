-- A router on what it sees: the less loaded of two replicas that are drawn, as of the last signals; what it sent since it
-- counts itself.
local Seen = require "mbsand.router".new()
local init = Seen.init

function Seen:init()
  init(self)
  self.sent, self.at, self.seen = {}, {}, {}
  for i, replica in ipairs(self.sim.replicas) do self.sent[i], self.at[i], self.seen[i] = 0, -1, replica.seen end
end

-- Load of a replica, and what was sent to it since that was published.
function Seen:load(i)
  local seen = self.seen[i]
  local time = seen.time
  if time ~= self.at[i] then self.at[i], self.sent[i] = time, 0 end
  return seen.running + seen.waiting + self.sent[i]
end

function Seen:arrive(req)
  local sim = self.sim
  local a, b = sim:random(#sim.replicas), sim:random(#sim.replicas)
  local i = self:load(a) <= self:load(b) and a or b
  self.sent[i] = self.sent[i] + 1
  sim.replicas[i].queue:push(req)
end

return Seen
