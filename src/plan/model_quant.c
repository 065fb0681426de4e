// SPDX-License-Identifier: MIT
// How a checkpoint is quantised: bits per weight with what its scales take, and what stays wide.
#include "plan/model_reader.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number_of(const json_t *object, const char *key, double otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static void unknown(mb_model_config *m, const char *what) {
    m->quantisation = MB_QUANT_NONE;
    m->quant_unknown = true;
    snprintf(m->quant_name, sizeof m->quant_name, "%.47s", what);
}

static bool has_word(const char *text, const char *word) {
    char lower[256] = "";
    for (size_t i = 0; i + 1 < sizeof lower && text[i]; i++) {
        lower[i] = (char)tolower((unsigned char)text[i]);
        lower[i + 1] = '\0';
    }
    return strstr(lower, word) != NULL;
}

// --- what stays wide
// ----------------------------------------------------------------------------------------------

// Parts of a layer that a list may leave as they are.
typedef enum part { ATTENTION, DENSE, EXPERTS, PARTS } part;

static bool has_any(const char *text, const char *const *words) {
    for (; *words; words++)
        if (has_word(text, *words)) return true;
    return false;
}

// "model.layers.12.self_attn.q_proj" -> 12, and ".self_attn.q_proj"; -1 and the whole where no layer is
// named.
static int layer_of(const char *name, const char **rest) {
    const char *at = strstr(name, "layers.");
    int layer, length = 0;
    *rest = name;
    if (!at || sscanf(at, "layers.%d%n", &layer, &length) != 1 || layer < 0) return -1;
    *rest = at + length;
    return layer;
}

static bool has_letters(const char *text) {
    for (; *text; text++)
        if (isalpha((unsigned char)*text)) return true;
    return false;
}

// Norms, routers, embeddings, heads and encoders stay wide anyway, or are not counted; small modules of a
// large part say nothing of it.
static bool is_elsewhere(const char *name) {
    static const char *const words[] = {"norm",   "vision", "visual",    "audio",     "embed",   "lm_head",
                                        "router", "conv1d", "in_proj_a", "in_proj_b", "indexer", NULL};
    size_t length = strlen(name);
    while (length && !isalnum((unsigned char)name[length - 1]))
        length--;
    return has_any(name, words) || (length >= 4 && strncmp(name + length - 4, "gate", 4) == 0);
}

// Which parts a name in such a list speaks of.
static void parts_of(const char *rest, bool layer_named, bool parts[PARTS]) {
    static const char *const dense[] = {"shared_expert", "shared_mlp", NULL},
                             *const experts[] = {"experts", NULL},
                             *const attention[] = {"attn",     "attention", "mamba",  "q_proj",
                                                   "k_proj",   "v_proj",    "o_proj", "in_proj",
                                                   "out_proj", "qkv",       NULL},
                             *const matrices[] = {"gate_proj", "up_proj", "down_proj", "gate_up", NULL},
                             *const mlps[] = {"mlp", "feed_forward", "ffn", "mixer", NULL};
    const bool one = has_any(rest, matrices) && has_any(rest, mlps) && !strchr(rest, '*');
    if (has_any(rest, dense) || (one && !has_any(rest, experts)))
        parts[DENSE] = true;
    else if (has_any(rest, experts))
        parts[EXPERTS] = true;
    else if (has_any(rest, attention))
        parts[ATTENTION] = true;
    else if (has_any(rest, matrices) || (has_any(rest, mlps) && !has_word(rest, "mixer")))
        parts[DENSE] = parts[EXPERTS] = true; // an MLP, or a pattern: with what is in it
    else if (has_word(rest, "mixer") || (layer_named && !has_letters(rest))) // all of it, or no telling what
        parts[ATTENTION] = parts[DENSE] = parts[EXPERTS] = true;
}

// What of a part is in a layer, in any unit.
static double amount_in(const mb_model_config *m, part p, uint32_t layer) {
    const uint8_t of = m->made_of[layer];
    if (p == ATTENTION) return (of & (MB_ATTENDS | MB_HAS_STATE)) != 0;
    if (p == EXPERTS) return (of & MB_HAS_EXPERTS) != 0;
    return (of & MB_HAS_DENSE_MLP ? m->intermediate : 0.0) +
           (of & MB_HAS_EXPERTS ? (double)m->shared_intermediate : 0.0);
}

