-- Measured runs: what the publication says about them, and the data's folder.

local data = require "data"

local FOLDER = "perf/llmservingsim/"
local BLOCK = 16
local GPU_BYTES = 96e9 * 0.9 -- memory x gpu_memory_utilization, config.json of each run; 2 GiB of it for activations

-- What a GPU has left for KV memory, in blocks; both models keep 131,072 bytes per token on a GPU
-- (2 x layers x KV heads of the GPU x 128 x 2 bytes).
local function blocks(weight_bytes)
  return math.floor((GPU_BYTES - 2 ^ 31 - weight_bytes) / (BLOCK * 131072))
end

-- Tensor parallelism over n GPUs: two all-reduces per layer, each of tokens x hidden x 2 bytes, of which a ring sends
-- 2 (n - 1) / n; link as in config.json: 16 GB/s, 20 us.
local function all_reduce(layers, hidden, gpus)
  return {
    per_step = 2 * layers * 20e-6,
    per_token = 2 * layers * hidden * 2 * 2 * (gpus - 1) / gpus / 16e9,
  }
end

local runs = {
  data = data.folder("measured runs", FOLDER .. "examples/RTXPRO6000/Qwen3-32B/vllm/requests.jsonl"), block = BLOCK,
  {
    name = "Llama-3.1-8B, 1 GPU", model = "llama-3.1-8b", gpus = 1,
    requests = FOLDER .. "examples/RTXPRO6000/Llama-3.1-8B/vllm/requests.jsonl",
    prompts = FOLDER .. "workloads/sharegpt-llama-3.1-8b-300-sps10.blocks16.jsonl",
    profile = FOLDER .. "profile/RTXPRO6000/meta-llama/Llama-3.1-8B/bf16/tp1",
    layers = 32, max_requests = 128, token_budget = 2048, blocks = blocks(16.06e9),
    communication = { per_step = 0, per_token = 0 }, corrections = "rtx_pro_6000_llama_3_1_8b_corrections.csv",
  },
  {
    name = "Qwen3-32B, 2 GPUs", model = "qwen3-32b", gpus = 2,
    requests = FOLDER .. "examples/RTXPRO6000/Qwen3-32B/vllm/requests.jsonl",
    prompts = FOLDER .. "workloads/sharegpt-qwen3-32b-300-sps10.blocks16.jsonl",
    profile = FOLDER .. "profile/RTXPRO6000/Qwen/Qwen3-32B/bf16/tp2",
    layers = 64, max_requests = 128, token_budget = 2048, blocks = blocks(65.52e9 / 2),
    communication = all_reduce(64, 5120, 2), links = "rtx_pro_6000_x2_all_reduce.csv",
  },
}

return runs
