-- cluster.groups: replicas of several kinds. A group says what is different about it, and has the rest from `cluster` and
-- the scenario; each becomes a cluster and a latency model of its own.
local schema = require "mbsand.schema"
local vocabulary = require "mbsand.vocabulary"

local groups = {}

local example = 'cluster.groups = { { name = "fast", gpus = 2, ... }, { name = "large", gpus = 4, ... } }'

-- Ways to say how much memory there is: a group's own stands for all of the cluster's.
local memory = { "kv_tokens", "kv_blocks", "memory" }

local function check_name(name, seen, at)
  if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
    at:fail('%s.name is %s; expected letters, digits and underscores in quotes, as in %s', at.name, schema.show(name), example)
  end
  if seen[name] then at:fail('two groups of the cluster have the name "%s"', name) end
  seen[name] = true
end

local function merge(node, group, place)
  local cluster, own = schema.copy(node.cluster), schema.copy(group)
  cluster.groups = nil
  for _, key in ipairs(memory) do
    if own[key] ~= nil then
      for _, other in ipairs(memory) do cluster[other] = nil end
    end
  end
  local source = schema.source_of(group)
  for key, value in pairs(own) do
    if key ~= "name" and key ~= "latency" then schema.set(cluster, key, value, source[key]) end
  end
  return { name = group.name, node = { cluster = cluster, latency = own.latency or schema.copy(node.latency) },
    place = setmetatable({ group = group.name, line = place.line }, { __index = place }) }
end

-- What the groups of a scenario's table come to: { { name =, node = { cluster =, latency = }, place = }, ... }; nil where it
-- has none.
function groups.read(node, place)
  local list = type(node.cluster) == "table" and node.cluster.groups
  if list == nil or list == false then return nil end
  local at = place:key("cluster", node):key("groups", node.cluster)
  if type(list) ~= "table" or schema.tag_of(list) or #list == 0 then
    at:fail("%s is %s; expected a list, as in %s", at.name, schema.show(list), example)
  end
  for _, key in ipairs { "gpus", "experts" } do
    if node.cluster[key] ~= nil then
      at:fail("cluster.%s and cluster.groups do not go together; %s", key,
        key == "gpus" and "each group says how many it has" or "replicas of groups each step by themselves")
    end
  end
  local result, seen = {}, {}
  for i, group in ipairs(list) do
    local own = at:key(i, list)
    schema.check(vocabulary.group, group, own)
    check_name(group.name, seen, own)
    result[i] = merge(node, group, own)
  end
  for key in pairs(list) do
    if type(key) ~= "number" or key > #list then
      at:fail("%s is a list, and has the key %s; expected %s", at.name, schema.show(key), example)
    end
  end
  return result
end

-- All groups run by steps, or all by whole batches; a function that times steps is the scenario's.
function groups.check(list, place)
  local first = list[1]
  for _, group in ipairs(list) do
    local kind = group.latency.kind
    if vocabulary.is_step(kind) ~= vocabulary.is_step(first.latency.kind) then
      place:fail('cluster.groups: "%s" has %s, a model of %s, and "%s" has %s; '
        .. "expected single steps, or whole batches, for all",
        first.name, first.latency.kind, vocabulary.is_step(first.latency.kind) and "single steps" or "whole batches",
        group.name, kind)
    end
  end
end

return groups