// Mark the parts of layers that `name` names: of all layers where it names none.
static void mark(const mb_model_config *m, const char *name, uint8_t *marks) {
    const char *rest;
    const int layer = layer_of(name, &rest);
    bool parts[PARTS] = {false};
    if (is_elsewhere(name)) return;
    parts_of(rest, layer >= 0, parts);
    for (uint32_t i = 0; i < m->layers; i++)
        for (int p = 0; p < PARTS; p++)
            if (parts[p] && (layer < 0 || (uint32_t)layer == i)) marks[i] |= (uint8_t)(1 << p);
}

static double share_of(const mb_model_config *m, part p, const uint8_t *marks) {
    double all = 0, marked = 0;
    for (uint32_t i = 0; i < m->layers; i++) {
        const double amount = amount_in(m, p, i);
        all += amount;
        if (marks[i] >> p & 1) marked += amount;
    }
    return all > 0 ? marked / all : 0;
}

static void leave(mb_model_config *m, const uint8_t *marks) {
    m->wide_attention = fmax(m->wide_attention, share_of(m, ATTENTION, marks));
    m->wide_dense = fmax(m->wide_dense, share_of(m, DENSE, marks));
    m->wide_experts = fmax(m->wide_experts, share_of(m, EXPERTS, marks));
}

// A list of modules that are not quantised: a module of a layer counts with all of its part there.
static void leave_wide(mb_reader *r, mb_model_config *m, const json_t *list) {
    uint8_t *marks = m->made_of ? calloc(m->layers, 1) : NULL;
    if (!marks) {
        if (m->made_of) r->status = mb_fail_memory(r->error);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name) mark(m, name, marks);
    }
    leave(m, marks);
    free(marks);
}

// Settings for single modules, by name: those that differ in their bits count as wide.
static void leave_named(mb_reader *r, mb_model_config *m, const json_t *modules, double bits) {
    json_t *list = json_array();
    const char *name;
    json_t *settings;
    json_object_foreach((json_t *)(uintptr_t)modules, name, settings) {
        const bool out = strncmp(name, "-:", 2) == 0; // GPTQModel: not quantised
        if (out || number_of(settings, "bits", bits) != bits) json_array_append_new(list, json_string(name));
    }
    leave_wide(r, m, list);
    json_decref(list);
}

// --- methods
// ------------------------------------------------------------------------------------------------------

// What a group is for: all linear layers, or experts alone; of other names nobody knows what they leave out.
static void aim_at(mb_model_config *m, const json_t *targets) {
    bool linear = json_array_size(targets) == 0, experts = json_array_size(targets) > 0;
    for (size_t i = 0; i < json_array_size(targets); i++) {
        const char *name = json_string_value(json_array_get(targets, i));
        linear = linear || (name && strcmp(name, "Linear") == 0);
        experts = experts && name && has_word(name, "experts") && !has_word(name, "shared");
    }
    if (experts) m->quantisation = MB_QUANT_EXPERTS;
    if (!linear && !experts) unknown(m, "compressed-tensors of some modules");
}

// compressed-tensors: groups of modules, each with the bits and the scales of its weights.
static void read_groups(mb_reader *r, mb_model_config *m, const json_t *config) {
    const json_t *groups = json_object_get(config, "config_groups");
    const char *format = json_string_value(json_object_get(config, "format")), *name;
    json_t *group;
    double bits = 0;
    if (!json_is_object(groups) || json_object_size(groups) == 0 || (format && has_word(format, "24"))) {
        unknown(m, format ? format : "compressed-tensors without config_groups");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)groups, name, group) {
        const json_t *weights = json_object_get(group, "weights");
        const char *strategy = json_string_value(json_object_get(weights, "strategy"));
        double width = number_of(weights, "num_bits", 0), scale = 16;
        const double size = number_of(weights, "group_size", 0);
        const bool floats = json_is_string(json_object_get(weights, "type")) &&
                            strcmp(json_string_value(json_object_get(weights, "type")), "float") == 0;
        if (width == 4 && floats) scale = 8; // NVFP4 and MXFP4 have scales of 8 bits
        if (strategy && strcmp(strategy, "block") == 0) {
            const json_t *block = json_object_get(weights, "block_structure");
            const double cells =
                json_number_value(json_array_get(block, 0)) * json_number_value(json_array_get(block, 1));
            if (cells >= 1) width += 32 / cells;
        } else if (size > 0) {
            width += (scale + (json_is_false(json_object_get(weights, "symmetric")) ? width : 0)) / size;
        }
        if (!(width >= 1) || (bits > 0 && bits != width)) { // several widths: which weights have which?
            unknown(m, "compressed-tensors of several widths");
            return;
        }
        bits = width;
        aim_at(m, json_object_get(group, "targets"));
        if (m->quant_unknown) return;
    }
    m->quant_bits = bits;
    leave_wide(r, m, json_object_get(config, "ignore"));
    m->quant_kv = json_is_object(json_object_get(config, "kv_cache_scheme"));
}

