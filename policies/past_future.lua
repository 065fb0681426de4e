-- past_future: admission by what the memory will be asked for. The answer of each request that is not done is drawn from those
-- of the last `history` that are done and were longer than it is now; a waiting one is admitted while the peak of memory, if
-- all those end so, stays below `share` of the pool.
-- Source: Gong et al., "Past-Future scheduler for LLM serving under SLA guarantees" (LightLLM), arXiv 2507.10150, ASPLOS 2025:
-- the distribution of the past, the peak over the future ends. Before anything has ended, `longest` tokens are expected.
-- For speed, the running keep their draws for `renew` steps (there: none), and nobody draws where even the longest would fit.
local PastFuture = { params = {
  history = 1000,                              -- answers remembered
  longest = 2048,
  share = 0.95,                                -- of the pool
  renew = 20,                                  -- steps after which everybody's draw is made anew
} }

function PastFuture:init()
  self.past, self.count, self.most = {}, 0, 0
  self.steps, self.with = {}, {}               -- by replica: since the draws were made
end

-- Draws for all that run.
function PastFuture:renew(replica)
  self.steps[replica.id] = 0
  if self.count > 0 then return replica:foresee(self.past) end
  for req in replica:each_running() do req:expect(self.params.longest) end
end

function PastFuture:serve(replica, step, queue)
  if step:carry() > 0 then return end
  local head = queue:peek()
  if not head then return end
  local most = self.params.share * replica.kv.capacity
  local longest = self.count == 0 and self.params.longest or self.most
  local held = replica.kv.used + replica.prefill_left + (replica.running + 1) * longest
  while head and held + head.prompt_tokens + head:generated() <= most do -- it fits whatever is drawn
    held = held + head.prompt_tokens + head:generated() + longest
    if not step:add(head) then return step:quantum(self.params.renew) end
    head = queue:peek()
  end
  if not head then return end
  if (self.steps[replica.id] or math.huge) >= self.params.renew then self:renew(replica) end
  while head do
    head:expect(self.count > 0 and self.past or longest)
    self.with.with = head
    if replica.running > 0 and replica:peak(self.with) > most or not step:add(head) then break end
    head = queue:peek()
  end
  if head then step:quantum(self.params.renew) end
end

function PastFuture:schedule(replica, step)
  self:serve(replica, step, self.sim.queue)
end

function PastFuture:stepped(replica, step)
  self.steps[replica.id] = (self.steps[replica.id] or math.huge) + step.count
end

function PastFuture:finish(req, why)
  if why ~= "done" then return end
  self.count = self.count + 1
  self.most = math.max(self.most, req.output_tokens)
  self.past[(self.count - 1) % self.params.history + 1] = req.output_tokens
end

return PastFuture
