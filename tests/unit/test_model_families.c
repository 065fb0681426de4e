// SPDX-License-Identifier: MIT
// Every architecture is counted or refused: published parameter counts and bytes of KV memory per token of
// families that differ in kind, and the sentence for each key that is not understood.
#include "plan/model_config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int make_path(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/mbsand-families-%ld.json", (long)getpid());
    return 0;
}

static int remove_path(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

// Files are written with ' for ".
static mb_status read_quoted(const char *text, mb_model_config *model, mb_error *error) {
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *at = copy; (at = strchr(at, '\''));)
        *at = '"';
    write_file(copy);
    free(copy);
    return mb_model_config_read(path, model, error);
}

typedef struct expected {
    const char *text;
    double billions, active; // active 0: all
    double token_bytes;      // at two bytes a value
    double state_bytes;      // at two bytes a value, unless the file says otherwise
} expected;

static int check(const expected *e) {
    mb_model_config m;
    mb_error error;
    if (read_quoted(e->text, &m, &error)) {
        print_error("%s\n", error.message);
        return 1;
    }
    const mb_parameters p = mb_model_parameters(&m);
    const double bytes = mb_model_kv_bytes(&m, 2, 1, UINT64_MAX, 1),
                 active = e->active > 0 ? e->active : e->billions;
    const double state = mb_model_state_bytes(&m);
    const bool wrong = fabs(p.total / 1e9 / e->billions - 1) > 0.003 ||
                       fabs(p.active / 1e9 / active - 1) > 0.01 || bytes != e->token_bytes ||
                       state != e->state_bytes;
    if (wrong)
        print_error("%.60s: %.4g billion, %.4g active, %.0f bytes per token, %.0f of state; expected %.4g, "
                    "%.4g, %.0f, %.0f\n",
                    e->text, p.total / 1e9, p.active / 1e9, bytes, state, e->billions, active, e->token_bytes,
                    e->state_bytes);
    mb_model_config_deinit(&m);
    return wrong;
}

#define GEMMA3_4B                                                                                            \
    "'text_config': {'hidden_size': 2560, 'intermediate_size': 10240, 'model_type': 'gemma3_text', "         \
    "'num_hidden_layers': 34, 'rope_scaling': {'factor': 8.0, 'rope_type': 'linear'}, 'sliding_window': "    \
    "1024}"

