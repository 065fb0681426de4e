-- hygen: online requests first come, first served; those of class `offline` take what a step has left of `budget` s: they are
-- admitted, and their prompts cut, so that no step with them takes longer, and the newest make room where decodes alone would,
-- or where online ones lack memory. Those that begin alike stand next to each other in their queue, for the prefix cache.
-- Source: Sun, Wang & Lai, "HyGen: efficient LLM serving via elastic online-offline request co-location", arXiv 2501.14808,
-- NeurIPS 2025. Chosen here: `budget` is given (false: slo.tbt), theirs is found by a profiler; times are predicted by the
-- engine's own law; making room is by recompute; admission goes to `margin` of the budget, since contexts grow.
local Hygen = { params = { offline = "offline", budget = false, margin = 0.9, renew = 50, preempt = "recompute" } }
local phase                                    -- the method of a request, looked up once

function Hygen:init()
  self.budget = self.params.budget or self.sim.slo.tbt or error("give `budget`, seconds of a step, or slo.tbt", 0)
  self.queue = self.sim:queue{ by = function(req) return req.prefix and tonumber(req.prefix[1]) or 0 end }
  self.online, self.shape, self.inside = self.sim.queue, {}, {} -- inside, by replica: offline ones that run, as admitted
  for i in ipairs(self.sim.replicas) do self.inside[i] = {} end
end

function Hygen:arrive(req)
  local queue = req.class == self.params.offline and self.queue or self.online
  req.user = { req = req, runs = false }
  queue:push(req)
end

-- The newest offline request makes room; false where there is none.
function Hygen:shed(step, inside)
  local user = table.remove(inside)
  while user and not user.runs do user = table.remove(inside) end
  if not user then return false end
  user.runs = false
  return step:preempt(user.req, self.params.preempt, self.queue, "front")
end

-- Those that decode take longer by themselves.
function Hygen:long(replica)
  local shape = self.shape
  shape.decodes, shape.context = replica.decodes, replica.context
  return shape.decodes > 0 and replica:estimate(shape) > self.budget
end

function Hygen:schedule(replica, step)
  local inside, online = self.inside[replica.id], self.online
  while #inside > 0 and (self:long(replica) or replica.due > replica.kv.free) and self:shed(step, inside) do end
  local waits = #online > 0
  while waits and #inside > 0 and not replica.kv.fits(online:peek().prompt_tokens) and self:shed(step, inside) do end
  local last = inside[#inside]
  phase = phase or last and last.req.phase
  local part = last and last.runs and phase(last.req) == "prefill"
  if part then step:add(last.req, replica:longest_chunk(self.budget, 1, math.min(step.budget, last.req.prompt_tokens))) end
  if step:carry() > 0 then
    for _, user in ipairs(inside) do user.runs = user.runs and phase(user.req) ~= "waiting" end
  else
    if waits then step:admit(online) end
    if not part and (not waits or #online == 0) then self:fill(replica, step, inside) end
  end
  if #inside > 0 then step:quantum(self.params.renew) end
end

-- Offline requests into what is left of the step; the last of them perhaps in part.
function Hygen:fill(replica, step, inside)
  local req, budget = self.queue:peek(), self.params.margin * self.budget
  while req and step.budget > 0 do
    local todo, before = req.prompt_tokens + req:generated(), step.tokens - replica.decodes
    local most = math.min(step.budget, todo)
    if step.requests > 0 then                  -- else alone, at its own pace
      local later = self.shape
      later.decodes, later.context = replica.decodes + 1, replica.context + todo
      if replica:estimate(later) > budget then return end
      most = replica:longest_chunk(budget, math.max(1, before), before + most) - before
    end
    if most == 0 or not step:add(req, most) then return end
    req.user.runs = true
    table.insert(inside, req.user)
    req = most >= todo and self.queue:peek()
  end
end

function Hygen.finish(_, req)
  if req.user then req.user.runs = false end
end

return Hygen
