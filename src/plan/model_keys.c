// SPDX-License-Identifier: MIT
// Which keys of a config.json are understood. A key that is not, and whose name speaks of attention, experts,
// state or sizes, is refused: what it changes would be counted wrong in silence.
#include "plan/model_reader.h"

#include <ctype.h>
#include <string.h>

typedef struct key {
    const char *name;
    uint32_t features; // of the families that may have it; 0: all may
} key;

static const key KEYS[] = {
    // read
    {"num_hidden_layers", 0},
    {"n_layer", 0},
    {"n_layers", 0},
    {"num_layers", 0},
    {"hidden_size", 0},
    {"n_embd", 0},
    {"d_model", 0},
    {"num_attention_heads", 0},
    {"n_head", 0},
    {"n_heads", 0},
    {"num_heads", 0},
    {"num_key_value_heads", 0},
    {"num_kv_heads", 0},
    {"n_head_kv", 0},
    {"multi_query", 0},
    {"multi_query_attention", 0},
    {"multi_query_group_num", 0},
    {"add_qkv_bias", 0},
    {"apply_query_key_layer_scaling", 0},
    {"head_dim", 0},
    {"attention_head_dim", 0},
    {"kv_n_heads", MB_BLOCKS},
    {"intermediate_size", 0},
    {"ffn_hidden_size", 0},
    {"ffn_dim", 0},
    {"n_inner", 0},
    {"expansion_ratio", MB_BLOCKS},
    {"mlp_ratio", 0},
    {"vocab_size", 0},
    {"padded_vocab_size", 0},
    {"max_position_embeddings", 0},
    {"word_embed_proj_dim", 0},
    {"tie_word_embeddings", 0},
    {"tie_embedding", 0},
    {"attention_bias", 0},
    {"qkv_bias", 0},
    {"use_qkv_bias", 0},
    {"quantization_config", 0},
    {"layer_types", 0},
    {"kv_lora_rank", MB_LATENT},
    {"q_lora_rank", MB_LATENT},
    {"qk_rope_head_dim", MB_LATENT},
    {"qk_nope_head_dim", MB_LATENT},
    {"v_head_dim", MB_LATENT},
    {"qk_head_dim", MB_LATENT},
    {"mla_use_nope", MB_KDA},
    {"index_n_heads", MB_INDEXER},
    {"index_head_dim", MB_INDEXER},
    {"index_topk", MB_INDEXER},
    {"indexer_rope_interleave", MB_INDEXER},
    {"sliding_window", MB_WINDOWS | MB_CONVOLUTION},
    {"sliding_window_pattern", MB_WINDOWS},
    {"_sliding_window_pattern", MB_WINDOWS},
    {"use_sliding_window", MB_WINDOWS | MB_DELTA},
    {"max_window_layers", MB_WINDOWS},
    {"n_routed_experts", MB_EXPERTS},
    {"num_local_experts", MB_EXPERTS},
    {"num_experts", MB_EXPERTS},
    {"moe_num_experts", MB_EXPERTS},
    {"num_experts_per_tok", MB_EXPERTS},
    {"experts_per_token", MB_EXPERTS},
    {"num_experts_per_token", MB_EXPERTS},
    {"moe_top_k", MB_EXPERTS},
    {"moe_topk", MB_EXPERTS},
    {"use_mixed_mlp_moe", MB_EXPERTS}, // shared experts
    {"moe_layer_num_skipped", MB_EXPERTS},
    {"cla_share_factor", 0}, // says nothing without use_cla
    {"moe_k", MB_EXPERTS},
    {"top_k_experts", MB_EXPERTS},
    {"enable_moe_block", MB_WIDE},
    {"n_shared_experts", MB_EXPERTS},
    {"num_shared_experts", MB_EXPERTS},
    {"num_shared_expert", MB_EXPERTS},
    {"moe_num_shared_experts", MB_EXPERTS},
    {"moe_intermediate_size", MB_EXPERTS},
    {"moe_latent_size", MB_PATTERN},
    {"moe_shared_expert_intermediate_size", MB_EXPERTS},
    {"shared_expert_intermediate_size", MB_EXPERTS},
    {"shared_intermediate_size", MB_EXPERTS},
    {"intermediate_size_mlp", MB_CHUNKS},
    {"interleave_moe_layer_step", MB_CHUNKS},
    {"moe_layers", MB_CHUNKS},
    {"attention_chunk_size", MB_CHUNKS},
    {"first_k_dense_replace", MB_EXPERTS},
    {"num_dense_layers", MB_EXPERTS},
    {"moe_layer_freq", MB_EXPERTS},
    {"moe_layer_interval", MB_EXPERTS},
    {"moe_layer_start_index", MB_EXPERTS},
    {"moe_layer_end_index", MB_EXPERTS},
    {"decoder_sparse_step", MB_EXPERTS},
    {"mlp_only_layers", MB_EXPERTS},
    {"full_attention_interval", MB_DELTA},
    {"linear_num_key_heads", MB_DELTA},
    {"linear_num_value_heads", MB_DELTA},
    {"linear_key_head_dim", MB_DELTA},
    {"linear_value_head_dim", MB_DELTA},
    {"linear_conv_kernel_dim", MB_DELTA},
    {"attn_output_gate", MB_DELTA},
    {"linear_attn_config", MB_KDA},
    {"hybrid_override_pattern", MB_PATTERN},
    {"layers_block_type", MB_MAMBA2 | MB_MAMBA1},
    {"attn_layer_indices", MB_MAMBA2},
    {"attn_layer_period", MB_MAMBA1},
    {"attn_layer_offset", MB_MAMBA1},
    {"expert_layer_period", MB_MAMBA1},
    {"expert_layer_offset", MB_MAMBA1},
    {"mamba_d_state", MB_MAMBA2 | MB_MAMBA1},
    {"mamba_d_conv", MB_MAMBA2 | MB_MAMBA1},
    {"mamba_expand", MB_MAMBA2 | MB_MAMBA1},
    {"mamba_dt_rank", MB_MAMBA1},
    {"mamba_d_ssm", MB_MAMBA2},
    {"mamba_n_heads", MB_MAMBA2},
    {"mamba_d_head", MB_MAMBA2},
    {"mamba_n_groups", MB_MAMBA2},
    {"mamba_num_heads", MB_MAMBA2},
    {"mamba_head_dim", MB_MAMBA2},
    {"ssm_state_size", MB_MAMBA2},
    {"conv_kernel", MB_MAMBA2},
    {"n_groups", MB_MAMBA2},
    {"expand", MB_MAMBA2},
    {"attn_type_list", MB_LIGHTNING},
    {"conv_L_cache", MB_CONVOLUTION},
    {"full_attn_idxs", MB_CONVOLUTION},
    {"block_ff_dim", MB_CONVOLUTION},
    {"block_auto_adjust_ff_dim", MB_CONVOLUTION},
    {"block_ffn_dim_multiplier", MB_CONVOLUTION},
    {"block_multiple_of", MB_CONVOLUTION},
    {"num_kv_shared_layers", MB_KV_SHARED},
    {"altup_num_inputs", MB_ALTUP},
    {"laurel_rank", MB_ALTUP},
    {"vocab_size_per_layer_input", MB_PER_LAYER},
    {"hidden_size_per_layer_input", MB_PER_LAYER},
    {"global_head_dim", MB_WIDE},
    {"num_global_key_value_heads", MB_WIDE},
    {"attention_k_eq_v", MB_WIDE},
    {"use_double_wide_mlp", MB_WIDE},
    {"new_decoder_architecture", 0},
    {"attn_config", MB_BLOCKS},
    {"ffn_config", MB_BLOCKS},
    {"kv_channels", 0},
    // of no consequence for memory: how numbers are computed, which of them are chosen, how the model was
    // trained
    {"attention_multiplier", 0},
    {"attn_scale", 0},
    {"attn_temperature_tuning", 0},
    {"attn_impl", MB_BLOCKS},
    {"attn_type", MB_BLOCKS},
    {"attn_uses_sequence_id", MB_BLOCKS},
    {"qk_ln", MB_BLOCKS},
    {"ffn_type", MB_BLOCKS},
    {"moe_normalize_expert_weights", MB_BLOCKS},
    {"moe_jitter_eps", MB_EXPERTS},
    {"moe_loss_weight", MB_EXPERTS},
    {"uniform_expert_assignment", MB_BLOCKS},
    {"activation_sparsity_pattern", MB_ALTUP},
    {"altup_active_idx", MB_ALTUP},
    {"altup_correct_scale", MB_ALTUP},
    {"altup_coef_clip", MB_ALTUP},
    {"alibi", 0},
    {"alibi_bias_max", 0},
    {"apply_residual_connection_post_layernorm", 0},
    {"attention_softmax_in_fp32", 0},
    {"attn_implementation", 0},
    {"_attn_implementation", 0},
    {"_attn_implementation_autoset", 0},
    {"bias", 0},
    {"block_dim", MB_CONVOLUTION},
    {"block_mlp_init_scale", MB_CONVOLUTION},
    {"block_norm_eps", MB_CONVOLUTION},
    {"block_out_init_scale", MB_CONVOLUTION},
    {"block_use_swiglu", MB_CONVOLUTION},
    {"block_use_xavier_init", MB_CONVOLUTION},
    {"cache_implementation", 0},
    {"chunk_size_feed_forward", 0},
    {"conv_bias", MB_CONVOLUTION},
    {"conv_dim", MB_CONVOLUTION},
    {"conv_dim_out", MB_CONVOLUTION},
    {"conv_use_xavier_init", MB_CONVOLUTION},
    {"clip_qkv", 0},
    {"diversity_penalty", 0},
    {"do_layer_norm_before", 0},
    {"embd_layer_norm", 0},
    {"embedding_multiplier", 0},
    {"emb_pdrop", 0},
    {"encoder_no_repeat_ngram_size", 0},
    {"enable_bias", 0},
    {"ep_size", 0},
    {"expert_capacity", MB_EXPERTS},
    {"ffn_hidden_act", 0},
    {"final_logit_softcapping", 0},
    {"floor_scale", 0},
    {"fp32_residual_connection", 0},
    {"hidden_act", 0},
    {"hybrid_layer_pattern", MB_PATTERN},
    {"interleaved_sliding_window", 0},
    {"kv_cache_torch_dtype", 0},
    {"layer_norm_elementwise_affine", 0},
    {"layernorm_epsilon", 0},
    {"layernorm_compute_in_fp32", 0},
    {"layernorm_num_groups", 0},
    {"layernorm_full_attention_alpha", MB_LIGHTNING},
    {"layernorm_full_attention_beta", MB_LIGHTNING},
    {"layernorm_linear_attention_alpha", MB_LIGHTNING},
    {"layernorm_linear_attention_beta", MB_LIGHTNING},
    {"layernorm_mlp_alpha", MB_LIGHTNING},
    {"layernorm_mlp_beta", MB_LIGHTNING},
    {"full_attn_alpha_factor", MB_LIGHTNING},
    {"full_attn_beta_factor", MB_LIGHTNING},
    {"linear_attn_alpha_factor", MB_LIGHTNING},
    {"linear_attn_beta_factor", MB_LIGHTNING},
    {"mlp_alpha_factor", MB_LIGHTNING},
    {"mlp_beta_factor", MB_LIGHTNING},
    {"postnorm", MB_LIGHTNING},
    {"shared_moe_mode", MB_LIGHTNING},
    {"ffn_mup", 0},
    {"mamba_chunk_size", MB_MAMBA2},
    {"mamba_conv_bias", MB_MAMBA2 | MB_MAMBA1},
    {"mamba_proj_bias", MB_MAMBA2 | MB_MAMBA1},
    {"mamba_inner_layernorms", MB_MAMBA1},
    {"mamba_hidden_act", MB_MAMBA2 | MB_MAMBA1},
    {"mamba_norm_before_gate", MB_MAMBA2},
    {"mamba_rms_norm", MB_MAMBA2},
    {"mamba_use_mlp", MB_MAMBA2},
    {"mamba_ssm_dtype", MB_MAMBA2 | MB_DELTA},
    {"mamba_ssm_cache_dtype", MB_MAMBA2 | MB_DELTA},
    {"mlp_expansion_factor", MB_MAMBA2},
    {"mlp_bias", 0},
    {"mlp_hidden_act", 0},
    {"mlp_multipliers", MB_MAMBA2},
    {"ssm_in_multiplier", MB_MAMBA2},
    {"ssm_out_multiplier", MB_MAMBA2},
    {"ssm_multipliers", MB_MAMBA2},
    {"key_multiplier", MB_MAMBA2},
    {"lm_head_multiplier", MB_MAMBA2},
    {"attention_in_multiplier", MB_MAMBA2},
    {"attention_out_multiplier", MB_MAMBA2},
    {"chunk_size", MB_MAMBA2},
    {"residual_in_fp32", MB_MAMBA2},
    {"rescale_prenorm_residual", MB_MAMBA2},
    {"use_conv_bias", MB_MAMBA2},
    {"use_mamba_kernels", MB_MAMBA2 | MB_MAMBA1},
    {"num_logits_to_keep", MB_MAMBA2 | MB_MAMBA1},
    {"sliding_window_size", 0},
    {"max_sequence_length", 0},
    {"max_length", 0},
    {"moe_aux_loss_coeff", MB_EXPERTS},
    {"moe_router_dtype", MB_EXPERTS},
    {"moe_router_enable_expert_bias", MB_EXPERTS},
    {"moe_router_topk_scaling_factor", MB_EXPERTS},
    {"moe_router_score_function", MB_EXPERTS},
    {"moe_router_activation_func", MB_EXPERTS},
    {"moe_renormalize", MB_EXPERTS},
    {"moe_use_aux_free", MB_EXPERTS},
    {"moe_use_hash", MB_EXPERTS},
    {"moe_shared_expert_overlap", MB_EXPERTS},
    {"moe_gate", MB_EXPERTS},
    {"moe_capacity", MB_EXPERTS},
    {"use_grouped_topk", MB_EXPERTS},
    {"num_expert_group", MB_EXPERTS},
    {"n_group", MB_EXPERTS},
    {"topk_group", MB_EXPERTS},
    {"topk_method", MB_EXPERTS},
    {"norm_topk_prob", MB_EXPERTS},
    {"norm_expert_weight", MB_EXPERTS},
    {"normalize_expert_weights", MB_EXPERTS},
    {"use_expert_bias", MB_EXPERTS},
    {"use_routing_bias", MB_EXPERTS},
    {"route_norm", MB_EXPERTS},
    {"score_function", MB_EXPERTS},
    {"scoring_func", MB_EXPERTS},
    {"for_llm_compressor", 0},
    {"router_z_loss_coef", MB_EXPERTS},
    {"routed_scaling_factor", MB_EXPERTS},
    {"router_jitter_noise", MB_EXPERTS},
    {"input_jitter_noise", MB_EXPERTS},
    {"router_bias", MB_EXPERTS},
    {"lm_head_bias", 0},
    {"num_nextn_predict_layers", 0}, // layers that guess ahead are loaded for speculation alone
    {"num_mtp_modules", 0},
    {"mtp_transformer_layers", 0},
    {"mtp_num_hidden_layers", 0},
    {"mtp_use_dedicated_embeddings", 0},
    {"mtp_hybrid_override_pattern", MB_PATTERN},
    {"use_mtp", 0},
    {"no_bias", 0},
    {"no_rope_layers", 0},
    {"no_rope_layer_interval", 0},
    {"nope_layer_interval", 0},
    {"num_beam_groups", 0},
    {"num_beams", 0},
    {"num_labels", 0},
    {"num_return_sequences", 0},
    {"no_repeat_ngram_size", 0},
    {"output_attentions", 0},
    {"output_hidden_states", 0},
    {"output_router_logits", MB_EXPERTS},
    {"parallel_attn", 0},
    {"use_parallel_residual", 0},
    {"post_layer_norm", 0},
    {"pretraining_tp", 0},
    {"query_pre_attn_scalar", 0},
    {"qk_layernorm", 0},
    {"qk_norm", 0},
    {"qk_norm_type", 0},
    {"use_qk_norm", 0},
    {"reorder_and_qk_norm", 0},
    {"use_attn_sink", MB_WINDOWS},
    {"use_bidirectional_attention", 0},
    {"repetition_penalty", 0},
    {"residual_multiplier", 0},
    {"attn_rotary_emb", 0},
    {"order_of_interleaved_layers", MB_WINDOWS},
    {"use_embedding_sharing", 0},
    {"use_parallel_block", 0},
    {"use_parallel_embedding", 0},
    {"use_gated_activation", 0},
    {"rotary_dim", 0},
    {"rotary_emb_base", 0},
    {"rotary_pct", 0},
    {"partial_rotary_factor", 0},
    {"rope_interleave", 0},
    {"rope_layer_type", 0},
    {"scale_attention_softmax_in_fp32", 0},
    {"scale_attn_weights", 0},
    {"scale_attn_by_inverse_layer_idx", 0},
    {"scale_depth", 0},
    {"scale_emb", 0},
    {"dim_model_base", 0},
    {"mup_denominator", 0},
    {"reorder_and_upcast_attn", 0},
    {"seq_aux", 0},
    {"seq_length", 0},
    {"summary_activation", 0},
    {"summary_first_dropout", 0},
    {"summary_proj_to_labels", 0},
    {"summary_type", 0},
    {"summary_use_proj", 0},
    {"n_ctx", 0},
    {"n_positions", 0},
    {"top_k", 0},
    {"torchscript", 0},
    {"use_bias", 0},
    {"use_mlp_bias", 0},
    {"use_cache", 0},
    {"use_flash_attn", 0},
    {"flash_attn", 0},
    {"use_logn_attn", 0},
    {"verbose", 0},
    {"wpe_bias", 0},
    {"z_loss_weight", 0},
    {"z_loss_coefficient", 0},
    {"initial_context_length", 0},
    {"swiglu_limit", 0},
    {"attention_dropout", 0},
    {"mm_tokens_per_image", 0},
    {"boi_token_index", 0},
    {"text_config", 0},
    {"model_max_length", 0},
    {"model_type", 0},
    {"position_embedding_type", 0},
    {"rope_type", 0},
    {"hidden_activation", 0},
    {"layer_norm_type", 0},
    {"norm_type", 0},
    {"bos_token_id", 0},
    {"max_seq_len", 0},
    {"multimodal_projector_bias", 0},
    {"longrope_scaling_factor", 0},
    {"embedding_dropout", 0},
    {"initializer_factor", 0},
    {"is_decoder", 0},
    {"original_max_position_embeddings", 0},
    {"original_num_key_value_heads", 0},
    {"torch_dtype", 0},
    {"dtype", 0},
    {"tokenizer_class", 0},
    {"unsloth_fixed", 0},
    {"context_window_size", 0}, // of MLC's files
    {"prefill_chunk_size", 0},
    {"attention_sink_size", MB_WINDOWS},
    {"full_attn_mod", 0}, // Phi-4: 1, every layer
};

