-- plas: programs of many calls (`req.session`), those that were served least go first. A call starts at the level of what the
-- earlier calls of its program took and falls a level each time that it has used that up, each level `ratio` times as wide as
-- the one before; every step serves the highest levels first, and where a place or memory is missing the lowest that runs is
-- set aside. A call whose program waited `beta` times as long as it was served, since it was last promoted, is promoted to the
-- first level, and both clocks of the two start anew: else all end up there, and the engine thrashes.
-- Source: Luo et al., "Autellix: an efficient serving engine for LLM agents as general programs", arXiv 2502.13965, PLAS. The
-- paper gives no numbers for levels and `beta`; those are ours. Within a call a token counts as long as a step of it alone.
local Plas = { level = require("mlfq").level, params = {
  levels = 12, quantum = 0.5, ratio = 2,       -- s of service in the first level
  batch = 256, preempt = "swap",               -- requests that run; or "recompute", "pause"
  beta = 10, look = 1,                         -- s between two looks for those to promote
  forget = 3600,                               -- s after which a program that has not called is forgotten
} }

function Plas:init()
  local params, edges = self.params, {}
  for level = 1, params.levels - 1 do edges[level] = params.quantum * params.ratio ^ (level - 1) end
  self.edges, self.programs = edges, {}
  self.token = self.sim.replicas[1]:estimate{ decodes = 1, context = 1 }
  self.queue = self.sim:queue{ by = function(req) return self:level(req:rank() + self.token * req:generated()) end }
  self.ranking = { from = self.queue, by = "rank", per_token = self.token, edges = edges, preempt = params.preempt }
  for _, replica in ipairs(self.sim.replicas) do replica.max_requests = math.min(replica.max_requests, params.batch) end
  self.sim:every(params.look, function() self:promote() end)
  self.sim:every(params.forget, function() self:forget() end)
end

-- The clocks of a program's calls count what its earlier ones were served and waited, too.
function Plas:arrive(req)
  local name = req.session
  if name then
    local program = self.programs[name] or { service = 0, served = 0, waited = 0, calls = {} }
    self.programs[name], program.seen, program.calls[req.id], req.user = program, self.sim.now, req, program
    req:rank(program.service)
    req:clock(program.served, program.waited)
  end
  self.queue:push(req)
end

-- The program's clocks show this, and with them those of its other calls.
function Plas.set(program, served, waited)
  local more, longer = served - program.served, waited - program.waited
  program.served, program.waited = served, waited
  for _, req in pairs(program.calls) do
    local own, alone = req:clock()
    req:clock(own + more, alone + longer)
  end
end

function Plas:promote()
  local beta = self.params.beta
  for _, req in ipairs(self.queue:starved(0, beta)) do
    local served, waited = req:clock()
    if served > 0 and waited >= beta * served then -- no other call of its program was promoted before it
      if req.user then self.set(req.user, 0, 0) end
      req:clock(0, 0)
      req:rank(-self.token * req:generated())
      self.queue:push(req)
    end
  end
end

function Plas:forget()
  for name, program in pairs(self.programs) do
    if program.seen < self.sim.now - self.params.forget then self.programs[name] = nil end
  end
end

function Plas:schedule(_, step)
  local _, _, steps = step:rank(self.ranking)
  if steps then step:quantum(steps) end
end

function Plas:finish(req)
  local program = req.user
  if not program then return end
  program.service, program.calls[req.id] = program.service + req:attained(), nil
  self.set(program, req:clock())
end

return Plas
