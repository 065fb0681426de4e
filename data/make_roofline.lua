-- SPDX-License-Identifier: MIT
-- Fits the efficiencies of data/roofline.csv (read by src/model/roofline.c) to published measurements and prints how far
-- the fitted roofline is from those that were left out:
--
--   lua5.4 data/make_roofline.lua FOLDER [data/roofline.csv]      (FOLDER/perf/aiconfigurator, splitwise, served)
--
-- The measurements are not part of this repository; the fitted constants are ours. Sources: kernels timed under vLLM 0.14 and
-- 0.24 (ai-dynamo/aiconfigurator, Apache-2.0); prompt and token times of 2023 (Mutinifni/splitwise-sim, MIT); steps and closed
-- loops of vLLM 0.12 and 0.20 (ai-dynamo/aiconfigurator). docs/fidelity.md has the table.

local data, out = arg[1] or "../shared/data", arg[2]
data = data .. "/perf/"

-- --- descriptions

local function columns_of(path, separator_quotes)
  local file = assert(io.open(path))
  local names, rows = {}, {}
  for name in file:read("l"):gmatch "[^,]+" do table.insert(names, name) end
  for line in file:lines() do
    local row, i = {}, 1
    if separator_quotes then line = line:gsub('"[^"]*"', "text") end
    for cell in (line .. ","):gmatch "([^,]*)," do
      row[names[i] or i] = tonumber(cell) or cell
      i = i + 1
    end
    table.insert(rows, row)
  end
  file:close()
  return rows
end

local gpus = {}
for _, row in ipairs(columns_of("data/gpus.csv", true)) do
  gpus[row.name] = { peak = row.fp16_tflops * 1e12, memory = row.bandwidth_gb_s * 1e9, link = row.link_gb_s * 1e9 }
end

-- layers, hidden, query heads, KV heads, inner, vocabulary, matrices of the MLP; heads of 128.
local MODELS = {
  ["llama-3.1-8b"] = { 32, 4096, 32, 8, 14336, 128256, 3 },
  ["qwen3-32b"] = { 64, 5120, 64, 8, 25600, 151936, 3 },
  ["llama-3.1-70b"] = { 80, 8192, 64, 8, 28672, 128256, 3 },
  ["llama-2-70b"] = { 80, 8192, 64, 8, 28672, 32000, 3 },
  ["llama-3.2-3b"] = { 28, 3072, 24, 8, 8192, 128256, 3 },
  ["qwen3-14b"] = { 40, 5120, 40, 8, 17408, 151936, 3 },
  ["bloom-176b"] = { 70, 14336, 112, 112, 57344, 250880, 2 },
}

-- A step of one GPU as the roofline sees it: `prompts` of `length` tokens, or `rows` decodes that read `context` in all.
local function step(model, gpu, tp, prompts, length, rows, context)
  local layers, hidden, heads, kv, inner, vocabulary, matrices = table.unpack(MODELS[model])
  local per_layer = hidden * (heads + 2 * kv) * 128 + heads * 128 * hidden + matrices * hidden * inner
  local tokens = prompts * length + rows
  return {
    gpu = gpus[gpu], layers = layers, tp = tp,
    flops = 2 * tokens * per_layer * layers / tp, bytes = 2 * per_layer * layers / tp,
    head_flops = 2 * (prompts + rows) * vocabulary * hidden / tp, head_bytes = 2 * vocabulary * hidden / tp,
    pair_flops = layers * heads / tp * 4 * 128 * prompts * length * (length + 1) / 2,
    kv_bytes = layers * math.max(1, kv / tp) * 4 * 128 * context,
    sent = tp > 1 and 2 * (tp - 1) / tp * hidden * 2 * tokens or 0, prompt = prompts > 0,
    shared = tp > 1 and gpus[gpu].link <= 64e9 and tp / 2 or 1, -- pairs of GPUs on one bus take turns
  }
end

-- --- the roofline (src/model/roofline.c)

local NAMES = { "compute", "attention", "bandwidth", "kv_bandwidth", "layer", "link", "link_latency", "launch" }

