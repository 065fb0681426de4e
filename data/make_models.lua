-- SPDX-License-Identifier: MIT
-- Makes the model descriptions of this folder: lua5.4 data/make_models.lua [folder]
-- One file a model, models/NAME.json, in the keys of a Hugging Face config.json, dimensions only. The figures are facts
-- that the models' authors publish in the config.json of the repository named in each row. The same bytes on every run.

local folder = (arg[1] or "data") .. "/models"

local COLUMNS = {
  "model_type", "num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim",
  "intermediate_size", "vocab_size", "max_position_embeddings", "tie_word_embeddings",
}

-- Gemma 3's image encoder.
local SIGLIP = { model_type = "siglip_vision_model", hidden_size = 1152, intermediate_size = 4304, num_hidden_layers = 27,
  num_attention_heads = 16, patch_size = 14, image_size = 896 }

-- An encoder of images or sounds that is not counted, only said.
local function encoder(model_type) return { model_type = model_type } end

local FP8 = { quant_method = "fp8", weight_block_size = { 128, 128 } }

-- Every so many layers one of attention, else `other`.
local function every(period, layers, other, offset)
  local list = {}
  for i = 1, layers do list[i] = (i - 1) % period == offset and "attention" or other end
  return list
end

local function deepseek(more)
  local row = { kv_lora_rank = 512, q_lora_rank = 1536, qk_rope_head_dim = 64, qk_nope_head_dim = 128, v_head_dim = 128,
    n_routed_experts = 256, num_experts_per_tok = 8, n_shared_experts = 1, moe_intermediate_size = 2048,
    first_k_dense_replace = 3, quantization_config = FP8 }
  for key, value in pairs(more or {}) do row[key] = value end
  return row
end

local function delta(more) -- layers of a gated delta network, three of four
  local row = { full_attention_interval = 4, linear_conv_kernel_dim = 4, linear_key_head_dim = 128, linear_value_head_dim = 128,
    linear_num_key_heads = 16 }
  for key, value in pairs(more) do row[key] = value end
  return row
end

local function gemma4(more)
  local row = { sliding_window = 1024, global_head_dim = 512, attention_k_eq_v = true, hidden_size_per_layer_input = 0 }
  for key, value in pairs(more) do row[key] = value end
  return row
end

