-- clearing: greedy admission with a protected share of memory, the baselines of theory. Requests are admitted, `by` arrival or
-- the shortest predicted answer, while no more than 1 - `alpha` of the pool is used. Where a step finds too little memory each
-- that runs starts again with the probability `beta`, until it suffices; with `beta` 0, the newest.
-- Source: Jaillet et al., "Online scheduling for LLM inference with KV cache constraints", arXiv 2502.07115: alpha-protection
-- greedy (beta = 1), and alpha-protection beta-clearing. The share and probability are to be chosen; there 0.1 to 0.3 and 0.1
-- to 0.2, as we remember it.
local Clearing = { params = { alpha = 0.2, beta = 0.2, by = "arrival", preempt = "restart" } }

function Clearing:init()
  self.queue = self.sim:queue{ by = self.params.by }
  self.sim.inbox = self.queue
end

function Clearing:clear(replica, step)
  local newest
  for req in replica:each_running() do
    newest = req
    if self.params.beta > 0 and self.sim:random() < self.params.beta then step:preempt(req, self.params.preempt, self.queue) end
  end
  if self.params.beta == 0 then step:preempt(newest, self.params.preempt, self.queue) end
end

function Clearing:schedule(replica, step)
  while replica.running > 0 and replica.due > replica.kv.free do self:clear(replica, step) end
  if step:carry() > 0 then return end
  local most, head = (1 - self.params.alpha) * replica.kv.capacity, self.queue:peek()
  while head and (replica.running == 0 or replica.kv.used + head.prompt_tokens <= most) and step:add(head) do
    head = self.queue:peek()
  end
end

return Clearing
