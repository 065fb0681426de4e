-- cluster.link: what KV memory moves over from replica to replica.
local schema = require "mbsand.schema"
local vocabulary = require "mbsand.vocabulary"

local links = {}

local example = "cluster.link = { bandwidth = 25, latency = 0.001 } (GB/s, s), or a list of such tables with from and to"

-- The number of the group of this name, from 1; 0: any.
local function find_group(groups, name, at)
  if name == nil then return 0 end
  local names = {}
  for i, group in ipairs(groups) do
    if group.name == name then return i end
    names[i] = group.name
  end
  if #names == 0 then at:fail('%s is "%s", and the cluster has no groups (cluster.groups)', at.name, name) end
  at:fail('%s is "%s", and the cluster has no such group; %s', at.name, name, schema.suggest(name, names, "its groups"))
end

-- A bandwidth says how fast bytes go, so those of a token must be known wherever one may start.
local function check_bytes(link, groups, at)
  for i, group in ipairs(groups) do
    if link.bandwidth and (link.from == 0 or link.from == i) and not group.cluster.kv_bytes_per_token then
      at:fail("%s.bandwidth needs the bytes of a token%s: cluster.kv_bytes_per_token, cluster.memory.bytes_per_token or "
        .. "cluster.model; or say seconds_per_token instead", at.name,
        group.name and (' of group "%s"'):format(group.name) or "")
    end
  end
end

local function read_one(value, groups, at)
  local link = schema.check(vocabulary.link, value, at)
  link.from, link.to = find_group(groups, link.from, at:key("from", value)), find_group(groups, link.to, at:key("to", value))
  check_bytes(link, groups, at)
  return link
end

-- Bytes of a token, where something says them.
local function complete_bytes(cluster)
  cluster.kv_bytes_per_token = cluster.kv_bytes_per_token or (cluster.memory and cluster.memory.bytes_per_token)
end

-- Checks roles, and makes of cluster.link a list in which groups are numbers.
function links.read(cluster, groups, place)
  local at = place:key("link", cluster)
  local value = cluster.link
  for _, group in ipairs(groups) do
    complete_bytes(group.cluster)
    local role = group.cluster.role
    if (role and role ~= "both" or value ~= nil) and not vocabulary.is_step(group.latency.kind) then
      place:fail("cluster.%s: KV memory does not move under a batch latency model; expected one of single steps, such as "
        .. "latency.step", value ~= nil and "link" or "role")
    end
    if (role and role ~= "both" or value ~= nil) and cluster.experts then
      place:fail("cluster.%s: replicas of cluster.experts step together, and KV memory does not move between them",
        value ~= nil and "link" or "role")
    end
  end
  cluster.links = {}
  if value == nil then return end
  if type(value) ~= "table" or schema.tag_of(value) then
    at:fail("%s is %s; expected %s", at.name, schema.show(value), example)
  end
  if #value == 0 then
    cluster.links[1] = read_one(value, groups, at)
    return
  end
  for i, item in ipairs(value) do cluster.links[i] = read_one(item, groups, at:key(i, value)) end
end

return links