static void counts(void **state) {
    (void)state;
    static const expected models[] = {
        // Qwen3-Next-80B-A3B: 12 of 48 layers attend, 2 KV heads of 256. State: (8,192 x 3 + 32 x 128 x 128)
        // x 2 bytes in 36.
        {"{'model_type': 'qwen3_next', 'decoder_sparse_step': 1, 'full_attention_interval': 4, 'head_dim': "
         "256, "
         "'hidden_size': 2048, 'intermediate_size': 5120, 'linear_conv_kernel_dim': 4, "
         "'linear_key_head_dim': 128, "
         "'linear_num_key_heads': 16, 'linear_num_value_heads': 32, 'linear_value_head_dim': 128, "
         "'mlp_only_layers': [], "
         "'moe_intermediate_size': 512, 'num_attention_heads': 16, 'num_experts': 512, "
         "'num_experts_per_tok': 10, "
         "'num_hidden_layers': 48, 'num_key_value_heads': 2, 'shared_expert_intermediate_size': 512, "
         "'use_sliding_window': false, 'vocab_size': 151936}",
         79.67, 3.87, 24576, 36 * 2 * (8192 * 3 + 32 * 128 * 128)},
        // Qwen3.5-397B-A17B, nested, with its layers listed by kind in the real file.
        {"{'model_type': 'qwen3_5_moe', 'text_config': {'model_type': 'qwen3_5_moe_text', "
         "'attn_output_gate': true, "
         "'full_attention_interval': 4, 'head_dim': 256, 'hidden_size': 4096, 'linear_conv_kernel_dim': 4, "
         "'linear_key_head_dim': 128, 'linear_num_key_heads': 16, 'linear_num_value_heads': 64, "
         "'linear_value_head_dim': 128, "
         "'mamba_ssm_dtype': 'float32', 'moe_intermediate_size': 1024, 'num_attention_heads': 32, "
         "'num_experts': 512, "
         "'num_experts_per_tok': 10, 'num_hidden_layers': 60, 'num_key_value_heads': 2, "
         "'shared_expert_intermediate_size': 1024, 'vocab_size': 248320}}",
         396.3, 17.35, 30720, 45 * (2 * 12288 * 3 + 4 * 64 * 128 * 128)},
        // MiniCPM3-4B: its attention is latent, and what vLLM keeps are the keys and values of all 40 heads.
        {"{'model_type': 'minicpm3', 'num_hidden_layers': 62, 'hidden_size': 2560, 'num_attention_heads': "
         "40, "
         "'num_key_value_heads': 40, 'intermediate_size': 6400, 'vocab_size': 73448, 'kv_lora_rank': 256, "
         "'q_lora_rank': 768, 'qk_rope_head_dim': 32, 'qk_nope_head_dim': 64, 'v_head_dim': 64}",
         4.074, 0, 62 * 2 * 40 * 96 * 2, 0},
        // Falcon-H1-1.5B: attention and Mamba in every layer; 48 heads of 64 with a state of 256.
        {"{'model_type': 'falcon_h1', 'hidden_size': 2048, 'intermediate_size': 4608, 'num_hidden_layers': "
         "24, "
         "'num_attention_heads': 8, 'num_key_value_heads': 2, 'head_dim': 128, 'vocab_size': 65537, "
         "'mamba_d_ssm': 3072, 'mamba_n_heads': 48, 'mamba_d_head': 64, 'mamba_d_state': 256, "
         "'mamba_n_groups': 1, 'mamba_d_conv': 4, 'tie_word_embeddings': false}",
         1.555, 0, 24576, 24 * 2 * ((3072 + 512) * 3 + 3072 * 256)},
        // Hunyuan-A13B: lists of the same number, one a layer; 13 billion are active.
        {"{'model_type': 'hunyuan_v1_moe', 'hidden_size': 4096, 'intermediate_size': 3072, "
         "'num_hidden_layers': 4, 'num_attention_heads': 32, 'num_key_value_heads': 8, 'attention_head_dim': "
         "128, 'moe_intermediate_size': [3072, 3072, 3072, 3072], 'moe_topk': [8, 8, 8, 8], "
         "'num_shared_expert': [1, 1, 1, 1], 'num_experts': 64, 'use_mixed_mlp_moe': true, 'use_qk_norm': "
         "true, 'use_cla': false, 'cla_share_factor': 2, 'vocab_size': 128167, 'tie_word_embeddings': true}",
         0.525 + 4 * 2.4968, 0.525 + 4 * 0.3822, 4 * 4096, 0}, // 80.4 and 12.8 with 32 layers
        // GLM-4-9B-chat as ChatGLM has it: two KV heads.
        {"{'model_type': 'chatglm', 'hidden_size': 4096, 'num_layers': 40, 'num_attention_heads': 32, "
         "'multi_query_attention': true, 'multi_query_group_num': 2, 'kv_channels': 128, 'ffn_hidden_size': "
         "13696, 'padded_vocab_size': 151552, 'vocab_size': 151552, 'seq_length': 131072, 'add_qkv_bias': "
         "true, 'add_bias_linear': false, 'rmsnorm': true, 'apply_query_key_layer_scaling': true, "
         "'original_rope': true, 'tie_word_embeddings': false}",
         9.4, 0, 40960, 0},
        // EXAONE-4.0-32B names its windows by letters.
        {"{'model_type': 'exaone4', 'hidden_size': 5120, 'intermediate_size': 27392, 'num_attention_heads': "
         "40, "
         "'num_hidden_layers': 64, 'num_key_value_heads': 8, 'head_dim': 128, 'sliding_window': 4096, "
         "'sliding_window_pattern': 'LLLG', 'vocab_size': 102400, 'tie_word_embeddings': false}",
         32.0, 0, 262144, 0},
        // Granite-4.0-H-small: 4 of 40 layers attend. 128 heads of 64 with a state of 128.
        {"{'model_type': 'granitemoehybrid', 'hidden_size': 4096, 'num_hidden_layers': 40, "
         "'num_attention_heads': 32, "
         "'num_key_value_heads': 8, 'intermediate_size': 768, 'shared_intermediate_size': 1536, "
         "'num_local_experts': 72, "
         "'num_experts_per_tok': 10, 'vocab_size': 100352, 'tie_word_embeddings': true, 'mamba_n_heads': "
         "128, "
         "'mamba_d_head': 64, 'mamba_d_state': 128, 'mamba_n_groups': 1, 'mamba_d_conv': 4, 'mamba_expand': "
         "2, "
         "'layer_types': "
         "['mamba','mamba','mamba','mamba','mamba','attention','mamba','mamba','mamba','mamba',"
         "'mamba','mamba','mamba','mamba','mamba','attention','mamba','mamba','mamba','mamba',"
         "'mamba','mamba','mamba','mamba','mamba','attention','mamba','mamba','mamba','mamba',"
         "'mamba','mamba','mamba','mamba','mamba','attention','mamba','mamba','mamba','mamba']}",
         32.2, 8.8, 16384, 36 * 2 * (8448 * 3 + 8192 * 128)},
        // Nemotron-H-8B: 24 Mamba layers, 24 MLPs without a gate, 4 of attention; what the file leaves out is
        // its class's.
        {"{'model_type': 'nemotron_h', 'hidden_size': 4096, 'num_hidden_layers': 52, "
         "'hybrid_override_pattern': "
         "'M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-', 'num_attention_heads': 32, "
         "'num_key_value_heads': 8, "
         "'attention_head_dim': 128, 'intermediate_size': 21504, 'vocab_size': 131072, "
         "'tie_word_embeddings': false}",
         8.10, 0, 16384, 24 * 2 * (10240 * 3 + 8192 * 128)},
        {"{'model_type': 'dbrx', 'd_model': 6144, 'n_heads': 48, 'n_layers': 40, 'max_seq_len': 32768, "
         "'vocab_size': 100352, "
         "'attn_config': {'clip_qkv': 8, 'kv_n_heads': 8, 'rope_theta': 500000}, 'ffn_config': "
         "{'ffn_hidden_size': 10752, "
         "'moe_jitter_eps': 0.01, 'moe_loss_weight': 0.05, 'moe_num_experts': 16, 'moe_top_k': 4}}",
         131.6, 36.5, 163840, 0},
        // Llama 4: one shared expert a layer of experts, which the file does not name.
        {"{'model_type': 'llama4', 'text_config': {'model_type': 'llama4_text', 'hidden_size': 5120, "
         "'num_hidden_layers': 48, "
         "'num_attention_heads': 40, 'num_key_value_heads': 8, 'head_dim': 128, 'intermediate_size': 8192, "
         "'intermediate_size_mlp': 16384, 'num_local_experts': 16, 'num_experts_per_tok': 1, "
         "'interleave_moe_layer_step': 1, "
         "'attention_chunk_size': 8192, 'vocab_size': 202048}, 'vision_config': {'hidden_size': 1408}}",
         107.77, 17.17, 196608, 0},
        {"{'model_type': 'llama4', 'text_config': {'model_type': 'llama4_text', 'hidden_size': 5120, "
         "'num_hidden_layers': 48, "
         "'num_attention_heads': 40, 'num_key_value_heads': 8, 'head_dim': 128, 'intermediate_size': 8192, "
         "'intermediate_size_mlp': 16384, 'num_local_experts': 128, 'num_experts_per_tok': 1, "
         "'interleave_moe_layer_step': 2, "
         "'vocab_size': 202048}}",
         400.7, 17.17, 196608, 0},
        // Qwen1.5-MoE-A2.7B: four shared experts as one of 5,632.
        {"{'model_type': 'qwen2_moe', 'hidden_size': 2048, 'num_hidden_layers': 24, 'num_attention_heads': "
         "16, "
         "'num_key_value_heads': 16, 'intermediate_size': 5632, 'moe_intermediate_size': 1408, "
         "'shared_expert_intermediate_size': 5632, 'num_experts': 60, 'num_experts_per_tok': 4, "
         "'max_window_layers': 21, "
         "'sliding_window': 32768, 'use_sliding_window': false, 'decoder_sparse_step': 1, 'vocab_size': "
         "151936}",
         14.3, 2.69, 196608, 0},
        {"{'model_type': 'starcoder2', 'hidden_size': 6144, 'num_hidden_layers': 40, 'num_attention_heads': "
         "48, "
         "'num_key_value_heads': 4, 'intermediate_size': 24576, 'vocab_size': 49152, 'sliding_window': 4096, "
         "'use_bias': true, 'tie_word_embeddings': false}",
         15.96, 0, 81920, 0},
        {"{'model_type': 'phi', 'hidden_size': 2560, 'num_hidden_layers': 32, 'num_attention_heads': 32, "
         "'num_key_value_heads': null, 'intermediate_size': 10240, 'vocab_size': 51200, "
         "'partial_rotary_factor': 0.4}",
         2.78, 0, 327680, 0},
        // Gemma 3: class defaults left out, and the image encoder with its 0.417 billion.
        {"{'model_type': 'gemma3', " GEMMA3_4B "}", 3.88, 0, 139264, 0},
        {"{'model_type': 'gemma3', " GEMMA3_4B ", 'vision_config': {'hidden_size': 1152, 'image_size': 896, "
         "'intermediate_size': 4304, 'model_type': 'siglip_vision_model', 'num_attention_heads': 16, "
         "'num_hidden_layers': 27, 'patch_size': 14, 'vision_use_head': false}}",
         4.30, 3.88, 139264, 0},
        // Gemma 3n E4B, text: 15 of 35 layers borrow keys and values.
        {"{'model_type': 'gemma3n', 'text_config': {'model_type': 'gemma3n_text', 'hidden_size': 2048}}",
         6.87, 0, 40960, 0},
        // DeepSeek-V3.2: 61 x (576 x 2 + 132 of the indexer).
        {"{'model_type': 'deepseek_v32', 'hidden_size': 7168, 'num_hidden_layers': 61, "
         "'num_attention_heads': 128, "
         "'num_key_value_heads': 128, 'intermediate_size': 18432, 'kv_lora_rank': 512, 'q_lora_rank': 1536, "
         "'qk_rope_head_dim': 64, 'qk_nope_head_dim': 128, 'v_head_dim': 128, 'n_routed_experts': 256, "
         "'num_experts_per_tok': 8, 'n_shared_experts': 1, 'moe_intermediate_size': 2048, "
         "'first_k_dense_replace': 3, "
         "'index_head_dim': 128, 'index_n_heads': 64, 'index_topk': 2048, 'vocab_size': 129280}",
         671.9, 38.4, 61 * (1152 + 132), 0},
        // Jamba 1.5 mini: 4 of 32 layers attend.
        {"{'model_type': 'jamba', 'hidden_size': 4096, 'num_hidden_layers': 32, 'num_attention_heads': 32, "
         "'num_key_value_heads': 8, 'intermediate_size': 14336, 'num_experts': 16, 'num_experts_per_tok': 2, "
         "'attn_layer_period': 8, 'attn_layer_offset': 4, 'expert_layer_period': 2, 'expert_layer_offset': "
         "1, "
         "'mamba_d_state': 16, 'mamba_d_conv': 4, 'mamba_expand': 2, 'mamba_dt_rank': 256, 'vocab_size': "
         "65536}",
         51.57, 12.1, 16384, 28 * 2 * 8192 * (3 + 16)},
        // LFM2-1.2B: 6 of 16 layers attend, the others are convolutions over 3 tokens.
        {"{'model_type': 'lfm2', 'hidden_size': 2048, 'num_hidden_layers': 16, 'num_attention_heads': 32, "
         "'num_key_value_heads': 8, 'block_ff_dim': 12288, 'block_auto_adjust_ff_dim': true, "
         "'block_multiple_of': 256, "
         "'block_ffn_dim_multiplier': 1.0, 'conv_L_cache': 3, 'full_attn_idxs': [2, 5, 8, 10, 12, 14], "
         "'vocab_size': 65536}",
         1.17, 0, 12288, 10 * 2 * 2 * 2048},
        // The same with the key of its class beside its own, which counts.
        {"{'model_type': 'lfm2', 'hidden_size': 2048, 'num_hidden_layers': 16, 'num_attention_heads': 32, "
         "'num_key_value_heads': 8, 'block_ff_dim': 12288, 'intermediate_size': 8192, "
         "'block_auto_adjust_ff_dim': true, 'block_multiple_of': 256, 'conv_L_cache': 3, "
         "'full_attn_idxs': [2, 5, 8, 10, 12, 14], 'vocab_size': 65536}",
         1.17, 0, 12288, 10 * 2 * 2 * 2048},
        // MPT-7B as it is, and were its keys and values of one head.
        {"{'model_type': 'mpt', 'd_model': 4096, 'n_layers': 32, 'n_heads': 32, 'vocab_size': 50432, "
         "'attn_config': {'attn_type': 'multihead_attention'}}",
         6.65, 0, 524288, 0},
        {"{'model_type': 'mpt', 'd_model': 4096, 'n_layers': 32, 'n_heads': 32, 'vocab_size': 50432, "
         "'attn_config': {'attn_type': 'multiquery_attention'}}",
         5.61, 0, 16384, 0},
        {"{'model_type': 'opt', 'hidden_size': 4096, 'num_hidden_layers': 32, 'num_attention_heads': 32, "
         "'ffn_dim': 16384, "
         "'word_embed_proj_dim': 4096, 'max_position_embeddings': 2048, 'vocab_size': 50272}",
         6.66, 0, 524288, 0},
        {"{'model_type': 'bloom', 'hidden_size': 4096, 'n_layer': 30, 'num_attention_heads': 32, "
         "'vocab_size': 250880}",
         7.07, 0, 491520, 0},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        wrong += check(&models[i]);
    assert_int_equal(wrong, 0);
}

static void assert_refused(const char *text, const char *part) {
    mb_model_config model;
    mb_error error;
    assert_int_equal(read_quoted(text, &model, &error), MB_BAD_INPUT);
    if (!strstr(error.message, part)) fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    mb_model_config_deinit(&model);
}

#define LLAMA                                                                                                \
    "'model_type': 'llama', 'num_hidden_layers': 2, 'hidden_size': 64, 'num_attention_heads': 4, "           \
    "'vocab_size': 100"

// A window that a file switches off is none, whatever the family does by itself; and where no model_type says
// which layers have it, all count whole.
static void windows_not_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned window_layers;
    } cases[] = {
        {"{'model_type': 'gemma2'}", 13},
        {"{'model_type': 'gemma2', 'sliding_window': null}", 0},
        {"{'model_type': 'mistral', 'sliding_window': 4096}", 32},
        {"{'model_type': 'mistral', 'sliding_window': 4096, 'use_sliding_window': false}", 0},
        {"{'num_hidden_layers': 2, 'hidden_size': 64, 'num_attention_heads': 4, 'vocab_size': 100, "
         "'sliding_window': 4096}",
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_model_config m;
        mb_error error;
        if (read_quoted(cases[i].text, &m, &error)) fail_msg("%s", error.message);
        assert_int_equal(m.window_layers, cases[i].window_layers);
        mb_model_config_deinit(&m);
    }
}

