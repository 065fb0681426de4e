-- Continuous batching at full speed: requests/s and output tokens/s of a policy on one core.
--   mbsand tests/bench/steps.lua --jobs 1 [--step] [--set workload.limit=10000]
-- Environment: POLICY, REPLICAS, LOAD (share of the capacity; "all" requests at once), ANSWER (times as long).
-- Lengths like the Azure conversation trace of 2023 (prompt 1155 tokens in the mean, answer 211), Poisson arrivals at
-- 70 % of what the replicas can serve.
local replicas, load = tonumber(os.getenv("REPLICAS") or 1), os.getenv("LOAD") or "0.7"
local answer = tonumber(os.getenv("ANSWER") or 1)

local base, per_token, per_context = 0.0127826, 41.818e-6, 71.61e-9

local trace = "../shared/data/traces/azure2023/AzureLLMInferenceTrace_conv.csv"
local file = io.open(trace)
local prompt, output
if file and answer == 1 then
  file:close()
  prompt = lengths.empirical { path = trace, column = "ContextTokens" }
  output = lengths.empirical { path = trace, column = "GeneratedTokens" }
else
  prompt = lengths.lognormal { mu = 6.633, sigma = 0.985, min = 1, max = 14050 }
  output = lengths.lognormal { mu = 5.019 + math.log(answer), sigma = 0.859, min = 1, max = 1000 * answer }
end

-- Stability without a limit: rate (c1 E[i + o - 1] + c2 E[(o - 1) i + o (o - 1) / 2]) < 1; independent lengths here.
local i, o = 1154.7, 211.1 * answer
local o2 = o ^ 2 * (1 + 0.771 ^ 2)
local work = per_token * (i + o - 1) + per_context * ((o - 1) * i + (o2 - o) / 2)

local arrive = load == "all" and arrivals.all_at_once {} or arrivals.poisson { rate = tonumber(load) / work * replicas }

return scenario {
  title = "continuous batching",
  workload = synthetic { arrivals = arrive, prompt = prompt, output = output, limit = 1000000 },
  cluster = { gpus = replicas, kv_blocks = 28615, kv_max_length = 16384, max_requests = 1024, token_budget = 8192 },
  latency = latency.step { base = base, per_token = per_token, per_context = per_context },
  policies = { os.getenv("POLICY") or "vllm_v1" },
  columns = { "throughput_rps", "throughput_tps", "batch_mean", "gpu_util", "sim_wall_s", "sim_requests_per_s" },
  seeds = 1,
}
