// SPDX-License-Identifier: MIT
// How a checkpoint is quantised: bits per weight with what its scales take, and what stays wide.
#include "plan/model_reader.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static double number_of(const json_t *object, const char *key, double otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static void unknown(mb_model_config *m, const char *what) {
    m->quantisation = MB_QUANT_NONE;
    m->quant_unknown = true;
    snprintf(m->quant_name, sizeof m->quant_name, "%.31s", what);
}

static bool has_word(const char *text, const char *word) {
    char lower[256] = "";
    for (size_t i = 0; i + 1 < sizeof lower && text[i]; i++) {
        lower[i] = (char)tolower((unsigned char)text[i]);
        lower[i + 1] = '\0';
    }
    return strstr(lower, word) != NULL;
}

// "model.layers.12.self_attn.q_proj" -> 12; -1 where no layer is named.
static int layer_of(const char *name) {
    const char *at = strstr(name, "layers.");
    int layer;
    return at && sscanf(at, "layers.%d", &layer) == 1 && layer >= 0 ? layer : -1;
}

// A router, which stays wide anyway.
static bool ends_in_gate(const char *name) {
    const size_t length = strlen(name);
    return length >= 4 && strcmp(name + length - 4, "gate") == 0;
}

// The share of layers whose modules called `word` a list leaves as they are: all of them where a pattern
// names them without a layer.
static double share_left(const json_t *list, const char *word, const char *but, uint32_t layers) {
    enum { MOST = 4096 };
    bool named[MOST] = {false};
    double count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !has_word(name, word) || has_word(name, but) || ends_in_gate(name) ||
            has_word(name, "vision"))
            continue;
        const int layer = layer_of(name);
        if (layer < 0 || layer >= MOST) return 1;
        count += !named[layer];
        named[layer] = true;
    }
    return count >= layers ? 1 : count / layers;
}

static void leave_wide(mb_model_config *m, const json_t *list) {
    const double attention = share_left(list, "attn", "norm", m->layers);
    const double dense = share_left(list, "mlp", "experts.", m->layers);
    if (attention > m->wide_attention) m->wide_attention = attention;
    if (dense > m->wide_dense) m->wide_dense = dense;
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
            width += scale / size;
        }
        if (!(width >= 1) || (bits > 0 && bits != width)) { // several widths: which weights have which?
            unknown(m, "compressed-tensors of several widths");
            return;
        }
        bits = width;
    }
    m->quant_bits = bits;
    leave_wide(m, json_object_get(config, "ignore"));
    m->quant_kv = json_is_object(json_object_get(config, "kv_cache_scheme"));
    (void)r;
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
    leave_wide(m, json_object_get(settings, "exclude_modules"));
    leave_wide(m, json_object_get(settings, "ignore"));
    m->quant_kv = json_is_string(json_object_get(settings, "kv_cache_quant_algo")) ||
                  json_is_object(json_object_get(settings, "kv_cache_scheme"));
}

static void read_fp8(mb_model_config *m, const json_t *config) {
    m->quant_bits = 8;
    const json_t *block = json_object_get(config, "weight_block_size");
    const double cells =
        json_number_value(json_array_get(block, 0)) * json_number_value(json_array_get(block, 1));
    if (cells >= 1) m->quant_bits += 32 / cells; // a 32-bit scale per block
    leave_wide(m, json_object_get(config, "modules_to_not_convert"));
    leave_wide(m, json_object_get(config, "ignored_layers"));
}

// A 16-bit scale per group, and a zero point as wide as a weight.
static void read_integers(mb_reader *r, mb_model_config *m, const json_t *config) {
    const json_t *bits = json_object_get(config, "bits");
    if (!bits) bits = json_object_get(config, "w_bit");
    const double width = json_number_value(bits);
    const double size = number_of(config, "group_size", number_of(config, "q_group_size", 128));
    if (!(width >= 1 && width <= 16)) mb_reader_complain(r, "quantization_config.bits", bits, "1 to 16");
    m->quant_bits = width + (size > 0 ? (16 + width) / size : 0);
    leave_wide(m, json_object_get(config, "modules_to_not_convert"));
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
        read_fp8(m, config);
    } else if (strcmp(method, "mxfp4") == 0) {
        m->quantisation = MB_QUANT_EXPERTS;
        m->quant_bits = 4.25; // 32 values of 4 bit share a scale of 8
    } else if (strcmp(method, "awq") == 0 || strcmp(method, "gptq") == 0 ||
               strcmp(method, "auto-round") == 0) {
        read_integers(r, m, config);
    } else if (strcmp(method, "bitsandbytes") == 0) {
        const bool four = json_is_true(json_object_get(config, "load_in_4bit"));
        m->quant_bits = four ? 4.5 : 8; // 64 values of 4 bit share a 32-bit scale
    } else if (strcmp(method, "compressed-tensors") == 0) {
        read_groups(r, m, config);
    } else if (strncmp(method, "modelopt", 8) == 0) {
        read_modelopt(r, m, config);
    } else {
        unknown(m, method);
    }
}