static void refusals(void **state) {
    (void)state;
    assert_refused("{'model_type': 'deepseek_v4', 'num_hidden_layers': 4}",
                   "model_type \"deepseek_v4\" is not known");
    assert_refused("{'model_type': 'mllama', 'text_config': {" LLAMA "}}",
                   "model_type \"mllama\" with a text_config");
    assert_refused("{" LLAMA ", 'compress_ratios': [0, 4]}", "the key compress_ratios is not understood");
    assert_refused("{" LLAMA ", 'q_lora_rank': 8}", "q_lora_rank is not understood for model_type \"llama\"");
    assert_refused("{'num_hidden_layers': 2, 'hidden_size': 64, 'num_attention_heads': 4, 'vocab_size': 100, "
                   "'qk_rope_head_dim': 8}",
                   "qk_rope_head_dim belongs to latent attention, but there is no kv_lora_rank");
    assert_refused("{" LLAMA ", 'num_experts': 8}", "num_experts is not understood for model_type \"llama\"");
    assert_refused("{" LLAMA ", 'index_topk': 2048}", "index_topk is not understood");
    assert_refused("{" LLAMA ", 'layer_types': ['full_attention', 'linear_attention']}",
                   "layer_types has layers of the kind \"linear_attention\"");
    assert_refused("{" LLAMA ", 'layer_types': ['full_attention']}",
                   "layer_types has 1 entries, num_hidden_layers is 2");
    assert_refused("{'model_type': 'mpt', 'd_model': 64, 'n_layers': 2, 'n_heads': 4, 'vocab_size': 9, "
                   "'attn_config': {'attn_type': 'grouped_query_attention'}}",
                   "attn_type \"grouped_query_attention\" without kv_n_heads");
    assert_refused("{" LLAMA ", 'conv_kernel': 4}", "conv_kernel is not understood");
    assert_refused("{" LLAMA ", 'use_cla': true, 'cla_share_factor': 2}", "use_cla, layers that share keys");
    assert_refused("{'model_type': 'hunyuan_v1_moe', 'num_hidden_layers': 2, 'hidden_size': 64, "
                   "'num_attention_heads': 4, 'vocab_size': 9, 'num_experts': 8, 'moe_topk': [2, 4]}",
                   "moe_topk is [2,4]; expected the same whole number in every layer");
    assert_refused("{'model_type': 'cohere2', 'num_hidden_layers': 2, 'hidden_size': 64, "
                   "'num_attention_heads': 4, 'vocab_size': 9, 'sliding_window': 8, "
                   "'order_of_interleaved_layers': 'global_attn_first'}",
                   "order_of_interleaved_layers is \"global_attn_first\"");
    assert_refused("{" LLAMA ", 'engram_layers': 4}", "the key engram_layers is not understood");
    assert_refused(
        "{'model_type': 'nemotron_h', 'num_hidden_layers': 2, 'hidden_size': 64, 'num_attention_heads': 4, "
        "'num_key_value_heads': 4, 'vocab_size': 9, 'hybrid_override_pattern': 'M?'}",
        "hybrid_override_pattern has layers of the kind \"?\"");
    assert_refused("{'model_type': 'granitemoehybrid', 'num_hidden_layers': 2, 'hidden_size': 64, "
                   "'num_attention_heads': 4, "
                   "'vocab_size': 9, 'shared_intermediate_size': 9}",
                   "no layer_types");
    assert_refused(
        "{'model_type': 'cohere2', 'num_hidden_layers': 2, 'hidden_size': 64, 'num_attention_heads': 4, "
        "'vocab_size': 9, 'layer_types': ['sliding_attention', 'full_attention']}",
        "there is no sliding_window");
    // What is off changes nothing, and what only says how numbers are computed is fine.
    mb_model_config m;
    mb_error error;
    if (read_quoted("{" LLAMA
                    ", 'num_experts': 0, 'sliding_window': null, 'use_mla': false, 'attention_dropout': 0.0, "
                    "'rope_theta': 1e4, 'bos_token_id': 1, 'hidden_act': 'silu', 'mlp_only_layers': []}",
                    &m, &error))
        fail_msg("%s", error.message);
    mb_model_config_deinit(&m);
}

