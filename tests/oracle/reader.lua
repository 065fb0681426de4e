-- A bundled policy, watched by somebody who reads all that there is before and after each of its hooks: it must change nothing.
local questions = require "questions"

local Reader = {}

local function read(self, subjects)
  local sim, whole = self.sim, self.params.whole
  subjects.sim, subjects.client, subjects.queue = sim, sim.clients[0], sim.queue
  questions.read(subjects, whole)
  for _, replica in ipairs(sim.replicas) do
    questions.read({ replica = replica }, whole)
    for req in replica:each_running() do questions.read{ request = req } end
  end
  for req in sim.queue:each() do
    questions.read{ request = req }
    for _, replica in ipairs(sim.replicas) do
      replica:cached(req)
      replica.seen:cached(req)
      replica:peak{ with = req }
    end
  end
end

local SEEN = {
  arrive = function(req) return { request = req } end,
  schedule = function(_, step) return { building = step } end,
  stepped = function(_, step) return { report = step } end,
  finish = function(req) return { request = req } end,
  handoff = function(req) return { request = req } end,
  signal = function() return {} end,
  init = function() return {} end,
  done = function() return {} end,
}

local function watched(hook, seen)
  return function(self, first, second)
    read(self, seen(first, second))
    local result = hook(self, first, second)
    read(self, second and seen(first, second) or {}) -- a request may have been turned away
    return result
  end
end

function Reader.params(given)
  local inner = require(given.inner)
  local params = type(inner.params) == "function" and inner.params(given) or inner.params or {}
  local methods = {} -- of its own: on the instance, since a function here may be a hook that is misspelt
  for name, value in pairs(inner) do
    if SEEN[name] then
      Reader[name] = watched(value, SEEN[name])
    elseif type(value) == "function" then
      methods[name] = value
    elseif name ~= "params" then
      Reader[name] = value
    end
  end
  local init = Reader.init
  function Reader:init()
    for name, value in pairs(methods) do
      if name ~= "params" then self[name] = value end
    end
    if init then init(self) end
  end
  local all = { inner = given.inner, whole = false }
  for name, value in pairs(params) do all[name] = value end
  return all
end

return Reader
