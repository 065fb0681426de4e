// SPDX-License-Identifier: MIT
#include "plan/engine_log.h"

#include "base/paths.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB 1073741824.0

// The number at the start of a text, with commas between thousands: "41,408 tokens"; false: there is none.
static bool number_at(const char *at, double *value) {
    char digits[32] = "";
    size_t length = 0;
    for (; length + 1 < sizeof digits && ((*at >= '0' && *at <= '9') || *at == '.' || *at == ','); at++)
        if (*at != ',') digits[length++] = *at;
    if (length && digits[length - 1] == '.') digits[length - 1] = '\0';
    char *end;
    const double number = strtod(digits, &end);
    if (end == digits || !(number >= 0 && number < 1e15)) return false;
    *value = number;
    return true;
}

// The number behind `words` in a line: "size: 41,408 tokens".
static bool number_after(const char *line, const char *words, double *value) {
    const char *at = strstr(line, words);
    if (!at) return false;
    at += strlen(words);
    while (*at == ' ' || *at == ':' || *at == '=' || *at == '(')
        at++;
    return number_at(at, value);
}

// The number before `words` in a line: "5.58 GiB for peak activation".
static bool number_before(const char *line, const char *words, double *value) {
    const char *at = strstr(line, words);
    while (at && at > line && at[-1] == ' ')
        at--;
    while (at && at > line && ((at[-1] >= '0' && at[-1] <= '9') || at[-1] == '.'))
        at--;
    return at && number_at(at, value);
}

static void smallest(uint64_t *kept, double value) {
    if (value >= 1 && (*kept == 0 || (uint64_t)value < *kept)) *kept = (uint64_t)value;
}

typedef struct phrase {
    const char *words, *engine;
    size_t field; // of mb_engine_log, in bytes
    double unit;
} phrase;
#define FIELD(name) offsetof(mb_engine_log, name)

// Sizes of one GPU, in their order: the last that a log has counts.
static const phrase SIZES[] = {
    {"total_gpu_memory", "vLLM", FIELD(memory_bytes), GIB},
    {"gpu_memory_utilization", "", FIELD(utilization), 1},
    {"gpu-memory-utilization", "vLLM", FIELD(utilization), 1},
    {"Loading model weights took", "vLLM", FIELD(weight_bytes), GIB},
    {"Model loading took", "vLLM", FIELD(weight_bytes), GIB},
    {"model weights take", "vLLM", FIELD(weight_bytes), GIB},
    {"activation peak memory takes", "vLLM", FIELD(activation_bytes), GIB},
    {"reserved for KV Cache is", "vLLM", FIELD(pool_bytes), GIB},
    {"kv_cache_size", "vLLM", FIELD(pool_bytes), GIB},
    {"Available KV cache memory", "vLLM", FIELD(pool_bytes), GIB},
    {"Estimated CUDA graph memory", "vLLM", FIELD(graph_bytes), GIB},
    {"Desired GPU memory utilization is", "vLLM", FIELD(utilization), 1},
};
// The same before their words, of vLLM's last line: "Free memory on device (139.21/139.81 GiB) on startup.
// ... Actual usage is 74.28 GiB for weight, 5.58 GiB for peak activation, ...".
static const phrase BEFORE[] = {
    {"GiB) on startup", "vLLM", FIELD(memory_bytes), GIB},
    {"GiB for weight", "vLLM", FIELD(weight_bytes), GIB},
    {"GiB for peak activation", "vLLM", FIELD(activation_bytes), GIB},
};

static void keep_size(const phrase *p, double value, mb_engine_log *log) {
    memcpy((char *)log + p->field, &(double){value * p->unit}, sizeof(double));
    if (*p->engine) snprintf(log->engine, sizeof log->engine, "%s", p->engine);
}

static void read_sizes(const char *line, mb_engine_log *log) {
    double value;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
        if (number_after(line, SIZES[i].words, &value)) keep_size(&SIZES[i], value, log);
    for (size_t i = 0; i < sizeof BEFORE / sizeof *BEFORE; i++)
        if (number_before(line, BEFORE[i].words, &value)) keep_size(&BEFORE[i], value, log);
}

static void name_engine(mb_engine_log *log, const char *engine) {
    snprintf(log->engine, sizeof log->engine, "%s", engine);
}

