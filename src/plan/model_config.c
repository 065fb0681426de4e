// SPDX-License-Identifier: MIT
#include "plan/model_config.h"

#include "base/strbuf.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 30 }; // of any dimension: products of four stay exact enough, and a slip is caught

typedef struct reader {
    const char *path;
    const json_t *outer, *inner; // inner: text_config, or the same as outer
    mb_error *error;
    mb_status status; // the first error; nothing is done after it
} reader;

// --- values by name
// --------------------------------------------------------------------------------------------

static const json_t *get(const reader *r, const char *key) {
    const json_t *value = json_object_get(r->inner, key);
    if (!value || json_is_null(value)) value = json_object_get(r->outer, key);
    return value && !json_is_null(value) ? value : NULL;
}

static void complain(reader *r, const char *key, const json_t *value, const char *expected) {
    if (r->status) return;
    char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: %s is %.60s; expected %s", r->path, key,
                        shown ? shown : "?", expected);
    free(shown);
}

// The first of `keys` (ends with NULL) that the file has; 0 where it has none.
static uint32_t whole(reader *r, const char *const *keys, uint32_t least) {
    for (; *keys; keys++) {
        const json_t *value = get(r, *keys);
        if (!value) continue;
        const double number = json_number_value(value);
        if (json_is_number(value) && number == floor(number) && number >= least && number <= MOST)
            return (uint32_t)number;
        complain(r, *keys, value, least ? "a whole number from 1 on" : "a whole number from 0 on");
        return 0;
    }
    return 0;
}
#define WHOLE(reader, least, ...) whole(reader, (const char *const[]){__VA_ARGS__, NULL}, least)

// As whole, but it must be there.
static uint32_t needed(reader *r, const char *const *keys) {
    const uint32_t value = whole(r, keys, 1);
    if (value || r->status) return value;
    r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: no %s; expected the keys of a Hugging Face config.json",
                        r->path, keys[0]);
    return 0;
}
#define NEEDED(reader, ...) needed(reader, (const char *const[]){__VA_ARGS__, NULL})

static bool flag(reader *r, const char *key, bool otherwise) {
    const json_t *value = get(r, key);
    if (!value) return otherwise;
    if (!json_is_boolean(value)) complain(r, key, value, "true or false");
    return json_is_true(value);
}

static const char *text(reader *r, const char *key) {
    const json_t *value = get(r, key);
    if (value && !json_is_string(value)) complain(r, key, value, "a text");
    return json_string_value(value);
}

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

// --- parts of a description
// ------------------------------------------------------------------------------------

static void read_heads(reader *r, mb_model_config *m) {
    m->heads = NEEDED(r, "num_attention_heads", "n_head", "n_heads", "num_heads");
    m->new_falcon = flag(r, "new_decoder_architecture", false);
    m->kv_heads = WHOLE(r, 1, "num_key_value_heads");
    // Falcon's files name num_kv_heads even where multi_query makes it 1.
    if (!m->kv_heads && flag(r, "multi_query", false) && !m->new_falcon) m->kv_heads = 1;
    if (!m->kv_heads) m->kv_heads = WHOLE(r, 1, "num_kv_heads", "n_head_kv", "multi_query_group_num");
    if (!m->kv_heads) m->kv_heads = m->heads;
    m->head_dim = WHOLE(r, 1, "head_dim");
    if (r->status) return;
    if (m->heads % m->kv_heads)
        r->status = mb_fail(r->error, MB_BAD_INPUT,
                            "%s: %u attention heads cannot share %u key-value heads; expected a divisor",
                            r->path, m->heads, m->kv_heads);
    else if (!m->head_dim && m->hidden % m->heads)
        r->status = mb_fail(r->error, MB_BAD_INPUT,
                            "%s: hidden_size %u is no multiple of %u attention heads; expected head_dim",
                            r->path, m->hidden, m->heads);
    else if (!m->head_dim)
        m->head_dim = m->hidden / m->heads;
}

static void read_latent_attention(reader *r, mb_model_config *m) {
    m->kv_lora_rank = WHOLE(r, 0, "kv_lora_rank");
    m->q_lora_rank = WHOLE(r, 0, "q_lora_rank");
    m->value_dim = m->head_dim;
    if (!m->kv_lora_rank || r->status) return;
    m->rope_dim = NEEDED(r, "qk_rope_head_dim");
    m->nope_dim = NEEDED(r, "qk_nope_head_dim");
    m->value_dim = NEEDED(r, "v_head_dim");
    m->head_dim = m->rope_dim + m->nope_dim;
}