// Bits per weight by their config; the share of layers that a list leaves wide.
static void quantised(void **state) {
    (void)state;
    static const struct {
        const char *config;
        double bits, wide_attention;
    } forms[] = {
        {"'quant_method': 'compressed-tensors', 'format': 'pack-quantized', 'ignore': ['lm_head'], "
         "'config_groups': "
         "{'group_0': {'targets': ['Linear'], 'weights': {'num_bits': 4, 'type': 'int', 'strategy': 'group', "
         "'group_size': 128}}}",
         4.125, 0},
        {"'quant_method': 'compressed-tensors', 'format': 'nvfp4-pack-quantized', 'ignore': ['lm_head', "
         "'re:.*self_attn.*'], 'config_groups': {'group_0': {'weights': {'num_bits': 4, 'type': 'float', "
         "'group_size': 16}}}",
         4.5, 1},
        {"'quant_method': 'compressed-tensors', 'format': 'float-quantized', 'ignore': "
         "['model.layers.1.self_attn.q_proj', "
         "'model.layers.1.mlp.gate'], 'config_groups': {'a': {'weights': {'num_bits': 8, 'type': 'float', "
         "'strategy': 'channel'}}}",
         8, 0.5},
        {"'quant_method': 'modelopt', 'quant_algo': 'NVFP4'", 4.5, 0},
        {"'quant_method': 'modelopt', 'quant_algo': 'FP8'", 8, 0},
        {"'quant_method': 'gptq', 'bits': 4, 'group_size': 128", 4 + 20.0 / 128, 0},
        {"'quant_method': 'fp8', 'weight_block_size': [128, 128]", 8 + 32.0 / 16384, 0},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char text[1024];
        mb_model_config m;
        mb_error error;
        snprintf(text, sizeof text, "{" LLAMA ", 'quantization_config': {%s}}", forms[i].config);
        if (read_quoted(text, &m, &error)) fail_msg("%s", error.message);
        if (fabs(m.quant_bits - forms[i].bits) > 1e-9 || m.wide_attention != forms[i].wide_attention ||
            m.quant_unknown)
            fail_msg("%s: %g bits, %g of attention wide", forms[i].config, m.quant_bits, m.wide_attention);
        mb_model_config_deinit(&m);
    }
    // A layer with a dense MLP of 100, three of experts with a shared one of 50; what lists leave at 16 bits.
    static const struct {
        const char *config;
        double attention, dense, experts;
    } left[] = {
        {"'quant_method': 'fp8', 'modules_to_not_convert': ['model.layers.0.', 'model.layers.1.mlp.gate', "
         "'lm_head', "
         "'model.layers.2.input_layernorm', 'model.layers.2.post_attention_layernorm']",
         0.25, 100 / 250.0, 0},
        {"'quant_method': 'awq', 'bits': 4, 'modules_to_not_convert': "
         "['model.layers.1.mlp.shared_experts.up_proj', "
         "'model.layers.3.mlp.experts.0.down_proj']",
         0, 50 / 250.0, 1 / 3.0},
        {"'quant_method': 'awq', 'bits': 4, 'modules_to_not_convert': ['model.layers.0.mlp.up_proj', "
         "'model.layers.3.mlp']",
         0, 150 / 250.0, 1 / 3.0},
        {"'quant_method': 'compressed-tensors', 'ignore': ['re:.*down_proj'], 'config_groups': {'a': "
         "{'targets': "
         "['Linear'], 'weights': {'num_bits': 4}}}",
         0, 1, 1},
        {"'quant_method': 'gptq', 'bits': 4, 'dynamic': {'-:.*self_attn.*': {}, '-:.*mlp.gate$': {}}", 1, 0,
         0},
        {"'quant_method': 'auto-round', 'bits': 4, 'extra_config': {'model.layers.0.mlp.up_proj': {'bits': "
         "8}, "
         "'model.layers.1.self_attn.q_proj': {'bits': 4}}",
         0, 100 / 250.0, 0},
        {"'quant_method': 'bitsandbytes', 'load_in_4bit': true, 'llm_int8_skip_modules': ['q_proj', "
         "'lm_head']",
         1, 0, 0},
        {"'quant_method': 'modelopt', 'quant_algo': 'FP8', 'exclude_modules': "
         "['backbone.layers.2.mixer.in_proj', "
         "'backbone.layers.2.mixer.conv1d', 'backbone.layers.3.mixer*']",
         0.5, 50 / 250.0, 1 / 3.0},
    };
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        char text[1024];
        mb_model_config m;
        mb_error error;
        snprintf(
            text, sizeof text,
            "{'model_type': 'deepseek', 'num_hidden_layers': 4, 'hidden_size': 64, 'num_attention_heads': 4, "
            "'vocab_size': 100, 'intermediate_size': 100, 'n_routed_experts': 8, 'num_experts_per_tok': 2, "
            "'moe_intermediate_size': 50, 'n_shared_experts': 1, 'first_k_dense_replace': 1, "
            "'quantization_config': {%s}}",
            left[i].config);
        if (read_quoted(text, &m, &error)) fail_msg("%s", error.message);
        if (m.quant_unknown || m.wide_attention != left[i].attention || m.wide_dense != left[i].dense ||
            m.wide_experts != left[i].experts)
            fail_msg("%s: wide are %g of attention, %g of dense, %g of experts", left[i].config,
                     m.wide_attention, m.wide_dense, m.wide_experts);
        mb_model_config_deinit(&m);
    }
    static const char *const unknown[] = {"'quant_method': 'aqlm'",
                                          "'quant_method': 'modelopt', 'quant_algo': 'MIXED_PRECISION'",
                                          "'quant_method': 'compressed-tensors', 'format': 'marlin-24'",
                                          "'quant_method': 'compressed-tensors', 'config_groups': {'a': "
                                          "{'targets': ['re:.*down_proj'], 'weights': {'num_bits': 4}}}"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char text[512];
        mb_model_config m;
        mb_error error;
        snprintf(text, sizeof text, "{" LLAMA ", 'quantization_config': {%s}}", unknown[i]);
        if (read_quoted(text, &m, &error)) fail_msg("%s", error.message);
        assert_true(m.quant_unknown);
        mb_model_config_deinit(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(windows_not_asked_for),
        cmocka_unit_test(refusals),
        cmocka_unit_test(quantised),
    };
    return cmocka_run_group_tests_name("model_families", tests, make_path, remove_path);
}
