-- From cluster.gpu and cluster.model: how many replicas, how much KV memory each has, how long its steps take and what it
-- costs. The arithmetic is the core's (src/plan, src/model/roofline.c).
local lifecycle = require "mbsand.lifecycle"
local pipeline = require "mbsand.pipeline"
local schema = require "mbsand.schema"

local hardware = {}

-- Before the checks: a model on a GPU needs no other latency model.
function hardware.complete(node)
  local cluster = node.cluster
  if type(cluster) == "table" and cluster.gpu ~= nil and cluster.model ~= nil and node.latency == nil then
    local tag = schema.tag_of(node) or {} -- a group's table is made, and has no line
    node.latency = schema.tag({}, "latency", "latency.roofline", tag.line)
  end
end

local function stages_of(cluster)
  return cluster.pipeline and cluster.pipeline.stages or 1
end

local function figures_of(cluster, latency, folder, native)
  return native.plan {
    model = cluster.model, gpu = cluster.gpu, folder = folder, tp = cluster.tp, rules = cluster.rules,
    weight_precision = cluster.weight_precision or cluster.precision,
    kv_precision = cluster.kv_precision or cluster.precision, utilization = cluster.utilization,
    memory_gib = cluster.memory_gib,
    activation_gib = cluster.activation_gib, runtime_gib = cluster.runtime_gib,
    step_tokens = cluster.step_tokens, block = cluster.kv_block, experts = cluster.experts and cluster.experts.parallel,
    pipeline = stages_of(cluster),
    roofline = latency.kind == "latency.roofline" and latency or nil,
  }
end

local function fail_too_small(cluster, figures, at)
  local advice = "no number of them holds it"
  if figures.gpus_needed > 0 then
    advice = ("it fits on %d of them (tp = %d)"):format(figures.gpus_needed, figures.gpus_needed)
  end
  local room = figures.memory_gib - figures.held_back_gib - figures.activation_gib - figures.runtime_gib
  at:fail("%s does not fit on %s: %.4g GiB of weights per GPU, but room for %.4g of its %.4g GiB (%.4g GiB too little); %s",
    figures.model, cluster.tp == 1 and figures.gpu or cluster.tp .. " x " .. figures.gpu, figures.weights_gib, room,
    figures.memory_gib, figures.weights_gib - room, advice)
end

-- A profile's layers, and the messages of its all-reduces, are the model's where the scenario does not say otherwise.
local function complete_measured(latency, cluster, figures, at)
  latency.layers = latency.layers or figures.layers
  latency.hidden = latency.hidden or figures.hidden
  latency.gpus = cluster.tp
  if latency.kind == "latency.profile" and not latency.layers then
    at:fail("latency.profile needs layers, how many the model has (the tables hold one), or cluster.model to say it")
  end
  if cluster.experts then latency.expert_gpus, latency.expert_ranks = cluster.experts.parallel, cluster.group end
  if latency.kind == "latency.profile" and cluster.group > 1 and not latency.exchange and latency.per_token == 0 then
    at:fail("latency.profile: ranks that share experts send each other the tokens of every layer, which the tables lack; "
      .. 'add exchange = "FILE.csv" (bytes,time_us), or per_token')
  end
  if latency.exchange and cluster.group < 2 then
    at:fail("%s: exchange is for replicas that share their experts (cluster.experts), and here none do", latency.kind)
  end
  if latency.links and cluster.tp < 2 then
    at:fail("%s: links are for several GPUs that work on one batch, and cluster.tp is 1", latency.kind)
  end
  if (latency.links or latency.exchange) and not latency.hidden then
    at:fail("%s: %s hidden, the width of the model (a message is 2 bytes of each), or cluster.model to say it",
      latency.kind, latency.links and "links need" or "exchange needs")
  end
end

-- Replicas whose GPUs share the experts step together.
local function apply_experts(cluster, at)
  cluster.group = 1
  if not cluster.experts then return end
  local parallel = cluster.experts.parallel
  if parallel % cluster.tp ~= 0 then
    at:fail("cluster.experts.parallel = %d must be a multiple of cluster.tp = %d, the GPUs of a replica", parallel, cluster.tp)
  end
  if cluster.gpus % parallel ~= 0 then
    at:fail("cluster.gpus = %d cannot be dealt out to groups of cluster.experts.parallel = %d GPUs", cluster.gpus, parallel)
  end
  cluster.group = parallel / cluster.tp