static void read_experts(reader *r, mb_model_config *m) {
    m->experts = WHOLE(r, 0, "n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts");
    if (m->experts < 2) {
        m->experts = 0;
        return;
    }
    m->experts_per_token =
        NEEDED(r, "num_experts_per_tok", "experts_per_token", "moe_top_k", "num_experts_per_token");
    if (!r->status && m->experts_per_token > m->experts)
        r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: a token cannot choose %u of %u experts", r->path,
                            m->experts_per_token, m->experts);
    m->shared_experts = WHOLE(r, 0, "n_shared_experts");
    m->expert_intermediate = WHOLE(r, 1, "moe_intermediate_size");
    if (!m->expert_intermediate) m->expert_intermediate = m->intermediate;
    const uint32_t dense = WHOLE(r, 0, "first_k_dense_replace");
    uint32_t every = WHOLE(r, 1, "moe_layer_freq", "decoder_sparse_step");
    if (!every) every = 1;
    m->expert_layers = dense < m->layers ? (m->layers - dense) / every : 0;
    const json_t *plain = get(r, "mlp_only_layers");
    if (plain && json_is_array(plain) && json_array_size(plain) <= m->expert_layers)
        m->expert_layers -= (uint32_t)json_array_size(plain);
}

static void read_windows(reader *r, mb_model_config *m) {
    m->window = WHOLE(r, 0, "sliding_window");
    if (!m->window || r->status || !flag(r, "use_sliding_window", true)) {
        m->window = 0;
        return;
    }
    const json_t *types = get(r, "layer_types");
    const uint32_t pattern = WHOLE(r, 0, "sliding_window_pattern");
    if (types && json_is_array(types)) {
        for (size_t i = 0; i < json_array_size(types); i++) {
            const char *type = json_string_value(json_array_get(types, i));
            m->window_layers += type && strcmp(type, "sliding_attention") == 0;
        }
        if (m->window_layers > m->layers) m->window_layers = m->layers;
    } else if (pattern > 1) { // the last of every `pattern` layers sees everything
        m->window_layers = m->layers - m->layers / pattern;
    } else if (strcmp(m->model_type, "gemma2") == 0 || strcmp(m->model_type, "gpt_oss") == 0) {
        m->window_layers = (m->layers + 1) / 2;
    } else if (starts_with(m->model_type, "gemma3")) {
        m->window_layers = m->layers - m->layers / 6;
    } else {
        m->window_layers = m->layers;
    }
}

static void read_quantisation(reader *r, mb_model_config *m) {
    const json_t *config = get(r, "quantization_config");
    if (!config) return;
    const char *method = json_string_value(json_object_get(config, "quant_method"));
    if (!method) {
        complain(r, "quantization_config", config, "an object with a quant_method");
        return;
    }
    snprintf(m->quant_name, sizeof m->quant_name, "%s", method);
    const json_t *bits = json_object_get(config, "bits"), *group = json_object_get(config, "group_size");
    m->quantisation = MB_QUANT_LINEAR;
    if (strcmp(method, "fp8") == 0 || strcmp(method, "fbgemm_fp8") == 0) {
        m->quant_bits = 8;
        const json_t *block = json_object_get(config, "weight_block_size");
        const double cells =
            json_number_value(json_array_get(block, 0)) * json_number_value(json_array_get(block, 1));
        if (cells >= 1) m->quant_bits += 32 / cells; // a 32-bit scale per block
    } else if (strcmp(method, "mxfp4") == 0) {
        m->quantisation = MB_QUANT_EXPERTS;
        m->quant_bits = 4.25; // 32 values of 4 bit share a scale of 8
    } else if (strcmp(method, "awq") == 0 || strcmp(method, "gptq") == 0) {
        const double width = bits ? json_number_value(bits) : 4,
                     size = group ? json_number_value(group) : 128;
        if (!(width >= 1 && width <= 16)) complain(r, "quantization_config.bits", bits, "1 to 16");
        m->quant_bits =
            width + (size > 0 ? (16 + width) / size : 0); // a 16-bit scale and a zero point per group
    } else if (strcmp(method, "bitsandbytes") == 0) {
        const bool four = json_is_true(json_object_get(config, "load_in_4bit"));
        m->quant_bits = four ? 4.5 : 8; // 64 values of 4 bit share a 32-bit scale
    } else {
        m->quantisation = MB_QUANT_NONE;
        m->quant_unknown = true;
    }
}