local function seconds(s, e)
  local function roof(flops, bytes) return math.max(flops / (s.gpu.peak * e.compute), bytes / (s.gpu.memory * e.bandwidth)) end
  local t = roof(s.flops, s.bytes) + roof(s.head_flops, s.head_bytes) + s.pair_flops / (s.gpu.peak * e.attention)
    + s.kv_bytes / (s.gpu.memory * e.kv_bandwidth) + s.layers * e.layer
  if s.tp > 1 then t = t + 2 * s.layers * (e.link_latency + s.sent * s.shared / (s.gpu.link * e.link)) end
  return math.max(t, s.layers * e.launch)
end

local function median(values)
  table.sort(values)
  local n = #values
  return n == 0 and 0 / 0 or (values[(n + 1) // 2] + values[n // 2 + 1]) / 2
end

-- Median of the absolute relative errors, and the median error, of the points that `wanted` accepts.
local function errors(points, e, wanted)
  local absolute, signed = {}, {}
  for _, p in ipairs(points) do
    if wanted(p) then
      local error = seconds(p.step, e) / p.seconds - 1
      table.insert(absolute, math.abs(error))
      table.insert(signed, error)
    end
  end
  return median(absolute), #absolute, median(signed)
end

-- The least sum of |log| errors over the free names, by a pattern search on their logarithms.
local function fit(points, start, free)
  local e = {}
  for k, v in pairs(start) do e[k] = v end
  local function loss()
    local sum = 0
    for _, p in ipairs(points) do sum = sum + math.abs(math.log(seconds(p.step, e) / p.seconds)) end
    return sum
  end
  local best, stride = loss(), 0.4
  while stride > 0.004 do
    local better = false
    for _, name in ipairs(free) do
      for _, factor in ipairs { math.exp(stride), math.exp(-stride) } do
        local old = e[name]
        e[name] = old * factor
        local now = e[name] <= 1 and loss() or math.huge -- shares of a peak; the others are seconds
        if now < best * (1 - 1e-6) then best, better = now, true else e[name] = old end
      end
    end
    if not better then stride = stride / 2 end
  end
  return e
end

-- --- measured kernels, added up to steps

local function packed(folder, pattern)
  local pipe = assert(io.popen(("zcat %saiconfigurator/%s/%s"):format(data, folder, pattern)))
  local names, rows = {}, {}
  for name in pipe:read("l"):gmatch "[^,]+" do table.insert(names, name) end
  for line in pipe:lines() do
    local row, i = {}, 1
    for cell in (line .. ","):gmatch "([^,]*)," do row[names[i]], i = cell, i + 1 end
    table.insert(rows, row)
  end
  pipe:close()
  return rows
end

-- Linear between the neighbours in sorted `xs`, and beyond the ends.
local function between(xs, x, value)
  local high = 2
  while high < #xs and xs[high] < x do high = high + 1 end
  local a, b = xs[high - 1], xs[high]
  local at_a, at_b = value(a), value(b)
  if not at_a or not at_b then return nil end
  return at_a + (at_b - at_a) * (x - a) / (b - a)
end

local LATTICE = { 256, 512, 768, 1024, 1536, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 16384, 65536 }

local function kernels_of(folder)
  local gemm, context, generation, reduce = {}, {}, {}, {}
  for _, row in ipairs(packed(folder, "gemm_*.gz")) do
    if row.gemm_dtype == "bfloat16" then gemm[row.m .. "," .. row.n .. "," .. row.k] = tonumber(row.latency) / 1e3 end
  end
  local function attention(pattern, into, length)
    for _, row in ipairs(packed(folder, pattern)) do
      if row.head_dim == "128" and row.kv_cache_dtype == "bfloat16" and (row.window_size or "0") == "0" then
        into[table.concat({ row.batch_size, row[length], row.num_heads, row.num_key_value_heads }, ",")] =
          tonumber(row.latency) / 1e3
      end
    end
  end
  attention("attention_*context*.gz", context, "isl")
  attention("attention_*generation*.gz", generation, "step")
  local sizes = {}
  for _, row in ipairs(packed(folder, "comm_vllm*.gz")) do
    if row.backend == "vllm_graph" then
      local n = tonumber(row.num_gpus)
      sizes[n], reduce[n] = sizes[n] or {}, reduce[n] or {}
      table.insert(sizes[n], tonumber(row.message_size))
      reduce[n][tonumber(row.message_size)] = tonumber(row.latency) / 1e3
    end
  end
  for _, list in pairs(sizes) do table.sort(list) end
  local function product(m, n, k)
    return between(LATTICE, n, function(n1)
      return between(LATTICE, k, function(k1) return gemm[m .. "," .. n1 .. "," .. k1] end)
    end)
  end
  return function(model, tp, prompts, length, rows, each)
    local layers, hidden, heads, kv, inner, vocabulary = table.unpack(MODELS[model])
    local m = prompts * length + rows
    local parts = {
      product(m, (heads + 2 * kv) * 128 // tp, hidden), product(m, hidden, heads * 128 // tp), product(m,
        2 * inner // tp, hidden),
      product(m, hidden, inner // tp),
      prompts > 0 and context[table.concat({ prompts, length, heads // tp, kv // tp }, ",")]
        or generation[table.concat({ rows, each, heads // tp, kv // tp }, ",")],
    }
    if tp > 1 then
      parts[6] = reduce[tp] and 2 * between(sizes[tp], m * hidden, function(size) return reduce[tp][size] end)
    end
    local sum = 0
    for i = 1, tp > 1 and 6 or 5 do
      if not parts[i] then return nil end
      sum = sum + parts[i]
    end
    local head = product(prompts + rows, vocabulary // tp, hidden)
    return head and layers * sum + head
  end
end

local function kernel_points(gpu, folder)
  local time, points = kernels_of(folder), {}
  for _, model in ipairs { "llama-3.1-8b", "qwen3-32b", "llama-3.1-70b", "llama-3.2-3b", "qwen3-14b" } do
    local fitted = model == "llama-3.1-8b" or model == "qwen3-32b"
    local function add(kind, tp, step_of, measured)
      if measured then
        table.insert(points, { gpu = gpu, kind = kind, tp = tp, model = model, fitted = fitted, step = step_of,
          seconds = measured })
      end
    end
    for _, tp in ipairs { 1, 2, 4, 8 } do
      for _, length in ipairs { 512, 1024, 2048, 4096, 8192 } do
        add("prompt", tp, step(model, gpu, tp, 1, length, 0, 0), time(model, tp, 1, length, 0, 0))
      end
      for _, rows in ipairs { 1, 8, 32, 128 } do
        for _, each in ipairs { 511, 2047, 8191 } do
          add("decode", tp, step(model, gpu, tp, 0, 0, rows, rows * (each + 1)), time(model, tp, 0, 0, rows, each))
        end
      end
    end
  end
  return points
end

-- --- whole steps

local function splitwise(hardware, gpu)
  local sums = {}
  for _, row in ipairs(columns_of(data .. "splitwise/perf_model.csv")) do
    local spoilt = row.batch_size == 64 and row.tensor_parallel == 2
    if row.hardware == hardware and row.token_size == 128 and not spoilt then
      local key = table.concat({ row.model, row.tensor_parallel, row.prompt_size, row.batch_size }, ",")
      sums[key] = sums[key] or { row = row, n = 0, prompt = 0, token = 0 }
      local s = sums[key]
      s.n, s.prompt, s.token = s.n + 1, s.prompt + row.prompt_time / 1e3, s.token + row.token_time / 1e3
    end
  end
  local points = {}
  for _, s in pairs(sums) do
    local row, model = s.row, s.row.model == "llama2-70b" and "llama-2-70b" or "bloom-176b"
    local tp, batch, length = row.tensor_parallel, row.batch_size, row.prompt_size
    local fitted = tp ~= 4 and model == "llama-2-70b"
    table.insert(points, { gpu = gpu, kind = "prompt", tp = tp, model = model, fitted = fitted, seconds = s.prompt / s.n,
      step = step(model, gpu, tp, batch, length, 0, 0) })
    table.insert(points, { gpu = gpu, kind = "decode", tp = tp, model = model, fitted = fitted, seconds = s.token / s.n,
      step = step(model, gpu, tp, 0, 0, batch, batch * (length + 64)) })
  end
  return points
end

-- Closed loops whose answers are long: their time between tokens is nearly that of a step of decodes.
local function loops(gpu)
  local points = {}
  for _, row in ipairs(columns_of(data .. "served/aic_qwen3_32b_h100_vllm0120.csv")) do
    if row.osl == 1024 and row.concurrency <= 32 then
      table.insert(points, { gpu = gpu, kind = "decode", tp = row.tp, model = "qwen3-32b", fitted = row.tp == 4,
        rows = row.concurrency, seconds = row.tpot_ms / 1e3, step = step("qwen3-32b", gpu, row.tp, 0, 0,
          row.concurrency, row.concurrency * (row.isl + 512)) })
    end
  end
  return points
end

local function steps_of(gpu)
  local points = {}
  for _, tp in ipairs { 1, 2, 4, 8 } do
    for i, row in ipairs(columns_of(("%sserved/fpm_qwen3_32b_tp%d_real_steps.csv"):format(data, tp))) do
      if row.tokens == row.requests and i % 20 == 0 then
        table.insert(points, { gpu = gpu, kind = "decode", tp = tp, seconds = row.time_s,
          step = step("qwen3-32b", gpu, tp, 0, 0, row.tokens, row.context) })
      elseif row.requests == 1 and row.context == 0 then
        table.insert(points, { gpu = gpu, kind = "prompt", tp = tp, seconds = row.time_s,
          step = step("qwen3-32b", gpu, tp, 1, row.tokens, 0, 0) })
      end
    end
  end
  return points
end

-- --- what is fitted to what, and what is left out

local SHOWN = { "prompt", "decode" }
local FREE = { "compute", "attention", "bandwidth", "kv_bandwidth", "layer", "link", "link_latency" }
local START = { compute = 0.7, attention = 0.5, bandwidth = 0.8, kv_bandwidth = 0.7, layer = 20e-6, link = 0.5,
  link_latency = 10e-6, launch = 1e-9 }
local MEASURED = {
  { "h100-80gb", "h100_sxm" }, { "a100-80gb", "a100_sxm" }, { "h200-141gb", "h200_sxm" }, { "b200-180gb", "b200_sxm" },
  { "l40s-48gb", "l40s" }, { "rtx-pro-6000-96gb", "rtx_pro_6000_server" },
}

local function only(points, wanted)
  local kept = {}
  for _, p in ipairs(points) do if wanted(p) then table.insert(kept, p) end end
  return kept
end
local function fitted(p) return p.fitted end
local function left_out(p) return not p.fitted end

local function show(name, points, e, wanted)
  local found = {}
  for _, kind in ipairs(SHOWN) do
    local absolute, n, signed = errors(points, e, function(p) return p.kind == kind and wanted(p) end)
    found[kind] = absolute
    if n > 0 then
      print(("  %-44s %-6s %4d  median error %5.1f %% (%+.1f)"):format(name, kind, n, 100 * absolute, 100 * signed))
    end
  end
  return found
end

local function copy(e, changes)
  local new = {}
  for k, v in pairs(e) do new[k] = v end
  for k, v in pairs(changes or {}) do new[k] = v end
  return new
end

local function geometric(list)
  local mean = {}
  for _, name in ipairs(NAMES) do
    local sum = 0
    for _, e in ipairs(list) do sum = sum + math.log(e[name]) end
    mean[name] = math.exp(sum / #list)
  end
  return mean
end

local rows, kernels, points_of = {}, {}, {}
local function add(gpu, engine, e, prompt, decode)
  table.insert(rows, { gpu = gpu, engine = engine, e = e, prompt = prompt, decode = decode })
end

print "kernels added up (fitted: Llama-3.1-8B, Qwen3-32B; left out: Llama-3.1-70B, Llama-3.2-3B, Qwen3-14B)"
for i, pair in ipairs(MEASURED) do
  local points = kernel_points(pair[1], pair[2])
  local e = fit(only(points, fitted), START, FREE)
  print(pair[1])
  show("fitted", points, e, fitted)
  local test = show("left out", points, e, left_out)
  for _, tp in ipairs { 1, 2, 4, 8 } do show("left out, tensor parallel " .. tp, points, e,
    function(p) return not p.fitted and p.tp == tp end) end
  kernels[i], points_of[i] = e, points
  add(pair[1], "graphs", e, test.prompt, test.decode)
end

-- Between the kernels an engine has norms, rotations, activations and gaps: per layer, found on the loops of 8 on four H100.
print "H100: what an engine adds to its kernels, from closed loops of 8 on four GPUs; loops on two and eight are left out"
local served = only(loops "h100-80gb", function(p) return p.rows <= 8 end)
local whole = fit(only(served, fitted), kernels[1], { "layer" })
local engine = whole.layer - kernels[1].layer
print(("  %.1f us a layer"):format(1e6 * engine))
show("kernels alone", served, kernels[1], left_out)
local h100 = show("with it", served, whole, left_out)
show("with it, loops of 16 and 32", only(loops "h100-80gb", function(p) return p.rows > 8 end), whole,
  function() return true end)
for _, row in ipairs(rows) do row.e = copy(row.e, { layer = row.e.layer + engine }) end
rows[1].decode = math.max(rows[1].decode, h100.decode)

print "a GPU without measurements: the geometric mean of five, on the sixth"
local worst = { prompt = {}, decode = {} }
for i, pair in ipairs(MEASURED) do
  local rest = {}
  for k = 1, #MEASURED do if k ~= i then table.insert(rest, kernels[k]) end end
  local found = show(pair[1], points_of[i], geometric(rest), function() return true end)
  table.insert(worst.prompt, found.prompt)
  table.insert(worst.decode, found.decode)
end
local pooled = geometric(kernels)
add("*", "graphs", copy(pooled, { layer = pooled.layer + engine }), math.max(table.unpack(worst.prompt)),
  math.max(table.unpack(worst.decode)))
print "Qwen3-32B on vLLM 0.20 (B300 by its sister runs), nothing of it fitted"
show("as b300-288gb by the pooled row", steps_of "b300-288gb", rows[#rows].e, function() return true end)
local whole_steps = show("as b300-288gb by the B200's row", steps_of "b300-288gb", rows[4].e, function() return true end)
-- Kernels are not steps: no row claims less than what whole steps of an engine showed. Where served runs were replayed
-- (tests/fidelity/run.lua), no less than these: the mean of two runs' errors of mean TTFT and TPOT.
local REPLAYED = { ["rtx-pro-6000-96gb"] = { prompt = 0.38, decode = 0.23 } }
for _, row in ipairs(rows) do
  local seen = REPLAYED[row.gpu] or whole_steps
  row.prompt, row.decode = math.max(row.prompt, seen.prompt), math.max(row.decode, seen.decode)
end

print("engines of 2023, that launch every kernel from the host (fitted: Llama-2-70B on 2 and 8; "
  .. "left out: on 4, and BLOOM-176B on 8)")
local eager = {}
for i, gpu in ipairs { "h100-80gb", "a100-80gb" } do
  local points = splitwise(gpu, gpu)
  print(gpu)
  show("as an engine of today", points, rows[i].e, function() return true end)
  local e = fit(only(points, fitted), copy(kernels[i], { launch = 3e-4 }), { "compute", "attention",
    "bandwidth", "layer", "link",
    "link_latency", "launch" })
  show("fitted", points, e, fitted)
  local llama = show("left out, Llama-2-70B", points, e, function(p) return not p.fitted and p.model == "llama-2-70b" end)
  local bloom = show("left out, BLOOM-176B", points, e, function(p) return not p.fitted and p.model ~= "llama-2-70b" end)
  eager[i] = e
  -- What is printed is the error of the worse of the two models.
  add(gpu, "eager", e, math.max(llama.prompt, bloom.prompt), math.max(llama.decode, bloom.decode))
end
add("*", "eager", geometric(eager), math.max(rows[#rows].prompt, rows[#rows - 1].prompt), math.max(rows[#rows].decode,
  rows[#rows - 1].decode))

if not out then return end
local text = {
  "# Shares of the peaks that kernels reach, and what steps cost beyond: fitted by data/make_roofline.lua, which names the",
  "# measurements. Errors: median of the absolute errors of what was left out of the fit. \"*\": GPUs that nobody measured.",
  "gpu,engine,compute,attention,bandwidth,kv_bandwidth,layer_us,link,link_latency_us,launch_us,prompt_error,decode_error",
}
for _, row in ipairs(rows) do
  local e = row.e
  table.insert(text, ("%s,%s,%.3f,%.3f,%.3f,%.3f,%.1f,%.3f,%.1f,%.0f,%.3f,%.3f"):format(row.gpu, row.engine,
    e.compute, e.attention,
    e.bandwidth, e.kv_bandwidth, 1e6 * e.layer, e.link, 1e6 * e.link_latency, 1e6 * e.launch, row.prompt, row.decode))
end
local file = assert(io.open(out, "w"))
file:write(table.concat(text, "\n"), "\n")
file:close()