-- name, repository, the columns above, and what else a model has. torch_dtype is bfloat16 unless said.
local MODELS = {
  { "codellama-34b-instruct", "codellama/CodeLlama-34b-Instruct-hf", "llama",
    48, 8192, 64, 8, 128, 22016, 32000, 16384, false },
  { "deepseek-v3", "deepseek-ai/DeepSeek-V3", "deepseek_v3", 61, 7168, 128, 128, 192, 18432, 129280, 163840, false,
    { kv_lora_rank = 512, q_lora_rank = 1536, qk_rope_head_dim = 64, qk_nope_head_dim = 128, v_head_dim = 128,
    n_routed_experts = 256, num_experts_per_tok = 8, n_shared_experts = 1, moe_intermediate_size = 2048,
    first_k_dense_replace = 3, quantization_config = { quant_method = "fp8", weight_block_size = { 128, 128 } } } },
  { "falcon-40b", "tiiuae/falcon-40b", "falcon", 60, 8192, 128, 8, 64, 32768, 65024, 2048, true },
  { "falcon-7b", "tiiuae/falcon-7b", "falcon", 32, 4544, 71, 1, 64, 18176, 65024, 2048, true },
  { "gemma-2-27b-it", "google/gemma-2-27b-it", "gemma2", 46, 4608, 32, 16, 128, 36864, 256000, 8192, true,
    { sliding_window = 4096 } },
  { "gemma-2-2b-it", "google/gemma-2-2b-it", "gemma2", 26, 2304, 8, 4, 256, 9216, 256000, 8192, true,
    { sliding_window = 4096 } },
  { "gemma-2-9b-it", "google/gemma-2-9b-it", "gemma2", 42, 3584, 16, 8, 256, 14336, 256000, 8192, true,
    { sliding_window = 4096 } },
  { "gemma-2b", "google/gemma-2b", "gemma", 18, 2048, 8, 1, 256, 16384, 256000, 8192, true },
  { "gemma-3-12b-it", "google/gemma-3-12b-it", "gemma3_text", 48, 3840, 16, 8, 256, 15360, 262144, 131072, true,
    { sliding_window = 1024, sliding_window_pattern = 6, vision_config = SIGLIP } },
  { "gemma-3-1b-it", "google/gemma-3-1b-it", "gemma3_text", 26, 1152, 4, 1, 256, 6912, 262144, 32768, true,
    { sliding_window = 512, sliding_window_pattern = 6 } },
  { "gemma-3-27b-it", "google/gemma-3-27b-it", "gemma3_text", 62, 5376, 32, 16, 128, 21504, 262144, 131072, true,
    { sliding_window = 1024, sliding_window_pattern = 6, vision_config = SIGLIP } },
  { "gemma-3-4b-it", "google/gemma-3-4b-it", "gemma3_text", 34, 2560, 8, 4, 256, 10240, 262144, 131072, true,
    { sliding_window = 1024, sliding_window_pattern = 6, vision_config = SIGLIP } },
  { "gpt-oss-120b", "openai/gpt-oss-120b", "gpt_oss", 36, 2880, 64, 8, 64, 2880, 201088, 131072, false,
    { attention_bias = true, sliding_window = 128, num_local_experts = 128, num_experts_per_tok = 4, quantization_config =
    { quant_method = "mxfp4" } } },
  { "gpt-oss-20b", "openai/gpt-oss-20b", "gpt_oss", 24, 2880, 64, 8, 64, 2880, 201088, 131072, false,
    { attention_bias = true, sliding_window = 128, num_local_experts = 32, num_experts_per_tok = 4, quantization_config =
    { quant_method = "mxfp4" } } },
  { "llama-2-13b", "meta-llama/Llama-2-13b-hf", "llama", 40, 5120, 40, 40, 128, 13824, 32000, 4096, false,
    { torch_dtype = "float16" } },
  { "llama-2-70b", "meta-llama/Llama-2-70b-hf", "llama", 80, 8192, 64, 8, 128, 28672, 32000, 4096, false,
    { torch_dtype = "float16" } },
  { "llama-2-7b", "meta-llama/Llama-2-7b-hf", "llama", 32, 4096, 32, 32, 128, 11008, 32000, 4096, false,
    { torch_dtype = "float16" } },
  { "llama-3-70b", "meta-llama/Meta-Llama-3-70B", "llama", 80, 8192, 64, 8, 128, 28672, 128256, 8192, false },
  { "llama-3-8b", "meta-llama/Meta-Llama-3-8B", "llama", 32, 4096, 32, 8, 128, 14336, 128256, 8192, false },
  { "llama-3.1-405b", "meta-llama/Meta-Llama-3.1-405B", "llama", 126, 16384, 128, 8, 128, 53248, 128256, 131072, false },
  { "llama-3.1-70b", "meta-llama/Meta-Llama-3.1-70B", "llama", 80, 8192, 64, 8, 128, 28672, 128256, 131072, false },
  { "llama-3.1-8b", "meta-llama/Meta-Llama-3.1-8B", "llama", 32, 4096, 32, 8, 128, 14336, 128256, 131072, false },
  { "llama-3.2-1b", "meta-llama/Llama-3.2-1B", "llama", 16, 2048, 32, 8, 64, 8192, 128256, 131072, true },
  { "llama-3.2-3b", "meta-llama/Llama-3.2-3B", "llama", 28, 3072, 24, 8, 128, 8192, 128256, 131072, true },
  { "mistral-7b-instruct-v0.3", "mistralai/Mistral-7B-Instruct-v0.3", "mistral",
    32, 4096, 32, 8, 128, 14336, 32768, 32768, false },
  { "mistral-7b-v0.1", "mistralai/Mistral-7B-v0.1", "mistral", 32, 4096, 32, 8, 128, 14336, 32000, 32768, false,
    { sliding_window = 4096 } },
  { "mistral-nemo", "mistralai/Mistral-Nemo-Instruct-2407", "mistral", 40, 5120, 32, 8, 128, 14336, 131072, 131072, false },
  { "mixtral-8x22b-v0.1", "mistralai/Mixtral-8x22B-v0.1", "mixtral", 56, 6144, 48, 8, 128, 16384, 32000, 65536, false,
    { num_local_experts = 8, num_experts_per_tok = 2 } },
  { "mixtral-8x7b-v0.1", "mistralai/Mixtral-8x7B-v0.1", "mixtral", 32, 4096, 32, 8, 128, 14336, 32000, 32768, false,
    { num_local_experts = 8, num_experts_per_tok = 2 } },
  { "phi-3-mini-4k-instruct", "microsoft/Phi-3-mini-4k-instruct", "phi3", 32, 3072, 32, 32, 96, 8192, 32064, 4096, false,
    { sliding_window = 2047 } },
  { "phi-3.5-mini-instruct", "microsoft/Phi-3.5-mini-instruct", "phi3", 32, 3072, 32, 32, 96, 8192, 32064, 131072, false },
  { "phi-4", "microsoft/phi-4", "phi3", 40, 5120, 40, 10, 128, 17920, 100352, 16384, false },
  { "phi-4-mini-instruct", "microsoft/Phi-4-mini-instruct", "phi3", 32, 3072, 24, 8, 128, 8192, 200064, 131072, true },
  { "qwen2-0.5b", "Qwen/Qwen2-0.5B", "qwen2", 24, 896, 14, 2, 64, 4864, 151936, 131072, true },
  { "qwen2-1.5b", "Qwen/Qwen2-1.5B", "qwen2", 28, 1536, 12, 2, 128, 8960, 151936, 131072, true },
  { "qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B", "qwen2", 28, 1536, 12, 2, 128, 8960, 151936, 131072, true },
  { "qwen2.5-3b-instruct", "Qwen/Qwen2.5-3B-Instruct", "qwen2", 36, 2048, 16, 2, 128, 11008, 151936, 32768, true },
  { "qwen2.5-7b-instruct", "Qwen/Qwen2.5-7B-Instruct", "qwen2", 28, 3584, 28, 4, 128, 18944, 152064, 32768, false },
  { "qwen3-0.6b", "Qwen/Qwen3-0.6B", "qwen3", 28, 1024, 16, 8, 128, 3072, 151936, 40960, true },
  { "qwen3-1.7b", "Qwen/Qwen3-1.7B", "qwen3", 28, 2048, 16, 8, 128, 6144, 151936, 40960, true },
  { "qwen3-14b", "Qwen/Qwen3-14B", "qwen3", 40, 5120, 40, 8, 128, 17408, 151936, 40960, false },
  { "qwen3-235b-a22b", "Qwen/Qwen3-235B-A22B", "qwen3_moe", 94, 4096, 64, 4, 128, 12288, 151936, 40960, false,
    { num_experts = 128, num_experts_per_tok = 8, moe_intermediate_size = 1536 } },
  { "qwen3-30b-a3b", "Qwen/Qwen3-30B-A3B", "qwen3_moe", 48, 2048, 32, 4, 128, 6144, 151936, 40960, false,
    { num_experts = 128, num_experts_per_tok = 8, moe_intermediate_size = 768 } },
  { "qwen3-32b", "Qwen/Qwen3-32B", "qwen3", 64, 5120, 64, 8, 128, 25600, 151936, 40960, false },
  { "qwen3-8b", "Qwen/Qwen3-8B", "qwen3", 36, 4096, 32, 8, 128, 12288, 151936, 40960, false },
  { "bloom-7b1", "bigscience/bloom-7b1", "bloom", 30, 4096, 32, 32, 128, 16384, 250880, 2048, true },
  { "deepseek-r1", "deepseek-ai/DeepSeek-R1", "deepseek_v3", 61, 7168, 128, 128, 192, 18432, 129280, 163840, false,
    deepseek() },
  { "deepseek-r1-distill-llama-70b", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "llama",
    80, 8192, 64, 8, 128, 28672, 128256, 131072, false },
  { "deepseek-r1-distill-llama-8b", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama",
    32, 4096, 32, 8, 128, 14336, 128256, 131072, false },
  { "deepseek-r1-distill-qwen-1.5b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "qwen2",
    28, 1536, 12, 2, 128, 8960, 151936, 131072, false },
  { "deepseek-r1-distill-qwen-7b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "qwen2",
    28, 3584, 28, 4, 128, 18944, 152064, 131072, false },
  { "deepseek-r1-distill-qwen-14b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "qwen2",
    48, 5120, 40, 8, 128, 13824, 152064, 131072, false },
  { "deepseek-r1-distill-qwen-32b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen2",
    64, 5120, 40, 8, 128, 27648, 152064, 131072, false },
  { "deepseek-v3.2", "deepseek-ai/DeepSeek-V3.2", "deepseek_v32", 61, 7168, 128, 128, 192, 18432, 129280, 163840, false,
    deepseek { index_head_dim = 128, index_n_heads = 64, index_topk = 2048 } },
  { "gemma-3n-e4b-it", "google/gemma-3n-E4B-it", "gemma3n_text", 35, 2048, 8, 2, 256, 16384, 262400, 32768, true,
    { sliding_window = 512, num_kv_shared_layers = 15, hidden_size_per_layer_input = 256, vocab_size_per_layer_input = 262144,
    laurel_rank = 64, altup_num_inputs = 4, vision_config = encoder "gemma3n_vision" } },
  { "gemma-4-26b-a4b-it", "google/gemma-4-26B-A4B-it", "gemma4_text", 30, 2816, 16, 8, 256, 2112, 262144, 262144, true,
    gemma4 { num_global_key_value_heads = 2, enable_moe_block = true, num_experts = 128, top_k_experts = 8,
    moe_intermediate_size = 704, vision_config = encoder "gemma4_vision" } },
  { "gemma-4-31b-it", "google/gemma-4-31B-it", "gemma4_text", 60, 5376, 32, 16, 256, 21504, 262144, 262144, true,
    gemma4 { num_global_key_value_heads = 4, vision_config = encoder "gemma4_vision" } },
  { "glm-4.5", "zai-org/GLM-4.5", "glm4_moe", 92, 5120, 96, 8, 128, 12288, 151552, 131072, false,
    { attention_bias = true, n_routed_experts = 160, num_experts_per_tok = 8, n_shared_experts = 1,
    moe_intermediate_size = 1536,
    first_k_dense_replace = 3 } },
  { "glm-4.5-air", "zai-org/GLM-4.5-Air", "glm4_moe", 46, 4096, 96, 8, 128, 10944, 151552, 131072, false,
    { attention_bias = true, n_routed_experts = 128, num_experts_per_tok = 8, n_shared_experts = 1,
    moe_intermediate_size = 1408,
    first_k_dense_replace = 1 } },
  { "glm-4.6", "zai-org/GLM-4.6", "glm4_moe", 92, 5120, 96, 8, 128, 12288, 151552, 202752, false,
    { attention_bias = true, n_routed_experts = 160, num_experts_per_tok = 8, n_shared_experts = 1,
    moe_intermediate_size = 1536,
    first_k_dense_replace = 3 } },
  { "granite-4.0-h-small", "ibm-granite/granite-4.0-h-small", "granitemoehybrid",
    40, 4096, 32, 8, 128, 768, 100352, 131072, true,
    { layer_types = every(10, 40, "mamba", 5), shared_intermediate_size = 1536, num_local_experts = 72,
    num_experts_per_tok = 10,
    mamba_n_heads = 128, mamba_d_head = 64, mamba_d_state = 128, mamba_n_groups = 1, mamba_d_conv = 4, mamba_expand = 2 } },
  { "kimi-k2-instruct", "moonshotai/Kimi-K2-Instruct", "kimi_k2", 61, 7168, 64, 64, 192, 18432, 163840, 131072, false,
    deepseek { n_routed_experts = 384, first_k_dense_replace = 1 } },
  { "llama-3.3-70b", "meta-llama/Llama-3.3-70B-Instruct", "llama", 80, 8192, 64, 8, 128, 28672, 128256, 131072, false },
  { "llama-4-maverick", "meta-llama/Llama-4-Maverick-17B-128E-Instruct", "llama4_text",
    48, 5120, 40, 8, 128, 8192, 202048, 1048576, false,
    { intermediate_size_mlp = 16384, num_local_experts = 128, num_experts_per_tok = 1, interleave_moe_layer_step = 2,
    attention_chunk_size = 8192, vision_config = encoder "llama4_vision_model" } },
  { "llama-4-scout", "meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama4_text",
    48, 5120, 40, 8, 128, 8192, 202048, 10485760, false,
    { intermediate_size_mlp = 16384, num_local_experts = 16, num_experts_per_tok = 1, interleave_moe_layer_step = 1,
    attention_chunk_size = 8192, vision_config = encoder "llama4_vision_model" } },
  { "minimax-m2", "MiniMaxAI/MiniMax-M2", "minimax_m2", 62, 3072, 48, 8, 128, 1536, 200064, 196608, false,
    { num_local_experts = 256, num_experts_per_tok = 8, quantization_config = FP8 } },
  { "mistral-large-2407", "mistralai/Mistral-Large-Instruct-2407", "mistral",
    88, 12288, 96, 8, 128, 28672, 32768, 131072, false },
  { "mistral-small-3.1-24b", "mistralai/Mistral-Small-3.1-24B-Instruct-2503", "mistral",
    40, 5120, 32, 8, 128, 32768, 131072, 131072, false, { vision_config = encoder "pixtral" } },
  { "nemotron-h-8b", "nvidia/Nemotron-H-8B-Base-8K", "nemotron_h", 52, 4096, 32, 8, 128, 21504, 131072, 8192, false,
    { hybrid_override_pattern = "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", mamba_num_heads = 128,
    mamba_head_dim = 64, ssm_state_size = 128, n_groups = 8, conv_kernel = 4 } },
  { "opt-6.7b", "facebook/opt-6.7b", "opt", 32, 4096, 32, 32, 128, 16384, 50272, 2048, true, { torch_dtype = "float16" } },
  { "opt-13b", "facebook/opt-13b", "opt", 40, 5120, 40, 40, 128, 20480, 50272, 2048, true, { torch_dtype = "float16" } },
  { "opt-66b", "facebook/opt-66b", "opt", 64, 9216, 72, 72, 128, 36864, 50272, 2048, true, { torch_dtype = "float16" } },
  { "qwen2.5-14b-instruct", "Qwen/Qwen2.5-14B-Instruct", "qwen2", 48, 5120, 40, 8, 128, 13824, 152064, 32768, false },
  { "qwen2.5-32b-instruct", "Qwen/Qwen2.5-32B-Instruct", "qwen2", 64, 5120, 40, 8, 128, 27648, 152064, 32768, false },
  { "qwen2.5-72b-instruct", "Qwen/Qwen2.5-72B-Instruct", "qwen2", 80, 8192, 64, 8, 128, 29568, 152064, 32768, false },
  { "qwen3-coder-30b-a3b", "Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3_moe",
    48, 2048, 32, 4, 128, 6144, 151936, 262144, false,
    { num_experts = 128, num_experts_per_tok = 8, moe_intermediate_size = 768 } },
  { "qwen3-coder-480b-a35b", "Qwen/Qwen3-Coder-480B-A35B-Instruct", "qwen3_moe",
    62, 6144, 96, 8, 128, 8192, 151936, 262144, false,
    { num_experts = 160, num_experts_per_tok = 8, moe_intermediate_size = 2560 } },
  { "qwen3-next-80b-a3b", "Qwen/Qwen3-Next-80B-A3B-Instruct", "qwen3_next", 48, 2048, 16, 2, 256, 5120, 151936, 262144, false,
    delta { linear_num_value_heads = 32, num_experts = 512, num_experts_per_tok = 10, moe_intermediate_size = 512,
    shared_expert_intermediate_size = 512 } },
  { "qwen3.5-27b", "Qwen/Qwen3.5-27B", "qwen3_5_text", 64, 5120, 24, 4, 256, 17408, 248320, 262144, false,
    delta { linear_num_value_heads = 48, mamba_ssm_dtype = "float32", vision_config = encoder "qwen3_5" } },
  { "qwen3.5-397b-a17b", "Qwen/Qwen3.5-397B-A17B", "qwen3_5_moe_text", 60, 4096, 32, 2, 256, 4096, 248320, 262144, false,
    delta { linear_num_value_heads = 64, num_experts = 512, num_experts_per_tok = 10, moe_intermediate_size = 1024,
    shared_expert_intermediate_size = 1024, mamba_ssm_dtype = "float32", vision_config = encoder "qwen3_5_moe" } },
  { "yi-34b", "01-ai/Yi-34B", "llama", 60, 7168, 56, 8, 128, 20480, 64000, 4096, false },
}

