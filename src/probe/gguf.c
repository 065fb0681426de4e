// SPDX-License-Identifier: MIT
#include "probe/gguf.h"

#include "base/strbuf.h"
#include "probe/session.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Numbers of the format.
enum { TYPE_UINT32 = 4, TYPE_INT32 = 5, TYPE_FLOAT32 = 6, TYPE_STRING = 8, TYPE_ARRAY = 9 };
enum { TENSOR_F32 = 0, TENSOR_F16 = 1 };
enum { TOKEN_NORMAL = 1, TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3, TOKEN_BYTE = 6 };
enum { ALIGNMENT = 32, OF_LAYER = 9, BYTES = 256, FIRST_BYTE = 3 };

typedef struct tensor {
    char name[40];
    uint64_t columns, rows; // rows 0: a vector of ones, in float32
} tensor;

typedef struct writer {
    FILE *file;
    const mb_model_config *model;
    tensor *tensors;
    size_t count;
} writer;

// --- values, in the byte order of the machine, as llama.cpp reads them
// ---------------------------------------------------------------------------------------------------------

static void put(writer *w, const void *bytes, size_t size) {
    fwrite(bytes, 1, size, w->file);
}

static void put_u32(writer *w, uint32_t value) {
    put(w, &value, sizeof value);
}

static void put_u64(writer *w, uint64_t value) {
    put(w, &value, sizeof value);
}

static void put_text(writer *w, const char *text) {
    put_u64(w, strlen(text));
    put(w, text, strlen(text));
}

static void put_number(writer *w, const char *key, uint32_t value) {
    put_text(w, key);
    put_u32(w, TYPE_UINT32);
    put_u32(w, value);
}

static void put_real(writer *w, const char *key, float value) {
    put_text(w, key);
    put_u32(w, TYPE_FLOAT32);
    put(w, &value, sizeof value);
}

static void put_string(writer *w, const char *key, const char *value) {
    put_text(w, key);
    put_u32(w, TYPE_STRING);
    put_text(w, value);
}

static void begin_array(writer *w, const char *key, uint32_t type, uint64_t count) {
    put_text(w, key);
    put_u32(w, TYPE_ARRAY);
    put_u32(w, type);
    put_u64(w, count);
}

// --- what it says of itself
// ---------------------------------------------------------------------------------------------------------

static void put_shape(writer *w) {
    const mb_model_config *m = w->model;
    put_string(w, "general.architecture", "llama");
    put_string(w, "general.name", "random weights");
    put_number(w, "llama.context_length", 1 << 20);
    put_number(w, "llama.embedding_length", m->hidden);
    put_number(w, "llama.block_count", m->layers);
    put_number(w, "llama.feed_forward_length", m->intermediate);
    put_number(w, "llama.attention.head_count", m->heads);
    put_number(w, "llama.attention.head_count_kv", m->kv_heads);
    put_number(w, "llama.attention.key_length", m->head_dim);
    put_number(w, "llama.attention.value_length", m->head_dim);
    put_number(w, "llama.rope.dimension_count", m->head_dim);
    put_real(w, "llama.attention.layer_norm_rms_epsilon", (float)MB_PROBE_NORM_EPS);
    put_number(w, "llama.vocab_size", m->vocabulary);
}

// Unknown, begin and end of a text, every byte, then words.
static void put_tokenizer(writer *w) {
    static const char *const marks[FIRST_BYTE] = {"<unk>", "<s>", "</s>"};
    const uint32_t count = w->model->vocabulary;
    put_string(w, "tokenizer.ggml.model", "llama");
    begin_array(w, "tokenizer.ggml.tokens", TYPE_STRING, count);
    for (uint32_t i = 0; i < count; i++) {
        char text[24];
        if (i < FIRST_BYTE)
            snprintf(text, sizeof text, "%s", marks[i]);
        else if (i < FIRST_BYTE + BYTES)
            snprintf(text, sizeof text, "<0x%02X>", i - FIRST_BYTE);
        else
            snprintf(text, sizeof text, "w%u", i);
        put_text(w, text);
    }
    begin_array(w, "tokenizer.ggml.scores", TYPE_FLOAT32, count);
    for (uint32_t i = 0; i < count; i++)
        put(w, &(float){0}, sizeof(float));
    begin_array(w, "tokenizer.ggml.token_type", TYPE_INT32, count);
    for (uint32_t i = 0; i < count; i++)
        put_u32(w, i == 0                   ? TOKEN_UNKNOWN
                   : i < FIRST_BYTE         ? TOKEN_CONTROL
                   : i < FIRST_BYTE + BYTES ? TOKEN_BYTE
                                            : TOKEN_NORMAL);
    put_number(w, "tokenizer.ggml.bos_token_id", 1);
    put_number(w, "tokenizer.ggml.eos_token_id", 2);
    put_number(w, "tokenizer.ggml.unknown_token_id", 0);
}
enum { VALUES = 13 + 7 }; // that the two write

// --- tensors
// ---------------------------------------------------------------------------------------------------------

