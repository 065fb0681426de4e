-- A router on what it sees: the less loaded of two replicas that are drawn, as of the last signals; what it sent since it
-- counts itself.
local Seen = require "mbsand.router".new()
local init = Seen.init

function Seen:init()
  init(self)
  self.sent, self.at, self.seen, self.queues = {}, {}, {}, {}
  for i, replica in ipairs(self.sim.replicas) do
    self.sent[i], self.at[i], self.seen[i], self.queues[i] = 0, -1, replica.seen, replica.queue
  end
end

-- Load of a replica, and what was sent to it since that was published.
function Seen:load(i)
  local seen = self.seen[i]
  local time = seen.time
  if time ~= self.at[i] then self.at[i], self.sent[i] = time, 0 end
  return seen.running + seen.waiting + self.sent[i]
end

function Seen:arrive(req)
  local sim, sent = self.sim, self.sent
  local a, b = sim:random(#sent), sim:random(#sent)
  local i = self:load(a) <= self:load(b) and a or b
  sent[i] = sent[i] + 1
  self.queues[i]:push(req)
end

return Seen