-- The model as the llm-scheduler-sim project described it: not the real one, kept so that its results can be reproduced.
local ORIGIN = { "qwen3-1.7b-origin", nil, "qwen3", 24, 2048, 16, 16, 128, 11008, 151936, 40960, true,
  { _weights_gib = 4000 / 1024 } } -- its 4.0 GB, of 1,000 MiB each
local ORIGIN_SOURCE = "Qwen3-1.7B as described by the llm-scheduler-sim project (2025); the real model is qwen3-1.7b"

-- What the rows were compared with, but those whose config.json is at hand.
local CHECKED = {
  ["as public copies of its config.json have it"] = {
    "bloom-7b1", "deepseek-v3.2", "gemma-3n-e4b-it", "gemma-4-26b-a4b-it", "gemma-4-31b-it", "glm-4.5", "glm-4.5-air",
    "granite-4.0-h-small", "kimi-k2-instruct", "llama-4-maverick", "llama-4-scout", "minimax-m2", "mistral-small-3.1-24b",
    "nemotron-h-8b", "opt-6.7b", "opt-13b", "opt-66b", "qwen2.5-14b-instruct", "qwen2.5-32b-instruct", "qwen2.5-72b-instruct",
    "qwen3-coder-480b-a35b", "qwen3-next-80b-a3b", "qwen3.5-27b", "qwen3.5-397b-a17b",
  },
  ["as the model that it was trained from"] = {
    "deepseek-r1", "deepseek-r1-distill-llama-8b", "deepseek-r1-distill-llama-70b", "deepseek-r1-distill-qwen-1.5b",
    "deepseek-r1-distill-qwen-7b", "deepseek-r1-distill-qwen-14b", "deepseek-r1-distill-qwen-32b", "glm-4.6", "llama-3.3-70b",
    "qwen3-coder-30b-a3b",
  },
  ["estimate: only the number of parameters was compared"] = { "mistral-large-2407" },
}
local CHECKED_OF = {}
for how, names in pairs(CHECKED) do
  for _, name in ipairs(names) do CHECKED_OF[name] = how end