static void list_layer(writer *w, uint32_t layer) {
    const mb_model_config *m = w->model;
    const uint64_t queries = (uint64_t)m->heads * m->head_dim, keys = (uint64_t)m->kv_heads * m->head_dim;
    const struct {
        const char *name;
        uint64_t columns, rows;
    } all[OF_LAYER] = {{"attn_norm", m->hidden, 0},
                       {"attn_q", m->hidden, queries},
                       {"attn_k", m->hidden, keys},
                       {"attn_v", m->hidden, keys},
                       {"attn_output", queries, m->hidden},
                       {"ffn_norm", m->hidden, 0},
                       {"ffn_gate", m->hidden, m->intermediate},
                       {"ffn_up", m->hidden, m->intermediate},
                       {"ffn_down", m->intermediate, m->hidden}};
    for (int i = 0; i < OF_LAYER; i++) {
        tensor *t = &w->tensors[w->count++];
        *t = (tensor){.columns = all[i].columns, .rows = all[i].rows};
        snprintf(t->name, sizeof t->name, "blk.%u.%s.weight", layer, all[i].name);
    }
}

static bool list_tensors(writer *w) {
    const mb_model_config *m = w->model;
    w->tensors = calloc((size_t)m->layers * OF_LAYER + 3, sizeof *w->tensors);
    if (!w->tensors) return false;
    w->tensors[w->count++] = (tensor){"token_embd.weight", m->hidden, m->vocabulary};
    for (uint32_t i = 0; i < m->layers; i++)
        list_layer(w, i);
    w->tensors[w->count++] = (tensor){"output_norm.weight", m->hidden, 0};
    w->tensors[w->count++] = (tensor){"output.weight", m->hidden, m->vocabulary};
    return true;
}

static uint64_t bytes_of(const tensor *t) {
    return t->rows ? t->columns * t->rows * sizeof(uint16_t) : t->columns * sizeof(float);
}

static uint64_t aligned(uint64_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void put_list(writer *w) {
    uint64_t offset = 0;
    for (size_t i = 0; i < w->count; i++) {
        const tensor *t = &w->tensors[i];
        put_text(w, t->name);
        put_u32(w, t->rows ? 2 : 1);
        put_u64(w, t->columns);
        if (t->rows) put_u64(w, t->rows);
        put_u32(w, t->rows ? TENSOR_F16 : TENSOR_F32);
        put_u64(w, offset);
        offset = aligned(offset + bytes_of(t));
    }
}

// To nearest; numbers too small for a float16 of full precision become 0.
static uint16_t half_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u,
                   magnitude = (bits & 0x7fffffffu) + 0x1000u; // half of the last bit
    if (magnitude < 0x38800000u) return (uint16_t)sign;
    return (uint16_t)(sign | (magnitude - 0x38000000u) >> 13);
}

static void put_tensor(writer *w, uint32_t number, uint64_t seed) {
    const tensor *t = &w->tensors[number];
    if (!t->rows)
        for (uint64_t i = 0; i < t->columns; i++)
            put(w, &(float){1}, sizeof(float));
    const float scale = (float)sqrt(3.0 / (double)t->columns);
    // The likeliest token is a word, no mark and no byte: servers hold half a character back.
    const uint64_t unlikely = number == w->count - 1 ? t->columns * (FIRST_BYTE + BYTES) : 0;
    for (uint64_t i = 0; i < t->columns * t->rows; i++) {
        const uint16_t value = i < unlikely ? 0 : half_of(mb_probe_value(seed, number, i, scale));
        put(w, &value, sizeof value);
    }
}

static void pad(writer *w) {
    for (long at = ftell(w->file); at % ALIGNMENT; at++)
        putc(0, w->file);
}

static void put_all(writer *w, uint64_t seed) {
    put(w, "GGUF", 4);
    put_u32(w, 3);
    put_u64(w, w->count);
    put_u64(w, VALUES);
    put_shape(w);
    put_tokenizer(w);
    put_list(w);
    for (uint32_t i = 0; i < w->count; i++) {
        pad(w);
        put_tensor(w, i, seed);
    }
    pad(w);
}

mb_status mb_gguf_write(const char *path, const mb_model_config *model, uint64_t seed, mb_error *error) {
    mb_status status = mb_probe_check_model(model, error);
    if (!status && model->vocabulary <= FIRST_BYTE + BYTES)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s has a vocabulary of %u; a file needs more than the %d of its bytes", model->name,
                         model->vocabulary, FIRST_BYTE + BYTES);
    if (status) return status;
    mb_strbuf part = {0};
    writer w = {.model = model};
    mb_strbuf_printf(&part, "%s.part", path);
    status = !part.failed && list_tensors(&w) ? MB_OK : mb_fail_memory(error);
    if (!status && !(w.file = fopen(part.text, "wb")))
        status = mb_fail(error, MB_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
    if (!status) {
        errno = 0;
        put_all(&w, seed);
        const bool good = !ferror(w.file);
        if ((fclose(w.file) != 0) | !good || rename(part.text, path) != 0) {
            status = mb_fail(error, MB_FAILED, "cannot write %s: %s", path, strerror(errno));
            unlink(part.text);
        }
    }
    free(w.tensors);
    mb_strbuf_deinit(&part);
    return status;
}