static void read_dtype(reader *r, mb_model_config *m) {
    static const struct {
        const char *name;
        double bytes;
    } types[] = {{"bfloat16", 2}, {"float16", 2}, {"float32", 4}, {"float64", 8}, {"float8_e4m3fn", 1}};
    m->dtype_bytes = 2;
    const char *key = get(r, "torch_dtype") ? "torch_dtype" : "dtype";
    const char *name = text(r, key);
    if (!name) return;
    if (starts_with(name, "torch.")) name += strlen("torch.");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) {
            m->dtype_bytes = types[i].bytes;
            return;
        }
    complain(r, key, get(r, key), "bfloat16, float16, float32 or float64");
}

// Files that leave tie_word_embeddings out mean their family's default.
static bool usually_tied(const char *type) {
    static const char *const families[] = {"gemma", "falcon", "gpt2", "opt", "bloom", "mpt", "cohere"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (starts_with(type, families[i])) return true;
    return false;
}

static void read_model(reader *r, mb_model_config *m) {
    const char *type = text(r, "model_type");
    snprintf(m->model_type, sizeof m->model_type, "%s", type ? type : "");
    m->layers = NEEDED(r, "num_hidden_layers", "n_layer", "n_layers", "num_layers");
    m->hidden = NEEDED(r, "hidden_size", "n_embd", "d_model");
    read_heads(r, m);
    m->intermediate = WHOLE(r, 1, "intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner");
    if (!m->intermediate) m->intermediate = 4 * m->hidden;
    m->vocabulary = NEEDED(r, "vocab_size", "padded_vocab_size");
    m->max_positions = WHOLE(r, 1, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length",
                             "max_sequence_length");
    m->tied = flag(r, "tie_word_embeddings", usually_tied(m->model_type));
    const bool biased = flag(r, "attention_bias", false) || flag(r, "qkv_bias", false);
    m->attention_bias = biased || starts_with(m->model_type, "qwen2");
    m->output_bias = flag(r, "attention_bias", false);
    read_dtype(r, m);
    read_latent_attention(r, m);
    read_experts(r, m);
    read_windows(r, m);
    read_quantisation(r, m);
    const json_t *source = json_object_get(r->outer, "_source");
    if (json_is_string(source)) m->source = mb_strdup(json_string_value(source));
}

// --- the file
// --------------------------------------------------------------------------------------------------

// "a/llama-3-8b.json" -> "llama-3-8b"; "a/Llama-3-8B/config.json" -> "Llama-3-8B"
static char *name_of(const char *path) {
    const char *end = path + strlen(path), *start = end;
    while (start > path && start[-1] != '/')
        start--;
    if (strcmp(start, "config.json") == 0 && start > path + 1) {
        end = start - 1;
        for (start = end; start > path && start[-1] != '/';)
            start--;
    } else if (end - start > 5 && strcmp(end - 5, ".json") == 0) {
        end -= 5;
    }
    mb_strbuf name = {0};
    mb_strbuf_add_bytes(&name, start, (size_t)(end - start));
    return name.text;
}

mb_status mb_model_config_read(const char *path, mb_model_config *model, mb_error *error) {
    *model = (mb_model_config){0};
    json_error_t problem;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    if (!root) {
        if (problem.line > 0)
            return mb_fail_at(error, MB_BAD_INPUT, path, (unsigned long)problem.line,
                              "bad JSON at column %d: %s; expected a Hugging Face config.json",
                              problem.column, problem.text);
        return mb_fail(error, MB_BAD_INPUT, "%s: %s", path, problem.text);
    }
    const json_t *inner = json_object_get(root, "text_config");
    reader r = {.path = path, .outer = root, .inner = json_is_object(inner) ? inner : root, .error = error};
    if (json_is_object(root))
        read_model(&r, model);
    else
        r.status =
            mb_fail(error, MB_BAD_INPUT, "%s: expected one JSON object { ... }, as in a config.json", path);
    json_decref(root);
    model->name = name_of(path);
    if (!r.status && !model->name) r.status = mb_fail_memory(error);
    return r.status;
}

void mb_model_config_deinit(mb_model_config *model) {
    free(model->name);
    free(model->source);
    *model = (mb_model_config){0};
}
