-- mlfq: skip-join multi-level feedback queue, for answers of unknown length. A request falls a level each time it has used up
-- the tokens of its level, twice as many at each; one with a long prompt joins a lower level at once. Every step serves the
-- highest levels first; where a place or memory is missing, the lowest that runs is set aside. Who has waited long starts anew.
-- Source: Wu et al., "Fast distributed inference serving for large language models" (FastServe), arXiv 2305.05920: a first
-- quantum of 10 ms, about a token, doubled at each level; promotion of who was idle for 3 s, looked for every 1000 iterations.
local Mlfq = { params = {
  levels = 12,
  quantum = 1,                                 -- tokens of the first level
  ratio = 2,
  batch = 256,                                 -- requests that run
  preempt = "swap",                            -- or "recompute", "pause"
  idle = 3,                                    -- s of waiting before a request starts anew at the first level
  look = 12,                                   -- s between two looks for those
} }

function Mlfq:init()
  local params, edges, tokens = self.params, {}, 0
  for level = 1, params.levels - 1 do
    tokens = tokens + params.quantum * params.ratio ^ (level - 1)
    edges[level] = tokens                      -- tokens used up by whoever leaves this level
  end
  self.edges = edges
  self.queue = self.sim:queue{ by = function(req) return self:level(req.user.bonus + req:generated()) end }
  self.ranking = { from = self.queue, by = "rank", per_token = 1, edges = edges, preempt = params.preempt }
  for _, replica in ipairs(self.sim.replicas) do replica.max_requests = math.min(replica.max_requests, params.batch) end
  self.step_s = self.sim.replicas[1]:estimate{ decodes = 1, context = 1 }
  self.sim:every(params.look, function() self:promote() end)
end

-- Levels left behind, as step:rank counts them.
function Mlfq:level(used)
  local level = 0
  while self.edges[level + 1] and self.edges[level + 1] <= used do level = level + 1 end
  return level
end

-- As if it had used up all levels whose tokens take less time than its prompt.
function Mlfq:arrive(req)
  local steps = self.sim.replicas[1]:estimate{ prefill = req.prompt_tokens } / self.step_s
  local level, tokens = 1, self.params.quantum
  while tokens < steps and self.edges[level] do level, tokens = level + 1, tokens * self.params.ratio end
  req.user = { bonus = level > 1 and self.edges[level - 1] or 0, waited = 0 }
  req:rank(req.user.bonus)
  self.queue:push(req)
end

function Mlfq:promote()
  for req in self.queue:each() do
    local user, waited = req.user, req:waited()
    if waited - user.waited >= self.params.idle then
      user.waited, user.bonus = waited, -req:generated()
      req:rank(user.bonus)
      self.queue:push(req)
    end
  end
end

function Mlfq:schedule(_, step)
  local _, _, steps = step:rank(self.ranking)
  if steps then step:quantum(steps) end
end

return Mlfq
