-- mbsand.router: what routers have in common. A router sends arrivals to the replicas' own queues; each replica serves its
-- queue as the policy that the parameter `engine` names. Such a policy has a function serve(self, replica, step, queue); it may
-- have plain(self, queue), which gives what replica:plain is to be told instead, or false; and as `order` the key by which
-- its queue is ordered. Where arrivals go says the field `route`, a rule that sim:route knows, or a hook `arrive`, which wins:
--   local Mine = require "mbsand.router".new{ spread = 2 } -- its parameters, beside those of the engine
--   function Mine:arrive(req) self.up[1].queue:push(req) end
--   return Mine
-- `self.up` are the replicas that are up, `self.ids` their numbers. While there is none, arrivals wait in sim.queue; what a
-- replica leaves there that fails or drains arrives once more.
local router = {}

-- A hook of the router and one of its engine in one.
local function both(own, engine)
  if not own or not engine then return own or engine end
  return function(...)
    own(...)
    engine(...)
  end
end

-- What a router does not take from its engine.
local OWN = { params = true, init = true, arrive = true, schedule = true, handoff = true, done = true, order = true, age = true,
  serve = true, plain = true, replicas_alike = true, signal_kinds = true }

-- Who is up now.
local function look(self)
  self.up, self.ids = {}, {}
  for i, replica in ipairs(self.sim.replicas) do
    if replica.state == "up" then self.up[#self.up + 1], self.ids[#self.ids + 1] = replica, i end
  end
end

local CHANGES = { up = true, draining = true, down = true, off = true }

-- Of which events it is to be told: of those, and of what its own and the engine's hook want; nil: of all.
local function kinds_of(own, engine)
  local kinds = {}
  for kind in pairs(CHANGES) do kinds[#kinds + 1] = kind end
  for _, part in ipairs{ own, engine } do
    if part.signal and not part.signal_kinds then return nil end
    for _, kind in ipairs(part.signal_kinds or {}) do kinds[#kinds + 1] = kind end
  end
  return kinds
end

-- A replica came or went: what waits for any one arrives again, at those that are up.
local function signal(self, event)
  if not CHANGES[event.kind] then return end
  look(self)
  local queue = self.sim.queue
  for _ = 1, #self.up > 0 and #queue or 0 do self:place_again(queue:pop()) end
end

local NO_ENGINE = 'a router\'s parameters are given to `new`, as in require "mbsand.router".new{ spread = 2 }; ' ..
  "its field `params`, which adds those of the engine, must not be set"

-- Once, whether a router that has an `init` of its own calls it or not.
local function begin(self)
  if self.up then return end
  local engine = self.engine
  if not engine then error(NO_ENGINE, 0) end
  look(self)
  for _, replica in ipairs(self.sim.replicas) do
    if engine.order then self.sim:queue{ by = engine.order, age = engine.age, of = replica } end
  end
  if engine.init then engine.init(self) end
  if not self.arrive and self.route then self.sim:route(self.route) end
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
    policy.signal_kinds = kinds_of(policy, engine)
    policy.signal = both(engine.signal, both(signal, policy.signal))
    for key, value in pairs(engine) do -- what its functions call
      if policy[key] == nil and not OWN[key] then policy[key] = value end
    end
    if policy.init ~= begin then policy.init = both(begin, policy.init) end
    local arrive = policy.arrive
    if arrive then
      function policy:arrive(req)
        if #self.up == 0 then return self.sim.queue:push(req) end
        arrive(self, req)
      end
    end
    local params = { engine = "vllm_v1" }
    for _, defaults in ipairs{ engine.params or {}, own or {} } do
      for key, value in pairs(defaults) do params[key] = value end
    end
    return params
  end

  function policy:place_again(req)
    if policy.arrive then policy.arrive(self, req) else self.sim:least "load".queue:push(req) end
  end

  policy.init = begin

  function policy:schedule(replica, step)
    if self.engine.plain then replica:plain(self.engine.plain(self, replica.queue)) end
    self.engine.serve(self, replica, step, replica.queue)
  end

  return policy
end

return router