end

local function encode(value)
  if type(value) ~= "table" then return type(value) == "string" and ("%q"):format(value) or tostring(value) end
  local parts = {}
  for _, item in ipairs(value) do parts[#parts + 1] = encode(item) end
  if #parts > 0 then return "[" .. table.concat(parts, ", ") .. "]" end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do parts[#parts + 1] = ("%q: %s"):format(key, encode(value[key])) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function write(row, source, checked)
  local lines, more = {}, row[13] or {}
  for i, column in ipairs(COLUMNS) do lines[i] = ("  %q: %s"):format(column, encode(row[i + 2])) end
  local keys = {}
  for key in pairs(more) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do lines[#lines + 1] = ("  %q: %s"):format(key, encode(more[key])) end
  if not more.torch_dtype then lines[#lines + 1] = '  "torch_dtype": "bfloat16"' end
  lines[#lines + 1] = ("  %q: %s"):format("_source", encode(source))
  lines[#lines + 1] = ("  %q: %s"):format("_checked", encode(checked or CHECKED_OF[row[1]] or "with its config.json"))
  local file = assert(io.open(folder .. "/" .. row[1] .. ".json", "w"))
  assert(file:write("{\n", table.concat(lines, ",\n"), "\n}\n"))
  assert(file:close())
end

for _, row in ipairs(MODELS) do write(row, "config.json of " .. row[2] .. " on Hugging Face") end
write(ORIGIN, ORIGIN_SOURCE, "as that project has it")
