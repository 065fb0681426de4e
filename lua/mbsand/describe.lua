-- An experiment in words, for the line above a table and for the labels of a sweep's points.
local schema = require "mbsand.schema"

local describe = {}

-- 1234567 -> "1,234,567"
function describe.count(n)
  local text = string.format("%.0f", n)
  local sign, digits = text:match("^(%-?)(%d+)$")
  if not digits then return text end
  digits = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. digits
end

local function short(n)
  return string.format("%.6g", n)
end

-- A value of a sweep: 4, true, text, or a constructor with its arguments.
function describe.value(value)
  if type(value) == "number" then return short(value) end
  if type(value) ~= "table" then return tostring(value) end
  local tag, parts = schema.tag_of(value), {}
  for _, item in ipairs(value) do parts[#parts + 1] = describe.value(item) end
  for _, key in ipairs(schema.sorted_keys(value)) do parts[#parts + 1] = key .. "=" .. describe.value(value[key]) end
  local inside = table.concat(parts, ",")
  return tag and tag.kind .. "{" .. inside .. "}" or inside
end

local function plural(n, word, words)
  return describe.count(n) .. " " .. (n == 1 and word or words or word .. "s")
end

local arrivals_text
function arrivals_text(arrivals)
  local name = arrivals.kind:match("%.(.*)$"):gsub("_", " ")
  if arrivals.kind == "arrivals.poisson" then name = "Poisson" end
  if arrivals.during then name = name .. ", during them " .. arrivals_text(arrivals.during) end
  return arrivals.rate and name .. " " .. short(arrivals.rate) .. "/s" or name
end

-- Who sends synthetic requests.
local function comers_text(work)
  local text
  if work.users then
    text = plural(work.users, "user") .. (work.sessions and ", in sessions" or "")
  else
    text = (work.sessions and "sessions, " or "") .. "arrivals " .. arrivals_text(work.arrivals)
  end
  if work.classes then text = text .. ", " .. plural(#work.classes, "class", "classes") end
  if work.prefix then text = text .. ", a shared prefix of " .. plural(work.prefix.tokens, "token") end
  return text
end

local function workload_text(work)
  local many = work.limit and plural(work.limit, "request") or "all requests"
  local text
  if work.kind == "synthetic" then
    many = work.limit and plural(work.limit, "synthetic request") or "synthetic requests"
    text = many .. " (" .. comers_text(work) .. ")"
  elseif work.kind == "requests" then
    return plural(#work.rows, "request")
  elseif work.kind == "origin_requests" then
    text = many .. " of the origin's generator"
  else
    text = many .. " of " .. work.path:match("[^/]*$")
    if work.rate_scale ~= 1 then text = text .. " (x" .. short(work.rate_scale) .. ")" end
    if work.thin > 1 then text = text .. ", one in " .. short(work.thin) end
    if work.max_gap then text = text .. ", gaps of at most " .. short(work.max_gap) .. " s" end
    if work.turns == "wait" then text = text .. ", turns wait for answers" end
    if work.turns == "delay" then text = text .. ", turns follow answers" end
    if work.jitter > 0 then text = text .. ", jitter " .. short(work.jitter) .. " s" end
    if work.longest then text = text .. ", up to " .. plural(work.longest, "token") end
    if work.window_per_seed then text = text .. ", a window per seed" end
    if work.users then text = text .. ", taken by " .. plural(work.users, "user") end
  end
  if work.until_time then text = text .. " until " .. short(work.until_time) .. " s" end
  if work.predictor.kind ~= "predict.exact" then
    text = text .. ", " .. work.predictor.kind:match("%.(.*)$"):gsub("_", " ") .. " predictions"
  end
  return text
end

local function cluster_text(cluster, group)
  local text, details = plural(cluster.replicas, (group and group .. " " or "") .. "replica"), {}
  if cluster.name then details[1] = cluster.name end
  if cluster.pipeline and cluster.pipeline.stages > 1 then details[#details + 1] = cluster.pipeline.stages .. " stages" end
  if cluster.capacity then
    details[#details + 1] = describe.count(cluster.capacity) .. " KV tokens" .. (cluster.replicas == 1 and "" or " each")
  end
  if cluster.max_replicas and cluster.max_replicas > cluster.replicas then
    details[#details + 1] = "up to " .. describe.count(cluster.max_replicas)
  end
  if #details > 0 then text = text .. " (" .. table.concat(details, ", ") .. ")" end
  return text
end

-- What comes before and after the latency model, whose text src/scenario/scenario_read.c knows (it may be fitted).
function describe.experiment(experiment)
  local clusters = {}
  for i, group in ipairs(experiment.groups) do clusters[i] = cluster_text(group.cluster, group.name) end
  local before = workload_text(experiment.workload) .. ", " .. table.concat(clusters, " + ")
  local after = plural(experiment.seeds, "seed")
  local warmup = experiment.warmup
  if (warmup.requests or 0) > 0 then after = plural(warmup.requests, "warm-up request") .. ", " .. after end
  if warmup.seconds then after = short(warmup.seconds) .. " s of warm-up, " .. after end
  return before, after
end

return describe
