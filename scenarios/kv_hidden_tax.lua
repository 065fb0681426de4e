-- Where does the memory go, and what do pages give back? The tables of MLSys-im's tutorial "KV-Cache: The Hidden Tax" with its
-- exercises, by the same rules (nothing held back); and paged against contiguous memory, simulated beside the closed form.
-- Each table is one command as well: docs/planning.md.
local pages = require "mbsand.pages"
local report = require "mbsand.report"

local MODEL, GPU = "llama-3-8b", "h100-80gb"
local GIB, GB = 2 ^ 30, 1e9

local function budget(options)
  options.model, options.gpu, options.rules = options.model or MODEL, options.gpu or GPU, "mlsysim"
  return plan(options)
end

-- One line per value of `key`.
local function wall(key, values, options)
  local rows = {}
  for i, value in ipairs(values) do
    options[key] = value
    local b = budget(options)
    local total = b.weights_gib + b.kv_gib
    rows[i] = { ("%d"):format(value), report.fixed(b.kv_gib, 2), report.fixed(b.weights_gib, 2), report.fixed(total, 2),
      report.fixed(100 * total / b.memory_gib, 1), b.fits and "fits" or "out of memory" }
  end
  report.print_table({ key, "KV GiB", "weights GiB", "total GiB", "of memory %", "" }, rows)
end

local function largest_batch(context, bytes)
  return budget{ context = context, memory_gib = bytes / GIB }.users
end

local function tables()
  local one = budget{ context = 2048, batch = 1 }
  print(("One user with 2,048 tokens: weights %.2f GiB, KV memory %.2f GiB (%d bytes per token), %.1f %% of 80 GiB\n"):format(
    one.weights_gib, one.kv_gib, one.token_bytes, 100 * (one.weights_gib + one.kv_gib) / one.memory_gib))
  print "The concurrency wall: users with 2,048 tokens"
  wall("batch", { 1, 4, 8, 16, 32, 64, 128, 256, 512 }, { context = 2048 })
  print(("\nOut of memory above %d users where 80 GB means 80 GiB, above %d where it means 80e9 bytes.\n"):format(
    largest_batch(2048, 80 * GIB), largest_batch(2048, 80 * GB)))
  print "The context wall: 8 users"
  wall("context", { 512, 2048, 4096, 8192, 16384, 32768, 65536, 131072 }, { batch = 8 })
  print(("\n65,536 tokens each: %d users fit in 80 GiB, %d in 80e9 bytes.\n"):format(
    largest_batch(65536, 80 * GIB), largest_batch(65536, 80 * GB)))
  local long = budget{ context = 131072, batch = 1 }
  print(("One user with 131,072 tokens: KV memory %.2f GiB, %.0f %% of what is used; %d such users fit. (Eight KV heads for\n"
    .. "thirty-two query heads: with a KV head for each it would be 64 GiB, and one user would fill the GPU.)\n"):format(
    long.kv_gib, 100 * long.kv_gib / (long.kv_gib + long.weights_gib), long.users))
end

local function exercises()
  local large = budget{ model = "llama-3-70b", context = 4096 }
  print(("Exercise 1. Llama-3-70B in 16 bit: no batch fits on one GPU of 80 GiB, its weights alone take %.1f GiB; with two\n"
    .. "GPUs, %d users with 4,096 tokens.\n"):format(large.weights_gib,
    budget{ model = "llama-3-70b", context = 4096, tp = 2 }.users))
  local function users(precision, memory_gib)
    return budget{ gpu = "h200-141gb", context = 131072, weight_precision = precision, kv_precision = precision,
      memory_gib = memory_gib }.users
  end
  print(("Exercise 2. H200, 131,072 tokens each: %d users in 16 bit, %d in INT8 (141e9 bytes: %d and %d).\n"):format(
    users("fp16"), users("int8"), users("fp16", 141 * GB / GIB), users("int8", 141 * GB / GIB)))
end

local words = { synthetic = synthetic, arrivals = arrivals, lengths = lengths, latency = latency }

local function pages_of(title, context, sizes, max_requests, before)
  local keys = pages.scenario(words, { gpu = GPU, model = MODEL }, context, sizes, max_requests)
  keys.title, keys.question = title, "Where does the memory go, and what do pages give back?"
  keys.report = function(results)
    if before then before() end
    pages.report(results)
  end
  return scenario(keys)
end

return {
  pages_of("kv_hidden_tax", 4096, { 16, 64, 2048 }, nil, function()
    tables()
    exercises()
    print "Paged against contiguous memory: 4,096 tokens at most, no limit to the users"
  end),
  pages_of("kv_hidden_tax: at most 32 users", 4096, { 16, 64, 2048 }, 32),
  pages_of("kv_hidden_tax: exercise 3, 32,768 tokens and at most 16 users", 32768, { 16, 256 }, 16),
}
