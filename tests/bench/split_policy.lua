-- The least that a split of prompts and answers takes: prompts in turn, answers where the core sends them.
local Split = {}

function Split:init()
  for i, replica in ipairs(self.sim.replicas) do
    replica.role = i <= 2 and "prefill" or "decode"
    replica:plain{ queue = replica.queue }
  end
  self.turn = 0
end

function Split:arrive(req)
  self.turn = self.turn % 2 + 1
  self.sim.replicas[self.turn].queue:push(req)
end

return Split