static const char *const HARMLESS_ENDS[] = {
    "token_id",        "token_ids", "token_index", "_token",   "dropout",      "_pdrop",
    "_coef",           "_coeff",    "_eps",        "epsilon",  "_act",         "activation",
    "_range",          "_std",      "_theta",      "_scaling", "_softcapping", "_softcap",
    "_multiplier",     "_alpha",    "_gamma",      "_init",    "_prob",        "_noise",
    "_implementation", "_version",  "_template",
};
static const char *const HARMLESS_STARTS[] = {"vision_", "image_",      "mm_",       "projector_",
                                              "audio_",  "video_",      "_name",     "transformers",
                                              "rope_",   "multimodal_", "tokenizer", "spatial_"};
// What a name speaks of that may cost memory.
static const char *const WEIGHTY[] = {
    "att",    "head",    "kv",     "expert",    "moe",      "mlp",    "ffn",     "ff_",      "ssm",
    "mamba",  "conv",    "state",  "window",    "swa",      "sparse", "index",   "compress", "lora",
    "latent", "linear",  "recur",  "rnn",       "layer",    "block",  "pattern", "hybrid",   "intermediate",
    "hidden", "chunk",   "memory", "cache",     "shared",   "share",  "group",   "rank",     "num_",
    "n_",     "mixer",   "delta",  "retention", "loop",     "mtp",    "ple",     "cross",    "coder",
    "dsa",    "nsa",     "mla",    "global",    "local",    "stride", "width",   "depth",    "embed",
    "lru",    "gate",    "router", "topk",      "kernel",   "_dim",   "_size",   "dim_",     "d_",
    "hash",   "gram",    "hc_",    "ratio",     "landmark", "mem_",   "skip",    "repeat",   "reuse",
    "tie",    "depends", "adapt",  "nope",      "bias",
};

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

