-- power_of_two: a router. For each arrival two different replicas are drawn at random; it goes to the own queue of the one with
-- fewer requests, running and waiting. Each replica serves its queue as the policy `engine` (vllm_v1) does. Parameters are
-- those of it.
-- Source: Vvedenskaya, Dobrushin & Karpelevich 1996; Mitzenmacher, "The power of two choices in randomized load
-- balancing", 1996.
local PowerOfTwo = require "mbsand.router".new()

function PowerOfTwo:arrive(req)
  local replicas = self.sim.replicas
  local a = math.random(#replicas)
  local b = math.random(math.max(1, #replicas - 1))
  if b >= a and #replicas > 1 then b = b + 1 end
  a, b = replicas[a], replicas[b]
  local chosen = b.running + b.waiting < a.running + a.waiting and b or a
  chosen.queue:push(req)
end

return PowerOfTwo
