// SPDX-License-Identifier: MIT
#include "plan/model_config.h"

#include "base/strbuf.h"
#include "plan/json_file.h"
#include "plan/model_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- parts of a description
// ------------------------------------------------------------------------------------

static bool has(const mb_reader *r, uint32_t feature) {
    return (r->family->features & feature) != 0;
}

// As the file says, else as its class does; one of them must.
#define OR_USUAL(reader, usual, ...) or_usual(reader, usual, (const char *const[]){__VA_ARGS__, NULL})

static uint32_t or_usual(mb_reader *r, uint32_t usual, const char *const *keys) {
    const uint32_t value = mb_reader_whole(r, keys, 1);
    return value || r->status ? value : usual ? usual : mb_reader_needed(r, keys);
}

static uint32_t read_kv_heads(mb_reader *r, const mb_model_config *m) {
    const bool one = (r->family->traits & MB_ONE_KV_HEAD) != 0;
    uint32_t kv_heads = MB_WHOLE(r, 1, "num_key_value_heads", "kv_n_heads");
    // Falcon's files name num_kv_heads even where multi_query makes it 1.
    if (!kv_heads && mb_reader_flag(r, "multi_query", one) && !m->new_falcon) return 1;
    if (!kv_heads) kv_heads = MB_WHOLE(r, 1, "num_kv_heads", "n_head_kv");
    if (!kv_heads && mb_reader_flag(r, "multi_query_attention", false))
        kv_heads = MB_WHOLE(r, 1, "multi_query_group_num");
    const char *kind = mb_reader_text(r, "attn_type"); // MPT's
    if (!kv_heads && kind && strcmp(kind, "multiquery_attention") == 0) return 1;
    if (!kv_heads && kind && strcmp(kind, "multihead_attention") != 0)
        mb_reader_fail(r, "attn_type \"%s\" without kv_n_heads; expected how many heads keys and values have",
                       kind);
    if (!kv_heads) kv_heads = r->family->kv_heads;
    return kv_heads ? kv_heads : m->heads;
}

static void check_heads(mb_reader *r, uint32_t heads, uint32_t kv_heads) {
    if (!r->status && heads % kv_heads)
        mb_reader_fail(r, "%u attention heads cannot share %u key-value heads; expected a divisor", heads,
                       kv_heads);
}

static void read_heads(mb_reader *r, mb_model_config *m) {
    m->heads = OR_USUAL(r, r->family->heads, "num_attention_heads", "n_head", "n_heads", "num_heads");
    m->new_falcon = mb_reader_flag(r, "new_decoder_architecture", false);
    m->kv_heads = read_kv_heads(r, m);
    m->head_dim = MB_WHOLE(r, 1, "head_dim", "attention_head_dim", "kv_channels");
    if (!m->head_dim) m->head_dim = r->family->head_dim;
    check_heads(r, m->heads, m->kv_heads);
    if (r->status) return;
    if (!m->head_dim && m->hidden % m->heads)
        mb_reader_fail(r, "hidden_size %u is no multiple of %u attention heads; expected head_dim", m->hidden,
                       m->heads);
    else if (!m->head_dim)
        m->head_dim = m->hidden / m->heads;
    m->wide_kv_heads = m->kv_heads;
    m->wide_head_dim = m->head_dim;
    if (!has(r, MB_WIDE)) return;
    m->double_wide = mb_reader_flag(r, "use_double_wide_mlp", false);
    m->shared_kv_matrix = mb_reader_flag(r, "attention_k_eq_v", false);
    const uint32_t wide = MB_WHOLE(r, 1, "global_head_dim"),
                   kv = MB_WHOLE(r, 1, "num_global_key_value_heads");
    m->wide_head_dim = wide ? wide : 512;
    if (kv && m->shared_kv_matrix) m->wide_kv_heads = kv;
    check_heads(r, m->heads, m->wide_kv_heads);
}

