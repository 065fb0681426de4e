// SPDX-License-Identifier: MIT
#include "plan/model_family.h"

#include "base/strbuf.h"

#include <stddef.h>
#include <string.h>

enum {
    PLAIN = 0,
    BIASED =
        MB_QKV_BIAS | MB_OUT_BIAS | MB_MLP_BIAS | MB_NORM_BIAS, // everything has biases (GPT-2 and its kin)
    OLD = BIASED | MB_UNGATED,
    QWEN2 = MB_QKV_BIAS | MB_WINDOW_ASKED,
    QWEN3 = MB_HEAD_NORMS | MB_WINDOW_ASKED,
    GEMMA3 = MB_TIED | MB_FOUR_NORMS | MB_HEAD_NORMS,
    DEEPSEEK = MB_EXPERTS | MB_LATENT,
    HYBRID_QWEN = MB_HEAD_NORMS | MB_OUTPUT_GATE | MB_WINDOW_ASKED,
    PER_LAYER = MB_WINDOWS | MB_KV_SHARED | MB_PER_LAYER,
};

// From the configuration classes and layers of transformers 5 and vLLM 0.2x. A type that is not here is
// refused: whoever adds one has read its layers.
static const mb_family FAMILIES[] = {
    {"", PLAIN, MB_EXPERTS | MB_LATENT | MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"apertus", MB_UNGATED | MB_HEAD_NORMS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"aquila", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"arcee", MB_UNGATED, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"baichuan", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"bailing_moe", PLAIN, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"bamba", PLAIN, MB_MAMBA2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"bloom", OLD | MB_TIED, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2048, 0},
    {"chatglm", MB_QKV_BIAS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"codegen", MB_UNGATED | MB_MLP_BIAS | MB_NORM_BIAS | MB_ONE_NORM | MB_HEAD_BIAS, 0, 0, 0, 0, 0, 0, 0, 0,
     0, 0, 0},
    {"cohere", MB_TIED | MB_ONE_NORM, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"cohere2", MB_TIED | MB_ONE_NORM, MB_WINDOWS, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"dbrx", PLAIN, MB_EXPERTS | MB_BLOCKS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"deepseek", PLAIN, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"deepseek_v2", PLAIN, DEEPSEEK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"deepseek_v3", MB_ROUTER_BIAS, DEEPSEEK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"deepseek_v32", MB_ROUTER_BIAS, DEEPSEEK | MB_INDEXER, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"dots1", MB_HEAD_NORMS | MB_ROUTER_BIAS, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"ernie4_5", MB_TIED, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"ernie4_5_moe", MB_TIED | MB_ROUTER_BIAS, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"exaone", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"exaone4", MB_HEAD_NORMS, MB_WINDOWS, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"falcon", MB_TIED | MB_UNGATED, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2048, 0},
    {"falcon_h1", PLAIN, MB_MAMBA2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"gemma", MB_TIED, 0, 0, 28, 3072, 16, 0, 256, 24576, 256000, 8192, 0},
    {"gemma2", MB_TIED | MB_FOUR_NORMS | MB_WINDOW_HALF, MB_WINDOWS, 0, 26, 2304, 8, 4, 256, 9216, 256000,
     8192, 4096},
    {"gemma3_text", GEMMA3, MB_WINDOWS, 6, 26, 2304, 8, 4, 256, 9216, 262208, 131072, 4096},
    {"gemma3n_text", GEMMA3, PER_LAYER | MB_ALTUP, 5, 35, 2048, 8, 2, 256, 16384, 262400, 32768, 512},
    {"gemma4_text", GEMMA3, PER_LAYER | MB_WIDE | MB_EXPERTS, 6, 30, 2304, 8, 4, 256, 9216, 262144, 131072,
     512},
    {"glm", MB_QKV_BIAS, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"glm4", MB_FOUR_NORMS, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"glm4_moe", MB_ROUTER_BIAS, MB_EXPERTS, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"glm4_moe_lite", MB_ROUTER_BIAS, DEEPSEEK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"glm_moe_dsa", MB_ROUTER_BIAS, DEEPSEEK | MB_INDEXER, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"gpt2", OLD | MB_TIED | MB_POSITIONS, 0, 0, 12, 768, 12, 0, 0, 0, 50257, 1024, 0},
    {"gpt_bigcode", OLD | MB_TIED | MB_POSITIONS | MB_ONE_KV_HEAD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1024, 0},
    {"gpt_neox", OLD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2048, 0},
    {"gpt_oss", MB_SINKS | MB_WINDOW_HALF, MB_EXPERTS | MB_WINDOWS, 0, 0, 0, 0, 8, 64, 0, 0, 131072, 0},
    {"gptj", MB_UNGATED | MB_MLP_BIAS | MB_NORM_BIAS | MB_ONE_NORM | MB_HEAD_BIAS, 0, 0, 0, 0, 0, 0, 0, 0, 0,
     0, 0},
    {"granite", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"granitemoe", PLAIN, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"granitemoehybrid", MB_SHARED_EXPERT, MB_EXPERTS | MB_MAMBA2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"granitemoeshared", MB_SHARED_EXPERT, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"helium", PLAIN, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"hunyuan_v1_dense", MB_HEAD_NORMS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"hunyuan_v1_moe", MB_HEAD_NORMS, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"internlm2", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"internlm3", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"jamba", PLAIN, MB_EXPERTS | MB_MAMBA1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"kimi_k2", MB_ROUTER_BIAS, DEEPSEEK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"kimi_k25", MB_ROUTER_BIAS, DEEPSEEK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"kimi_linear", MB_ROUTER_BIAS, DEEPSEEK | MB_KDA, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"lfm2", MB_TIED | MB_HEAD_NORMS, MB_CONVOLUTION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"lfm2_moe", MB_TIED | MB_HEAD_NORMS | MB_ROUTER_BIAS, MB_CONVOLUTION | MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0,
     0, 0, 0},
    {"llama", PLAIN, 0, 0, 32, 4096, 32, 0, 0, 11008, 32000, 2048, 0},
    {"llama4_text", PLAIN, MB_EXPERTS | MB_CHUNKS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"mimo", MB_QKV_BIAS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"minicpm", MB_TIED, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"minicpm3", MB_TIED | MB_EXPANDED, MB_LATENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"minimax", PLAIN, MB_EXPERTS | MB_LIGHTNING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"minimax_m1", PLAIN, MB_EXPERTS | MB_LIGHTNING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"minimax_m2", MB_HEAD_NORMS | MB_ROUTER_BIAS, MB_EXPERTS | MB_LIGHTNING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"minimax_text_01", PLAIN, MB_EXPERTS | MB_LIGHTNING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"ministral3", PLAIN, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0},
    {"mistral", MB_WINDOW_EVERY, MB_WINDOWS, 0, 32, 4096, 32, 8, 0, 14336, 32000, 131072, 0},
    {"mixtral", MB_WINDOW_EVERY, MB_EXPERTS | MB_WINDOWS, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0},
    {"mpt", MB_TIED | MB_UNGATED, MB_BLOCKS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"nemotron", MB_UNGATED | MB_NORM_BIAS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"nemotron_h", MB_UNGATED, MB_EXPERTS | MB_MAMBA2 | MB_PATTERN, 0, 0, 0, 0, 8, 128, 0, 0, 0, 0},
    {"olmo", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"olmo2", MB_HEAD_NORMS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"olmo3", MB_HEAD_NORMS, MB_WINDOWS, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"olmoe", MB_HEAD_NORMS, MB_EXPERTS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"opt", OLD | MB_TIED | MB_POSITIONS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2048, 0},
    {"orion", MB_NORM_BIAS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"persimmon", OLD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"phi", OLD | MB_ONE_NORM | MB_HEAD_BIAS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"phi3", MB_WINDOW_EVERY, MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"phimoe", MB_QKV_BIAS | MB_OUT_BIAS | MB_NORM_BIAS | MB_HEAD_BIAS | MB_WINDOW_EVERY,
     MB_EXPERTS | MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"qwen2", QWEN2, MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"qwen2_5_vl_text", QWEN2, MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"qwen2_moe", QWEN2 | MB_SHARED_EXPERT, MB_EXPERTS | MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"qwen2_vl_text", QWEN2, MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"qwen3", QWEN3, MB_WINDOWS, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"qwen3_5_moe_text", HYBRID_QWEN | MB_SHARED_EXPERT, MB_EXPERTS | MB_DELTA | MB_WINDOWS, 0, 0, 0, 0, 0,
     256, 0, 0, 0, 0},
    {"qwen3_5_text", HYBRID_QWEN, MB_DELTA | MB_WINDOWS, 0, 0, 0, 0, 0, 256, 0, 0, 0, 0},
    {"qwen3_moe", QWEN3, MB_EXPERTS | MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"qwen3_next", HYBRID_QWEN | MB_SHARED_EXPERT, MB_EXPERTS | MB_DELTA | MB_WINDOWS, 0, 0, 0, 0, 0, 256, 0,
     0, 0, 0},
    {"qwen3_vl_moe_text", QWEN3, MB_EXPERTS | MB_WINDOWS, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"qwen3_vl_text", QWEN3, MB_WINDOWS, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"seed_oss", MB_QKV_BIAS, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0},
    {"smollm3", MB_TIED | MB_WINDOW_ASKED, MB_WINDOWS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"solar", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"stablelm", MB_NORM_BIAS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"starcoder2", OLD | MB_TIED | MB_WINDOW_EVERY, MB_WINDOWS, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0},
    {"xverse", PLAIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
};
enum { COUNT = sizeof FAMILIES / sizeof *FAMILIES };

// A type by another name: a text model that is called like the whole around it, or one of the same layers.
static const char *const SAME[][2] = {
    {"gemma3", "gemma3_text"},
    {"gemma3n", "gemma3n_text"},
    {"gemma4", "gemma4_text"},
    {"gemma4_unified_text", "gemma4_text"},
    {"llama4", "llama4_text"},
    {"qwen2_vl", "qwen2_vl_text"},
    {"qwen2_5_vl", "qwen2_5_vl_text"},
    {"qwen3_vl", "qwen3_vl_text"},
    {"qwen3_vl_moe", "qwen3_vl_moe_text"},
    {"qwen3_5", "qwen3_5_text"},
    {"qwen3_5_moe", "qwen3_5_moe_text"},
    {"glm4v_text", "glm4"},
    {"glm4v_moe_text", "glm4_moe"},
    {"granite_moe_hybrid", "granitemoehybrid"},
    {"yi", "llama"},
    {"MiniMaxText01", "minimax_text_01"},
    {"RefinedWeb", "falcon"},
    {"RefinedWebModel", "falcon"},
    {"Yi", "llama"},
    {"bailing_moe_v2", "bailing_moe"},
};

// Models around a text model: images and sounds become tokens of it, and nothing else is kept.
static const char *const WRAPPERS[] = {
    "aya_vision",   "gemma3",   "gemma3n",    "gemma4",         "glm4v",   "glm4v_moe",      "idefics3",
    "internvl",     "kimi_k25", "kimi_vl",    "llama4",         "llava",   "llava_next",     "mistral3",
    "paligemma",    "pixtral",  "qwen2_5_vl", "qwen2_vl",       "qwen3_5", "qwen3_5_moe",    "qwen3_vl",
    "qwen3_vl_moe", "smolvlm",  "vipllava",   "gemma4_unified", "lfm2_vl", "cohere2_vision", "voxtral",
};

const mb_family *mb_family_find(const char *model_type) {
    for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++)
        if (strcmp(model_type, SAME[i][0]) == 0) model_type = SAME[i][1];
    for (int i = 0; i < COUNT; i++)
        if (strcmp(model_type, FAMILIES[i].type) == 0) return &FAMILIES[i];
    return NULL;
}

int mb_family_wraps(const char *model_type) {
    for (size_t i = 0; i < sizeof WRAPPERS / sizeof *WRAPPERS; i++)
        if (strcmp(model_type, WRAPPERS[i]) == 0) return 1;
    return 0;
}

const char *mb_family_nearest(const char *model_type) {
    const char *names[COUNT];
    for (int i = 1; i < COUNT; i++)
        names[i - 1] = FAMILIES[i].type;
    return mb_nearest_word(model_type, names, COUNT - 1);
}
