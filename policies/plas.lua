-- plas: programs of many calls (`req.session`), those that were served least go first. A call starts at the level of what the
-- earlier calls of its program took and falls a level each time that it has used that up, each level `ratio` times as wide as
-- the one before; every step serves the highest levels first, and where a place or memory is missing the lowest that runs is
-- set aside. A call whose program waited `beta` times as long as it was served, in all, since it was last promoted, is promoted
-- to the first level, and both clocks of the program and the call start anew: without that, a promoted one stays promoted, all
-- end up there, and the engine thrashes.
-- Source: Luo et al., "Autellix: an efficient serving engine for LLM agents as general programs", arXiv 2502.13965, PLAS. The
-- paper gives no numbers for levels and `beta`; those are ours. Within a call a token counts as long as a step of it alone.
local mlfq = require "mlfq"

local Plas = { level = mlfq.level, params = {
  levels = 12, quantum = 0.5, ratio = 2,       -- s of service in the first level
  batch = 256,                                 -- requests that run
  preempt = "swap",                            -- or "recompute", "pause"
  beta = 10,
  look = 1,                                    -- s between two looks for those to promote
  forget = 3600,                               -- s after which a program that has not called is forgotten
} }

function Plas:init()
  local params, edges = self.params, {}
  for level = 1, params.levels - 1 do edges[level] = params.quantum * params.ratio ^ (level - 1) end
  self.edges, self.programs = edges, {}
  self.token = self.sim.replicas[1]:estimate{ decodes = 1, context = 1 }
  self.queue = self.sim:queue{ by = function(req) return self:level(req.user.rank + self.token * req:generated()) end }
  self.ranking = { from = self.queue, by = "rank", per_token = self.token, edges = edges, preempt = params.preempt }
  for _, replica in ipairs(self.sim.replicas) do replica.max_requests = math.min(replica.max_requests, params.batch) end
  self.sim:every(params.look, function() self:promote() end)
  self.sim:every(params.forget, function() self:forget() end)
end

function Plas:arrive(req)
  local now, name = self.sim.now, req.session
  local program = name and self.programs[name] or { service = 0, served = 0, waited = 0, version = 0 }
  if name then self.programs[name], program.seen = program, now end
  req.user = { program = program, rank = program.service, served = 0, waited = 0, from = 0, version = 0 }
  req:rank(program.service)
  self.queue:push(req)
end

function Plas:promote()
  local now, beta = self.sim.now, self.params.beta
  for req in self.queue:each() do
    local user, program = req.user, req.user.program
    if now >= user.from or user.version ~= program.version then
      local served, waited = req:attained(), req:waited()
      local all = program.served + served - user.served
      local lacks = beta * all - (program.waited + waited - user.waited)
      if all > 0 and program.waited + waited - user.waited >= beta * all then
        program.served, program.waited, user.served, user.waited = 0, 0, served, waited
        program.version, user.rank = program.version + 1, -self.token * req:generated()
        req:rank(user.rank)
        self.queue:push(req)
      elseif all > 0 then                      -- not before it has waited for as long
        user.from, user.version = now + lacks - 1e-6, program.version
      end
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

function Plas.finish(_, req)
  local user = req.user
  if not user then return end                  -- it never came to `arrive`
  local program, served = user.program, req:attained()
  program.service, program.version = program.service + served, program.version + 1
  program.served, program.waited = program.served + served - user.served, program.waited + req:waited() - user.waited
end

return Plas