static void read_latent_attention(mb_reader *r, mb_model_config *m) {
    m->kv_lora_rank = MB_WHOLE(r, 0, "kv_lora_rank");
    m->q_lora_rank = MB_WHOLE(r, 0, "q_lora_rank");
    m->value_dim = m->head_dim;
    static const char *const parts[] = {"qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "q_lora_rank"};
    for (int i = 0; i < 4 && !m->kv_lora_rank; i++)
        if (mb_reader_get(r, parts[i]))
            mb_reader_fail(
                r,
                "%s belongs to latent attention, but there is no kv_lora_rank; expected how many values "
                "a compressed token has",
                parts[i]);
    if (!m->kv_lora_rank || r->status) return;
    m->rope_dim = MB_NEEDED(r, "qk_rope_head_dim");
    m->nope_dim = MB_NEEDED(r, "qk_nope_head_dim");
    m->value_dim = MB_NEEDED(r, "v_head_dim");
    m->head_dim = m->rope_dim + m->nope_dim;
    m->latent_kv = !(r->family->traits & MB_EXPANDED);
    if (!m->latent_kv) { // values padded to the width of keys
        m->kv_heads = m->wide_kv_heads = m->heads;
        m->wide_head_dim = m->head_dim;
    }
    if (!has(r, MB_INDEXER)) return;
    m->index_heads = OR_USUAL(r, strcmp(m->model_type, "glm_moe_dsa") == 0 ? 32 : 64, "index_n_heads");
    m->index_dim = OR_USUAL(r, 128, "index_head_dim");
}

// Gemma 3n and 4: embeddings per layer; 3n also predicts and corrects several streams (altup) beside a path
// of low rank (laurel).
static void read_per_layer(mb_reader *r, mb_model_config *m) {
    if (!has(r, MB_PER_LAYER) || r->status) return;
    const json_t *given = mb_reader_get(r, "hidden_size_per_layer_input");
    const double width = given ? MB_WHOLE(r, 0, "hidden_size_per_layer_input") : 256, hidden = m->hidden;
    const double words = OR_USUAL(r, 262144, "vocab_size_per_layer_input"), layers = m->layers;
    if (width > 0)
        m->other_weights =
            words * layers * width + hidden * layers * width + layers * (2 * hidden * width + hidden) + width;
    if (!has(r, MB_ALTUP)) return;
    const double streams = OR_USUAL(r, 4, "altup_num_inputs"), rank = OR_USUAL(r, 64, "laurel_rank");
    m->other_weights +=
        2 * (streams - 1) * hidden * hidden +
        layers * (2 * hidden * rank + hidden + streams * (hidden + streams * streams + streams) + 2 * hidden);
}

static void read_intermediate(mb_reader *r, mb_model_config *m) {
    m->intermediate = MB_WHOLE(r, 1, "block_ff_dim", "intermediate_size_mlp", "intermediate_size",
                               "ffn_hidden_size", "ffn_dim", "n_inner");
    const uint32_t alone = MB_WHOLE(r, 0, "shared_intermediate_size"); // Granite 4 without experts
    if (alone && has(r, MB_MAMBA2) && MB_WHOLE(r, 0, "num_local_experts") < 2) m->intermediate = alone;
    if (!m->intermediate) m->intermediate = r->family->intermediate;
    if (!m->intermediate) m->intermediate = 4 * m->hidden;
    if (has(r, MB_CONVOLUTION) && mb_reader_flag(r, "block_auto_adjust_ff_dim", true) &&
        !has(r, MB_EXPERTS)) {
        const json_t *factor = mb_reader_get(r, "block_ffn_dim_multiplier");
        const double width = floor(2.0 * m->intermediate / 3) * (factor ? json_number_value(factor) : 1);
        const double step = OR_USUAL(r, 256, "block_multiple_of");
        m->intermediate = (uint32_t)fmin(1e9, step * ceil(floor(width) / step));
    }
}

static void read_biases(mb_reader *r, mb_model_config *m) {
    const uint32_t traits = r->family->traits;
    m->output_bias = mb_reader_flag(r, "attention_bias", (traits & MB_OUT_BIAS) != 0);
    m->attention_bias = m->output_bias || (traits & MB_QKV_BIAS) || mb_reader_flag(r, "qkv_bias", false) ||
                        mb_reader_flag(r, "use_qkv_bias", false) || mb_reader_flag(r, "add_qkv_bias", false);
    if (traits & MB_QKV_BIAS && !(traits & MB_OUT_BIAS))
        m->output_bias = false; // Qwen2, GLM: never on the output
    if (m->kv_lora_rank) m->attention_bias = m->output_bias = false;
}

static void read_model(mb_reader *r, mb_model_config *m) {
    const mb_family *f = r->family;
    const bool lone_head = mb_reader_get(r, "tie_word_embeddings") != NULL;
    m->family = f;
    m->layers = OR_USUAL(r, f->layers, "num_hidden_layers", "n_layer", "n_layers", "num_layers");
    m->hidden = OR_USUAL(r, f->hidden, "hidden_size", "n_embd", "d_model");
    read_heads(r, m);
    read_intermediate(r, m);
    m->vocabulary = OR_USUAL(r, f->vocabulary, "vocab_size", "padded_vocab_size");
    const uint32_t projected = MB_WHOLE(r, 1, "word_embed_proj_dim");
    if (projected && projected != m->hidden)
        mb_reader_fail(
            r, "word_embed_proj_dim is %u, hidden_size %u; embeddings of another width are not understood",
            projected, m->hidden);
    m->max_positions = MB_WHOLE(r, 1, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length",
                                "max_sequence_length");
    if (!m->max_positions) m->max_positions = f->positions;
    m->tied =
        mb_reader_flag(r, lone_head ? "tie_word_embeddings" : "tie_embedding", (f->traits & MB_TIED) != 0);
    m->dtype_bytes = mb_reader_dtype(r, mb_reader_get(r, "torch_dtype") ? "torch_dtype" : "dtype", 2);
    read_latent_attention(r, m);
    read_biases(r, m);
    mb_reader_layers(r, m);
    read_per_layer(r, m);
    mb_reader_vision(r, m);
    mb_reader_quantisation(r, m);
    m->stated_bytes = fmax(0, json_number_value(json_object_get(r->outer, "_weights_gib"))) * 1073741824.0;
    const json_t *source = json_object_get(r->outer, "_source");
    if (json_is_string(source)) m->source = mb_strdup(json_string_value(source));
    const char *checked = json_string_value(json_object_get(r->outer, "_checked"));
    m->estimated = checked && strncmp(checked, "estimate", strlen("estimate")) == 0;
}

// Which implementation the file is for, by the model_type of the text part; nothing of it is guessed.
static void read_family(mb_reader *r, mb_model_config *m) {
    const bool nested = r->inner != r->outer;
    const json_t *whole = json_object_get(r->outer, "model_type"),
                 *part = json_object_get(r->inner, "model_type");
    const char *around = json_string_value(whole), *type = json_string_value(part);
    if (nested && around && !mb_family_wraps(around))
        mb_reader_fail(
            r,
            "model_type \"%.60s\" with a text_config is not known, so what it keeps per token would be a "
            "guess",
            around);
    if (nested && !type && around && mb_family_find(around)) type = around;
    if (part && !type) mb_reader_complain(r, "model_type", part, "a text");
    if (r->status) return;
    snprintf(m->model_type, sizeof m->model_type, "%s", type ? type : "");
    r->family = mb_family_find(type ? type : "");
    if (r->family) return;
    const char *near = mb_family_nearest(type);
    mb_reader_fail(r, "model_type \"%.60s\" is not known, so its layers would be counted by guess%s%s%s",
                   type, near ? " (near in name: " : "", near ? near : "", near ? ")" : "");
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

// With the names of all layers that are not quantized some reach half a megabyte.
enum { MOST_CONFIG = 4 << 20 };

mb_status mb_model_config_read(const char *path, mb_model_config *model, mb_error *error) {
    *model = (mb_model_config){0};
    json_t *root;
    const mb_status read = mb_json_file_read(path, MOST_CONFIG, JSON_REJECT_DUPLICATES,
                                             "a Hugging Face config.json", &root, error);
    if (read) return read;
    const json_t *inner = json_object_get(root, "text_config");
    mb_reader r = {
        .path = path, .outer = root, .inner = json_is_object(inner) ? inner : root, .error = error};
    if (json_is_object(root)) {
        read_family(&r, model);
        if (!r.status) mb_reader_check_keys(&r);
        if (!r.status) read_model(&r, model);
    } else {
        r.status =
            mb_fail(error, MB_BAD_INPUT, "%s: expected one JSON object { ... }, as in a config.json", path);
    }
    json_decref(root);
    model->name = name_of(path);
    if (!r.status && !model->name) r.status = mb_fail_memory(error);
    return r.status;
}

void mb_model_config_deinit(mb_model_config *model) {
    free(model->made_of);
    free(model->name);
    free(model->source);
    *model = (mb_model_config){0};
}
