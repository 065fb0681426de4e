-- power_of_two: a router. For each arrival two different replicas are drawn at random; it goes to the own queue of the one with
-- fewer requests, running and waiting. Each replica serves its queue as the policy `engine` (vllm_v1) does. Parameters are
-- those of it, and `signals` as in least_loaded: "now", "seen" or "counted".
-- Source: Vvedenskaya, Dobrushin & Karpelevich 1996; Mitzenmacher, "The power of two choices in randomized load
-- balancing", 1996; with old signals his "How useful is old information?", 2000.
local router, seen = require "mbsand.router", require "mbsand.seen"

local PowerOfTwo = router.new{ signals = "now" }

function PowerOfTwo:init()
  if self.params.signals == "now" then return self.sim:route "two" end
  self.state = seen.new(self, self.params.signals)
end

function PowerOfTwo:arrive(req) -- with `signals` only; what a failed replica left, always
  if not self.state then return self.sim:least "load".queue:push(req) end
  local loads, ids = seen.loads(self.state), self.ids
  local a = self.sim:random(#ids)
  local b = #ids > 1 and self.sim:random(#ids - 1) or a
  if b >= a and #ids > 1 then b = b + 1 end
  local i = loads[ids[b]] < loads[ids[a]] and b or a
  seen.send(self.state, ids[i], req)
end

return PowerOfTwo
