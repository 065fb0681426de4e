-- mbsand.router: what routers have in common. A router sends arrivals to the replicas' own queues; each replica serves its
-- queue as the policy that the parameter `engine` names. Such a policy has a function serve(self, replica, step, queue); it may
-- have plain(self, queue), which gives what replica:plain is to be told instead, or false; and as `order` and `age` what its
-- queue is ordered by (sim:queue). Where arrivals go says the field `route`, a rule that sim:route knows, or a hook `arrive`,
-- which wins:
--   local Mine = require "mbsand.router".new()
--   function Mine:arrive(req) self.sim.replicas[1].queue:push(req) end
--   return Mine
local router = {}

-- A hook of the router and one of its engine in one.
local function both(own, engine)
  if not own or not engine then return own or engine end
  return function(...)
    own(...)
    engine(...)
  end
end

-- A policy without `arrive`; its parameters are those of the engine, and `own`.
function router.new(own)
  local policy = {}

  function policy.params(given)
    local name = given.engine or "vllm_v1"
    local engine = require(name)
    if type(engine) ~= "table" or type(engine.serve) ~= "function" then
      error(('the engine "%s" has no function serve(self, replica, step, queue), so no router can feed it'):format(name), 0)
    end
    policy.engine = engine
    for _, hook in ipairs{ "stepped", "finish" } do policy[hook] = both(policy[hook], engine[hook]) end
    local params = { engine = "vllm_v1" }
    for _, defaults in ipairs{ engine.params or {}, own or {} } do
      for key, value in pairs(defaults) do params[key] = value end
    end
    return params
  end

  function policy:init()
    local engine = self.engine
    for _, replica in ipairs(self.sim.replicas) do
      if engine.order then self.sim:queue{ by = engine.order, age = engine.age, of = replica } end
    end
    if engine.init then engine.init(self) end
    if not self.arrive and self.route then self.sim:route(self.route) end
  end

  function policy:schedule(replica, step)
    if self.engine.plain then replica:plain(self.engine.plain(self, replica.queue)) end
    self.engine.serve(self, replica, step, replica.queue)
  end

  return policy
end

return router
