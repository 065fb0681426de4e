-- cluster.pipeline: the layers of a replica dealt out to stages, each on GPUs of its own.
local schema = require "mbsand.schema"

local pipeline = {}

local number = schema.number

local send = schema.record({
  latency = number { min = 0, default = 0, unit = "seconds" },
  per_token = number { min = 0, unit = "seconds per token" },
  bandwidth = number { above = 0, unit = "GB/s" },
}, function(result, place, title)
  if result.per_token and result.bandwidth then place:fail("%s has per_token and bandwidth; expected one of them", title) end
end)
send.shorthand, send.expected = "latency", "a number of seconds, or a table with latency and per_token or bandwidth"

pipeline.words = schema.record({
  stages = schema.need(number { min = 1, max = 1024, whole = true }),
  batches = number { min = 1, max = 4096, whole = true },
  batch_requests = number { min = 1, max = 2 ^ 31, whole = true },
  ahead = schema.flag(false),
  shares = {
    type = "list", of = number { above = 0, max = 1, unit = "share of a step's time" },
    expected = "a share of a step's time for each stage, such as { 0.5, 0.5 }",
  },
  send = send,
}, function(result, place, title)
  if result.shares and #result.shares ~= result.stages then
    place:fail("%s.shares has %d values for %d stages; expected one for each", title, #result.shares, result.stages)
  end
  result.batches = result.batches or result.stages
end)
pipeline.words.shorthand = "stages"
pipeline.words.expected = "a number of stages, or a table with stages and, if you like, batches, send, shares, ..."

-- steps: the latency model times single steps. hidden: the width of the model, where it is known.
function pipeline.apply(cluster, latency, steps, hidden, at)
  local line = cluster.pipeline
  if not line or line.stages == 1 then return end
  if not steps then
    at:fail("cluster.pipeline needs a latency model of single steps, such as latency.step; %s times whole batches",
      latency.kind)
  end
  if cluster.experts then
    at:fail("cluster.pipeline and cluster.experts do not go together: ranks that share experts step as one")
  end
  if not line.send then return end
  line.send_per_token = line.send.per_token
  if line.send.bandwidth then
    if not hidden then
      at:fail("cluster.pipeline.send.bandwidth needs cluster.model, whose width says how much a token sends; or give per_token")
    end
    line.send_per_token = 2 * hidden / (line.send.bandwidth * 1e9) -- values of 16 bits
  end
end

-- What concerns the whole cluster.
function pipeline.check(groups, cluster, place)
  for _, group in ipairs(groups) do
    local line = group.cluster.pipeline
    for _, key in ipairs { "async_scheduling", "swap" } do
      if line and line.stages > 1 and cluster[key] then
        place:key("cluster"):fail("cluster.pipeline and cluster.%s do not go together: %s", key, key == "swap"
          and "the memory of a request lies on all stages, and moving it is not modelled"
          or "say ahead = true of the pipeline to compose a batch while the first stage is busy")
      end
    end
  end
end

return pipeline
