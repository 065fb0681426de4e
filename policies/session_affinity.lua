-- session_affinity: a router. A conversation stays where it began: its first request goes to the replica with the fewest
-- requests, running and waiting, and later ones follow, to the memory that holds what was said. Requests of at most `short`
-- tokens go to the least loaded replica all the same, and so do those of no session. Each serves its queue as `engine` does.
-- Source: sticky sessions, as gateways have them; `short` is the load balancer of Luo et al. (Autellix), arXiv 2502.13965,
-- which sends calls of up to 2,048 tokens to the least used engine and pins programs with longer ones.
local router = require "mbsand.router"

local SessionAffinity = router.new{
  by = "session",                              -- or "client"
  short = 0,                                   -- tokens of a prompt
  forget = 3600,                               -- s after which a session that has not called is forgotten
}

function SessionAffinity:init()
  self.places = {}                             -- by session: its replica, and when it called last
  self.sim:every(self.params.forget, function() self:forget() end)
end

function SessionAffinity:place(req)
  local name, places = req[self.params.by], self.places
  if not name or req.prompt_tokens <= self.params.short then return self.sim:least "load" end
  local place = places[name]
  if not place or place.replica.state ~= "up" then place = { replica = self.sim:least "load" } end
  places[name], place.seen = place, self.sim.now
  return place.replica
end

function SessionAffinity:arrive(req) self:place(req).queue:push(req) end

function SessionAffinity:forget()
  for name, place in pairs(self.places) do
    if place.seen <= self.sim.now - self.params.forget then self.places[name] = nil end
  end
end

return SessionAffinity
