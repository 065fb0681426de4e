-- mc_sf: memory-constrained shortest first. The shortest predicted answer is admitted first, and only if at no future end of a
-- request the memory would be asked for more than it has; so nobody is preempted where predictions hold. While somebody
-- waits that is asked every `renew` steps: as those that run come nearer to their ends, the next may fit behind them before one
-- has ended. (An answer counts with its last token, as in the paper, though an engine never stores that.)
-- Source: Jaillet et al., "Online scheduling for LLM inference with KV cache constraints", arXiv 2502.07115, algorithm MC-SF.
local McSf = { order = "predicted_output", params = {
  share = 1,                                   -- of the pool that may be planned with
  renew = 1,
} }

function McSf:init()
  self.queue = self.sim:queue{ by = self.order }
  self.sim.inbox = self.queue
  self.with = {}
end

function McSf:serve(replica, step, queue)
  if step:carry() > 0 then return end
  local most, with = self.params.share * replica.kv.capacity, self.with
  local head = queue:peek()
  while head do
    with.with = head
    if replica.running > 0 and replica:peak(with) > most or not step:add(head) then break end
    head = queue:peek()
  end
  if head then step:quantum(self.params.renew) end
end

function McSf:schedule(replica, step)
  self:serve(replica, step, self.queue)
end

return McSf