static void read_pool(const char *line, mb_engine_log *log) {
    static const char *const blocks[] = {"# GPU blocks",  "# CUDA blocks", "# cuda blocks",
                                         "# rocm blocks", "GPU blocks",    "num_gpu_blocks is"};
    double value;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (number_after(line, blocks[i], &value)) {
            smallest(&log->blocks, value);
            name_engine(log, "vLLM");
            break;
        }
    if (number_after(line, "GPU KV cache size", &value)) {
        smallest(&log->tokens, value);
        name_engine(log, "vLLM");
    }
    if (number_after(line, "KV Cache is allocated. #tokens", &value) ||
        number_after(line, "max_total_num_tokens", &value)) {
        smallest(&log->tokens, value);
        name_engine(log, "SGLang");
    }
    if (number_after(line, "for max tokens in paged KV cache", &value)) {
        smallest(&log->tokens, value);
        name_engine(log, "TensorRT-LLM");
        if (number_after(line, "Allocated", &value)) log->pool_bytes = value * GIB;
    }
    if (number_after(line, "Number of tokens per block", &value) && value >= 1 && value <= 65536)
        log->block = (uint32_t)value;
    if (number_after(line, "block_size", &value) && value >= 1 && value <= 65536)
        log->block = (uint32_t)value;
}

// "kv_cache_dtype=fp8", "'kv_cache_dtype': 'fp8_e4m3'", "--kv-cache-dtype fp8"; "auto" is what the model has,
// or the sentence says that its weights brought.
static void read_kv_type(const char *line, mb_engine_log *log) {
    static const struct {
        const char *name;
        double bytes;
    } types[] = {{"fp8", 1},        {"fp8_e4m3", 1}, {"fp8_e5m2", 1}, {"fp8_inc", 1},
                 {"fp8_ds_mla", 1}, {"bfloat16", 2}, {"float16", 2},  {"bf16", 2}};
    static const char *const words[] = {"kv_cache_dtype", "kv-cache-dtype"};
    static const char sentence[] = " data type to store kv cache";
    const char *at = NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words && !at; i++)
        if ((at = strstr(line, words[i]))) at += strlen(words[i]);
    if (!at && strstr(line, sentence) && (at = strstr(line, "Using "))) at += strlen("Using");
    if (!at) return;
    at += strspn(at, " :='\"");
    const size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (length == 0 || length >= sizeof log->kv_type || (length == 4 && strncmp(at, "auto", length) == 0))
        return;
    snprintf(log->kv_type, sizeof log->kv_type, "%.*s", (int)length, at);
    log->value_bytes = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, log->kv_type) == 0) log->value_bytes = types[i].bytes;
}

// "API server version 0.8.1", "LLM engine (v0.20.0)", "version 0.19.0"
static void read_version(const char *line, mb_engine_log *log) {
    static const char *const words[] = {"engine (v", "server version ",
                                        "TensorRT-LLM version: ", " version 0."};
    for (size_t i = 0; i < sizeof words / sizeof *words && !*log->version; i++) {
        const char *at = strstr(line, words[i]);
        if (!at) continue;
        at += strlen(words[i]) - (i == 3 ? 2 : 0);
        if (*at == 'v') at++;
        const size_t length = strspn(at, "0123456789.");
        if (length >= 3 && length < sizeof log->version)
            snprintf(log->version, sizeof log->version, "%.*s", (int)length, at);
    }
}

mb_status mb_engine_log_read(const char *path, mb_engine_log *log, mb_error *error) {
    *log = (mb_engine_log){.tokens = 0};
    FILE *file;
    const mb_status opened = mb_paths_open(path, &file, error);
    if (opened) return opened;
    char line[8192];
    while (fgets(line, sizeof line, file)) {
        read_version(line, log);
        read_sizes(line, log);
        read_pool(line, log);
        read_kv_type(line, log);
    }
    const bool bad = ferror(file) != 0;
    fclose(file);
    if (bad) return mb_fail(error, MB_BAD_INPUT, "cannot read %s: %s", path, strerror(EIO));
    if (!log->block) log->block = 16;
    if (!log->tokens) log->tokens = log->blocks * log->block;
    if (!log->blocks) log->blocks = log->tokens / log->block;
    if (log->blocks) return MB_OK;
    return mb_fail(
        error, MB_BAD_INPUT,
        "%s does not say how large the KV memory is; expected a start-up log of vLLM (\"GPU KV cache size\", "
        "\"# GPU blocks\"), SGLang (\"#tokens\") or TensorRT-LLM (\"max tokens in paged KV cache\")",
        path);
}
