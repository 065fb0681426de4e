-- Replicas that come and go: how many there are at first and at most (cluster.start, cluster.max_gpus), and when they fail
-- (failures).
local schema = require "mbsand.schema"

local lifecycle = {}

-- Of one group, or of a cluster without groups; gpus of a replica, of which cluster.group step, and so come, together.
function lifecycle.apply(cluster, gpus, at)
  local all, most = cluster.gpus / gpus, cluster.max_gpus
  if not (cluster.start or most or cluster.start_delay) then return end
  cluster.comes_and_goes = true
  if most and most < cluster.gpus then
    at:fail("cluster.max_gpus = %d is less than cluster.gpus = %d, which are there from the start", most, cluster.gpus)
  end
  local unit, group = gpus * cluster.group, cluster.group > 1
  if most and most % unit ~= 0 then
    at:fail("cluster.max_gpus = %d cannot be dealt out to %s of %d GPU%s", most,
      group and "groups of cluster.experts" or "replicas", unit, unit == 1 and "" or "s")
  end
  if cluster.start and cluster.start % cluster.group ~= 0 then
    at:fail("cluster.start = %d replicas are no whole number of groups of %d, which step together (cluster.experts)",
      cluster.start, cluster.group)
  end
  if cluster.start and cluster.start > all then
    at:fail("cluster.start = %d replicas at first are more than the %d of cluster.gpus", cluster.start, all)
  end
  cluster.max_replicas = most and most / gpus or cluster.start and all
  cluster.replicas = cluster.start or all
end

-- How many replicas there can be; nil: as many as a policy adds.
local function most_of(groups)
  local most, bounded = 0, true
  for _, group in ipairs(groups) do
    most = most + (group.cluster.max_replicas or group.cluster.replicas)
    bounded = bounded and group.cluster.max_replicas
  end
  return most, bounded
end

local example = "failures = { { at = 100, replica = 2, repair = 60 } }, or failures = { mtbf = 3600, mttr = 60 } by chance"

local function seconds(item, key, needed, at)
  local value = item[key]
  if value == nil and not needed then return nil end
  if type(value) ~= "number" or not (value >= 0 and value < math.huge) then
    at:fail("%s.%s is %s; expected a number of seconds of at least 0", at.name, key, schema.show(value))
  end
  return value
end

local function check_keys(item, known, at)
  for _, key in ipairs(schema.sorted_keys(item)) do
    if not known[key] then
      at:fail("%s has no key %s; expected %s", at.name, schema.show(key), example)
    end
  end
end

local function read_one(item, groups, at)
  if type(item) ~= "table" then at:fail("%s is %s; expected %s", at.name, schema.show(item), example) end
  check_keys(item, { at = true, replica = true, repair = true }, at)
  local most, bounded = most_of(groups)
  local replica = item.replica
  if type(replica) ~= "number" or replica ~= math.floor(replica) or replica < 1 then
    at:fail("%s.replica is %s; expected the number of a replica, from 1", at.name, schema.show(replica))
  end
  if replica > most then
    at:fail("%s.replica is %d, and the cluster has %d replica%s%s", at.name, replica, most, most == 1 and "" or "s",
      bounded and " at most" or "; where policies add some, cluster.max_gpus says how many there can be")
  end
  return { at = seconds(item, "at", true, at), replica = replica, repair = seconds(item, "repair", false, at) }
end

-- Of one replica no failure begins before the repair of the one before it is over.
local function check_apart(list, at)
  local order, last = {}, {}
  for i in ipairs(list) do order[i] = i end
  table.sort(order, function(a, b) return list[a].at < list[b].at or (list[a].at == list[b].at and a < b) end)
  for _, i in ipairs(order) do
    local item, before = list[i], last[list[i].replica]
    if before and (not before.repair or item.at < before.at + before.repair) then
      at:fail("%s[%d]: replica %d is down at %.10g s already, since %.10g s", at.name, i, item.replica, item.at, before.at)
    end
    last[item.replica] = item
  end
end

-- `failures`, complete: a list, or { mtbf =, mttr = }; nil where there are none.
function lifecycle.failures(given, checked, at)
  if given == nil or given == false then return nil end
  if type(given) ~= "table" then at:fail("failures is %s; expected %s", schema.show(given), example) end
  if #given == 0 then
    if next(given) == nil then return nil end
    check_keys(given, { mtbf = true, mttr = true }, at)
    local result = { mtbf = seconds(given, "mtbf", true, at), mttr = seconds(given, "mttr", true, at) }
    if result.mtbf == 0 then at:fail("failures.mtbf is 0; expected the mean time between failures, above 0 seconds") end
    return result
  end
  local list = {}
  for i, item in ipairs(given) do list[i] = read_one(item, checked.groups, at:key(i, given)) end
  for key in pairs(given) do
    if type(key) ~= "number" then at:fail("failures is a list, and has the key %s; expected %s", schema.show(key), example) end
  end
  check_apart(list, at)
  return list
end

return lifecycle