// null, false, "" and empty lists and objects change nothing.
static bool is_off(const json_t *value) {
    return json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_string(value) && !*json_string_value(value));
}

static const key *find(const char *name) {
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (strcmp(name, KEYS[i].name) == 0) return &KEYS[i];
    return NULL;
}

static bool is_weighty(const char *name) {
    if (*name == '_' && strcmp(name, "_sliding_window_pattern") != 0) return false;
    for (size_t i = 0; i < sizeof HARMLESS_STARTS / sizeof *HARMLESS_STARTS; i++)
        if (starts_with(name, HARMLESS_STARTS[i])) return false;
    for (size_t i = 0; i < sizeof HARMLESS_ENDS / sizeof *HARMLESS_ENDS; i++)
        if (ends_with(name, HARMLESS_ENDS[i])) return false;
    char lower[128] = "";
    for (size_t i = 0; i + 1 < sizeof lower && name[i]; i++) {
        lower[i] = (char)tolower((unsigned char)name[i]);
        lower[i + 1] = '\0';
    }
    for (size_t i = 0; i < sizeof WEIGHTY / sizeof *WEIGHTY; i++)
        if (strstr(lower, WEIGHTY[i])) return true;
    return false;
}

static bool is_whole_number(const json_t *value, double most) {
    return json_is_number(value) && json_number_value(value) <= most;
}

static void check_key(mb_reader *r, const char *name, const json_t *value) {
    const key *k = find(name);
    if (is_off(value) || (!k && !is_weighty(name))) return;
    if (k && (k->features == 0 || (k->features & r->family->features))) return;
    // "0 experts", "one expert": a dense model says so.
    if (k && (k->features & MB_EXPERTS) && is_whole_number(value, 1)) return;
    if (k)
        mb_reader_fail(
            r,
            "%s is not understood for model_type \"%s\": it may change attention, experts or state, "
            "and counting on without it would be a guess",
            name, r->family->type);
    else
        mb_reader_fail(
            r,
            "the key %s is not understood: it may change attention, experts or state, and counting on "
            "without it would be a guess",
            name);
}

static void check_object(mb_reader *r, const json_t *object) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) check_key(r, name, value);
}

void mb_reader_check_keys(mb_reader *r) {
    check_object(r, r->inner);
    check_object(r, json_object_get(r->inner, "attn_config"));
    check_object(r, json_object_get(r->inner, "ffn_config"));
    if (r->outer != r->inner) check_object(r, r->outer);
}