end

-- Another GPU by --set or --over, where the script says itself how long steps take or how much memory there is: a table that
-- looks as if the GPU made no difference. node: the scenario, with what was set.
function hardware.check_outside(node, checked, place)
  local cluster, at = node.cluster, place:key("cluster", node)
  if not cluster or (cluster.gpu == nil) ~= (cluster.model == nil) then return end -- told by hardware.apply
  local changed = false
  for _, key in ipairs { "gpu", "model", "tp" } do
    local here = cluster[key] ~= nil and at:key(key, cluster) or {}
    if here.prefix then
      changed = true
      local kind = checked.latency.kind
      if kind ~= "latency.roofline" and not schema.set_outside(node, "latency") then
        here:fail("cluster.%s changes nothing about how long steps take, which %s says here; set what that says too, or add "
          .. "--set latency=latency.roofline to take it from cluster.gpu and cluster.model", key, kind)
      end
      for _, memory in ipairs { "kv_blocks", "kv_tokens", "memory" } do
        if cluster[memory] ~= nil and not schema.set_outside(cluster, memory) then
          here:fail("cluster.%s changes nothing about how much memory there is, which cluster.%s says here; set that too, or "
            .. "add --set cluster.%s=nil to take it from cluster.gpu and cluster.model", key, memory, memory)
        end
      end
    end
  end
  if changed and not schema.set_outside(cluster, "name") then checked.cluster.name = nil end -- of the hardware that was
end

-- Fill in what the description of the hardware says and the scenario does not. steps: its latency model times single steps.
function hardware.apply(checked, place, folder, native, steps)
  local cluster, latency = checked.cluster, checked.latency
  local at = place:key("cluster")
  if (cluster.gpu == nil) ~= (cluster.model == nil) then
    at:fail("cluster.gpu and cluster.model go together, and cluster.%s is missing", cluster.gpu and "model" or "gpu")
  end
  local stages = stages_of(cluster)
  if cluster.gpus % (cluster.tp * stages) ~= 0 then
    at:fail("cluster.gpus = %d cannot be dealt out to replicas of %scluster.tp = %d GPUs", cluster.gpus,
      stages > 1 and ("cluster.pipeline.stages = %d times "):format(stages) or "", cluster.tp)
  end
  cluster.replicas = cluster.gpus / (cluster.tp * stages)
  apply_experts(cluster, at)
  lifecycle.apply(cluster, cluster.tp * stages, at)
  local price, model = cluster.usd_per_hour, {}
  if cluster.gpu then
    local figures, sentence = figures_of(cluster, latency, folder, native)
    if not figures then at:fail("%s", sentence) end
    local given = cluster.kv_tokens or cluster.kv_blocks or cluster.memory
    if not given and figures.tokens < 1 then fail_too_small(cluster, figures, at) end
    if not given then cluster.kv_tokens, cluster.request_kv = figures.tokens, figures.request_kv end
    cluster.name = cluster.name
      or (cluster.tp == 1 and "" or cluster.tp .. " x ") .. figures.gpu_title .. ", " .. figures.model
    cluster.model_path = figures.model_path
    cluster.kv_bytes_per_token = cluster.kv_bytes_per_token or figures.token_bytes * cluster.tp
    latency.coefficients, price = figures.roofline, price or figures.usd_per_hour
    model = figures
  elseif latency.kind == "latency.roofline" then
    place:key("latency"):fail("latency.roofline needs cluster.gpu and cluster.model")
  end
  complete_measured(latency, cluster, model, place:key("latency"))
  pipeline.apply(cluster, latency, steps, model.hidden or latency.hidden, at)
  cluster.all_usd_per_hour = (price or 0) * cluster.gpus
  cluster.replica_usd_per_hour = (price or 0) * cluster.tp * stages
end

return hardware
