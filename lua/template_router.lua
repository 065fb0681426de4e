-- NAME: a router; one sentence that says where an arrival goes.
-- Each replica serves its own queue as the policy `engine` (vllm_v1) does, whose parameters this one has, too.
-- Try it:  mbsand continuous_burst --policy ./NAME.lua,engine=sarathi

local Router = require "mbsand.router".new{ spread = 2 } -- a parameter of its own

-- Called for each request that comes: push it to the queue of a replica that is up.
function Router:arrive(req)
  local replicas, best = self.up, nil
  for _ = 1, self.params.spread do -- the least loaded of some that are drawn
    local one = replicas[math.random(#replicas)]
    if not best or one.running + one.waiting < best.running + best.waiting then best = one end
  end
  best.queue:push(req)
end

return Router
