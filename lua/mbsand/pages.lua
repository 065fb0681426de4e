-- Paged against contiguous KV memory, simulated and in closed form, on one workload: requests that may grow to `context`
-- tokens, but whose prompts and answers are uniform on 1 .. context / 2, all waiting from the start.
-- `mbsand plan --page` and scenarios/kv_hidden_tax.lua print what is here.
local report = require "mbsand.report"

local pages = {}

-- Keys of a scenario; the caller's cluster says the model and the GPU. max_requests: users at most, or nil.
function pages.scenario(words, cluster, context, sizes, max_requests)
  local half = math.max(1, math.floor(context / 2))
  cluster.kv_max_length, cluster.prefix_cache, cluster.max_requests = context, false, max_requests
  cluster.watermark, cluster.token_budget = 0.05, 8192 -- room to grow, and vLLM's usual budget
  return {
    workload = words.synthetic {
      arrivals = words.arrivals.all_at_once {}, limit = 2000,
      prompt = words.lengths.uniform { low = 1, high = half }, output = words.lengths.uniform { low = 1, high = half },
    },
    cluster = cluster,
    latency = words.latency.roofline {},
    policies = { "fcfs" },
    over = { { "cluster.kv", { "contiguous", "paged" } }, { "cluster.kv_block", sizes } },
    seeds = 3,
    report = pages.report,
  }
end

-- Tokens that a running request holds, averaged over its decodes: prompt p and answer o, independent and uniform on 1 .. h,
-- give E[p] + E[o^2] / (2 E[o]).
local function mean_held(half)
  local first, second = (half + 1) / 2, (half + 1) * (2 * half + 1) / 6
  return first + second / (2 * first)
end

local function row_texts(row, held, limit, base)
  local cluster = row.experiment.cluster
  local contiguous = cluster.kv == "contiguous"
  local each = contiguous and cluster.kv_max_length or held + (cluster.kv_block - 1) / 2
  local users = cluster.capacity / each
  if contiguous then users = math.floor(users) end
  return {
    contiguous and ("contiguous, " .. cluster.kv_max_length) or ("pages of " .. cluster.kv_block),
    report.number(math.min(users, limit), 4), report.interval(row, "batch_mean", 3),
    report.number(100 * (1 - held / each), 3), report.interval(row, "kv_fragmentation", 3, 100),
    report.interval(row, "throughput_tps", 3), report.fixed(row.mean.throughput_tps / base, 2),
  }
end

function pages.report(results)
  local first = results[1].experiment
  local held = mean_held(first.workload.prompt.high)
  local limit = first.cluster.max_requests or math.huge
  local base, rows, best = results[1].mean.throughput_tps, {}, nil
  for i, row in ipairs(results) do
    if i == 1 or row.experiment.cluster.kv == "paged" then rows[#rows + 1] = row_texts(row, held, limit, base) end
    if row.experiment.cluster.kv == "paged" and (not best or row.mean.throughput_tps > best.mean.throughput_tps) then
      best = row
    end
  end
  report.print_table({ "KV memory", "users, formula", "users, simulated", "unused %, formula", "unused %, simulated",
    "output tok/s", "speed-up" }, rows)
  print(("\nRequests hold %.0f tokens in the mean, and may grow to %d. Pages of %d serve %.2f times the tokens per second.\n")
    :format(held, first.cluster.kv_max_length, best.experiment.cluster.kv_block, best.mean.throughput_tps / base))
end

return pages