static void read_modelopt(mb_reader *r, mb_model_config *m, const json_t *config) {
    const json_t *inner = json_object_get(config, "quantization");
    const json_t *settings = json_is_object(inner) ? inner : config;
    const char *algorithm = json_string_value(json_object_get(settings, "quant_algo"));
    if (!algorithm && json_is_object(json_object_get(config, "config_groups"))) {
        read_groups(r, m, config);
        return;
    }
    const double size = number_of(settings, "group_size", 16);
    if (algorithm && strcmp(algorithm, "FP8") == 0)
        m->quant_bits = 8;
    else if (algorithm && strcmp(algorithm, "NVFP4") == 0 && size > 0)
        m->quant_bits = 4 + 8 / size;
    else
        unknown(m, algorithm ? algorithm : "modelopt without quant_algo");
    leave_wide(r, m, json_object_get(settings, "exclude_modules"));
    leave_wide(r, m, json_object_get(settings, "ignore"));
    m->quant_kv = json_is_string(json_object_get(settings, "kv_cache_quant_algo")) ||
                  json_is_object(json_object_get(settings, "kv_cache_scheme"));
}

static void read_fp8(mb_reader *r, mb_model_config *m, const json_t *config) {
    m->quant_bits = 8;
    const json_t *block = json_object_get(config, "weight_block_size");
    const double cells =
        json_number_value(json_array_get(block, 0)) * json_number_value(json_array_get(block, 1));
    if (cells >= 1) m->quant_bits += 32 / cells; // a 32-bit scale per block
    leave_wide(r, m, json_object_get(config, "modules_to_not_convert"));
    leave_wide(r, m, json_object_get(config, "ignored_layers"));
}

// A 16-bit scale per group, and a zero point as wide as a weight.
static void read_integers(mb_reader *r, mb_model_config *m, const json_t *config) {
    const json_t *bits = json_object_get(config, "bits");
    if (!bits) bits = json_object_get(config, "w_bit");
    const double width = json_number_value(bits);
    const double size = number_of(config, "group_size", number_of(config, "q_group_size", 128));
    if (!(width >= 1 && width <= 16)) mb_reader_complain(r, "quantization_config.bits", bits, "1 to 16");
    m->quant_bits = width + (size > 0 ? (16 + width) / size : 0);
    leave_wide(r, m, json_object_get(config, "modules_to_not_convert"));
    leave_named(r, m, json_object_get(config, "dynamic"), width);      // GPTQModel
    leave_named(r, m, json_object_get(config, "extra_config"), width); // AutoRound
}

void mb_reader_quantisation(mb_reader *r, mb_model_config *m) {
    const json_t *config = mb_reader_get(r, "quantization_config");
    if (!config || r->status) return;
    const char *method = json_string_value(json_object_get(config, "quant_method"));
    if (!method && json_is_object(json_object_get(config, "quantization"))) method = "modelopt";
    if (!method) {
        mb_reader_complain(r, "quantization_config", config, "an object with a quant_method");
        return;
    }
    snprintf(m->quant_name, sizeof m->quant_name, "%s", method);
    m->quantisation = MB_QUANT_LINEAR;
    if (strcmp(method, "fp8") == 0 || strcmp(method, "fbgemm_fp8") == 0) {
        read_fp8(r, m, config);
    } else if (strcmp(method, "mxfp4") == 0) {
        m->quantisation = MB_QUANT_EXPERTS;
        m->quant_bits = 4.25; // 32 values of 4 bit share a scale of 8
    } else if (strcmp(method, "awq") == 0 || strcmp(method, "gptq") == 0 ||
               strcmp(method, "auto-round") == 0) {
        read_integers(r, m, config);
    } else if (strcmp(method, "bitsandbytes") == 0) {
        const bool four = json_is_true(json_object_get(config, "load_in_4bit"));
        m->quant_bits = four ? 4.5 : 8; // 64 values of 4 bit share a 32-bit scale
        leave_wide(r, m, json_object_get(config, "llm_int8_skip_modules"));
    } else if (strcmp(method, "compressed-tensors") == 0) {
        read_groups(r, m, config);
    } else if (strncmp(method, "modelopt", 8) == 0) {
        read_modelopt(r, m, config);
    } else {
        unknown(m, method);
    }
}
