// SPDX-License-Identifier: MIT
#include "probe/session.h"

#include "base/clock.h"
#include "base/paths.h"
#include "probe/cpu.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 16, SAMPLED_LAYERS = 4, HELD_AT_ONCE = 64 };

struct mb_probe_session {
    const mb_probe_backend *backend;
    mb_probe_device *device;
    mb_probe_shape shape;
    uint32_t layers; // of the model
    bool processor;  // whose time is told
    mb_probe_row *rows;
    uint32_t *order; // blocks as a long-running engine deals them out: far from ascending
    uint32_t *held;  // [most_rows] tokens of an engine's sequences, as far as this knows
    double end_s;    // when nobody waits any more for what is computed before a step
    const atomic_bool *stop;
};

// --- backends
// --------------------------------------------------------------------------------------------------

static void *open_library(const char *path, char *tried, size_t size) {
    void *library = path && *path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    const char *reason = library ? NULL : dlerror();
    if (reason) snprintf(tried, size, "%s", reason);
    return library;
}

// A backend that is a library of its own.
typedef struct plugin {
    const char *name, *called, *file, *built; // built: by which command, where
} plugin;

static const plugin PLUGINS[] = {
    {"cuda", "CUDA", "mbsand-probe-cuda.so", "`make probe` builds it where nvcc is"},
    {"llama", "llama.cpp", "mbsand-probe-llama.so", "`make probe-llama` builds it where llama.cpp is"}};

// Beside the program, then where the loader looks.
static void *open_plugin(const char *file, char *tried, size_t size) {
    const char *own = getenv("MBSAND_PROBE");
    if (own && *own) return open_library(own, tried, size);
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    char *folder = mb_paths_folder(path), *beside = folder ? mb_paths_join(folder, file) : NULL;
    void *library = beside && mb_paths_is_file(beside) ? open_library(beside, tried, size) : NULL;
    free(folder);
    free(beside);
    return library ? library : open_library(file, tried, size);
}

static mb_status load(const plugin *which, const mb_probe_backend **backend, mb_error *error) {
    char tried[512] = "";
    void *library = open_plugin(which->file, tried, sizeof tried);
    if (!library)
        return mb_fail(error, MB_BAD_INPUT,
                       "the %s plugin %s cannot be loaded (%s); %s, and --backend cpu needs none",
                       which->called, which->file, tried, which->built);
    void *symbol = dlsym(library, MB_PROBE_PLUGIN_SYMBOL);
    mb_probe_plugin entry;
    memcpy(&entry, &symbol, sizeof entry);
    *backend = symbol ? entry() : NULL;
    const unsigned version = *backend ? (*backend)->version : 0;
    if (version == MB_PROBE_VERSION && strcmp((*backend)->name, which->name) == 0) return MB_OK;
    mb_status status = version == MB_PROBE_VERSION
                           ? mb_fail(error, MB_BAD_INPUT, "the plugin that was found for %s is one for %s",
                                     which->name, (*backend)->name)
                           : mb_fail(error, MB_BAD_INPUT, "%s is of version %u, this program of %d; %s",
                                     which->file, version, MB_PROBE_VERSION, which->built);
    *backend = NULL;
    dlclose(library);
    return status;
}

mb_status mb_probe_backend_find(const char *name, const mb_probe_backend **backend, mb_error *error) {
    *backend = &mb_probe_cpu;
    if (strcmp(name, "cpu") == 0) return MB_OK;
    *backend = NULL;
    for (size_t i = 0; i < sizeof PLUGINS / sizeof *PLUGINS; i++)
        if (strcmp(name, PLUGINS[i].name) == 0) return load(&PLUGINS[i], backend, error);
    return mb_fail(error, MB_BAD_INPUT, "there is no backend '%s'; there are cpu, cuda and llama", name);
}

bool mb_probe_is_engine(const mb_probe_backend *backend) {
    return backend->hold != NULL;
}

const char *mb_probe_usual_precision(const mb_probe_backend *backend) {
    if (mb_probe_is_engine(backend)) return "file";
    return strcmp(backend->name, "cpu") == 0 ? "fp32" : "bf16";
}

// --- a model on a device
// -------------------------------------------------------------------------------------------

mb_status mb_probe_check_model(const mb_model_config *m, mb_error *error) {
    if (m->experts)
        return mb_fail(error, MB_BAD_INPUT, "%s has experts; the probe times dense layers only", m->name);
    if (m->kv_lora_rank)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s has latent attention; the probe times ordinary attention only", m->name);
    if (m->attention_layers != m->layers)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s has layers without attention; the probe times ordinary layers only", m->name);
    if (m->head_dim % 2)
        return mb_fail(error, MB_BAD_INPUT, "%s has an odd head_dim, %u", m->name, m->head_dim);
    return MB_OK;
}

static mb_status check_file(const char *path, mb_error *error) {
    FILE *file;
    mb_status status = mb_paths_open(path, &file, error);
    if (status) return status;
    char mark[4] = "";
    const bool good =
        fread(mark, 1, sizeof mark, file) == sizeof mark && memcmp(mark, "GGUF", sizeof mark) == 0;
    fclose(file);
    return good ? MB_OK : mb_fail(error, MB_BAD_INPUT, "%s is no GGUF file, which llama.cpp runs", path);
}

// A permutation of the blocks: steps of a number that has no divisor with their count.
static void deal(uint32_t *order, uint32_t count) {
    uint32_t step = count > 5 ? (uint32_t)(0.618 * count) | 1 : 1;
    for (;; step += 2) {
        uint32_t a = step, b = count;
        while (b) {
            const uint32_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) break;
    }
    for (uint32_t i = 0; i < count; i++)
        order[i] = (uint32_t)((uint64_t)i * step % count);
}

// With the rows and blocks that `shape` says; its sizes are set.
static mb_status open_shape(mb_probe_session *s, const char *precision, uint64_t seed, mb_error *error) {
    s->rows = calloc(s->shape.most_rows, sizeof *s->rows);
    s->order = calloc(s->shape.blocks, sizeof *s->order);
    s->held = calloc(s->shape.most_rows, sizeof *s->held);
    if (!s->rows || !s->order || !s->held) return mb_fail_memory(error);
    deal(s->order, s->shape.blocks);
    if (!precision) precision = mb_probe_usual_precision(s->backend);
    return s->backend->open(&s->shape, precision, seed, &s->device, error);
}

mb_status mb_probe_session_open(const mb_probe_backend *backend, const mb_probe_subject *subject,
                                const char *precision, uint32_t distinct_layers,
                                const mb_probe_limits *limits, uint64_t seed, mb_probe_session **session,
                                mb_error *error) {
    *session = NULL;
    const bool engine = mb_probe_is_engine(backend);
    const mb_model_config *m = subject->model;
    mb_status status = engine ? check_file(subject->file, error) : mb_probe_check_model(m, error);
    if (status) return status;
    mb_probe_session *s = calloc(1, sizeof *s);
    if (!s) return mb_fail_memory(error);
    // Each row may end in a block of its own.
    const uint64_t blocks = limits->kv_tokens / BLOCK + limits->rows + 1;
    s->backend = backend;
    s->end_s = INFINITY;
    s->processor = engine && subject->processor;
    s->shape = (mb_probe_shape){.block = BLOCK,
                                .blocks = blocks > UINT32_MAX / BLOCK ? UINT32_MAX / BLOCK : (uint32_t)blocks,
                                .most_tokens = limits->tokens,
                                .most_rows = limits->rows,
                                .model_file = engine ? subject->file : NULL};
    if (!engine) {
        s->layers = m->layers;
        s->shape.hidden = m->hidden;
        s->shape.heads = m->heads;
        s->shape.kv_heads = m->kv_heads;
        s->shape.head_dim = m->head_dim;
        s->shape.intermediate = m->intermediate;
        s->shape.vocabulary = m->vocabulary;
        s->shape.layers = distinct_layers;
    }
    status = open_shape(s, precision, seed, error);
    if (status)
        mb_probe_session_close(s);
    else
        *session = s;
    return status;
}

void mb_probe_session_close(mb_probe_session *s) {
    if (!s) return;
    if (s->device) s->backend->close(s->device);
    free(s->rows);
    free(s->order);
    free(s->held);
    free(s);
}

void mb_probe_session_describe(mb_probe_session *s, char *text, size_t size) {
    s->backend->describe(s->device, text, size);
}

const char *mb_probe_session_note(const mb_probe_session *s) {
    return s && s->backend->note ? s->backend->note(s->device) : NULL;
}

// --- times
// -----------------------------------------------------------------------------------------------------

static bool add_row(mb_probe_session *s, uint32_t *count, uint32_t *used, uint32_t tokens, uint32_t context) {
    const uint64_t blocks = ((uint64_t)tokens + context + BLOCK - 1) / BLOCK;
    if (*count == s->shape.most_rows || *used + blocks > s->shape.blocks) return false;
    s->rows[*count] =
        (mb_probe_row){.tokens = tokens, .context = context, .blocks = s->order + *used, .sequence = *count};
    (*count)++;
    *used += (uint32_t)blocks;
    return true;
}

static mb_status too_large(const mb_probe_session *s, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT,
                   "a step larger than what the probe was opened for (%u rows, %u blocks)",
                   s->shape.most_rows, s->shape.blocks);
}

void mb_probe_session_until(mb_probe_session *s, double end_s, const atomic_bool *stop) {
    s->end_s = end_s;
    s->stop = stop;
}

static bool is_given_up(const mb_probe_session *s) {
    return mb_clock_wall() > s->end_s || (s->stop && atomic_load(s->stop));
}

// A long context is minutes of computing: a few tokens at a time, so that it can be given up.
static mb_status hold(mb_probe_session *s, uint32_t sequence, uint32_t tokens, mb_error *error) {
    mb_status status = MB_OK;
    do {
        const uint32_t held = s->held[sequence],
                       next = tokens > held && tokens - held > HELD_AT_ONCE ? held + HELD_AT_ONCE : tokens;
        status = s->backend->hold(s->device, sequence, next, error);
        s->held[sequence] = status ? 0 : next;
    } while (!status && s->held[sequence] != tokens && !is_given_up(s));
    return status;
}

// An engine's rows are what it holds. *whole: it does; else this was given up.
static mb_status hold_rows(mb_probe_session *s, uint32_t count, bool *whole, mb_error *error) {
    mb_status status = MB_OK;
    *whole = true;
    for (uint32_t i = count; i < s->shape.most_rows && !status; i++)
        status = hold(s, i, 0, error);
    for (uint32_t i = 0; i < count && !status && *whole; i++) {
        status = hold(s, i, s->rows[i].context, error);
        *whole = s->held[i] == s->rows[i].context;
    }
    return status;
}

static mb_status run_engine(mb_probe_session *s, const mb_probe_row *rows, uint32_t count, double *seconds,
                            mb_error *error) {
    const double from = mb_clock_read(CLOCK_THREAD_CPUTIME_ID);
    const mb_status status = s->backend->run(s->device, rows, count, 0, true, seconds, error);
    if (s->processor) *seconds = mb_clock_read(CLOCK_THREAD_CPUTIME_ID) - from;
    for (uint32_t i = 0; i < count && !status; i++)
        s->held[rows[i].sequence] = rows[i].context + rows[i].tokens;
    return status;
}

// A few layers stand for all; the head is run once. An engine runs all of them.
static mb_status run(mb_probe_session *s, uint32_t count, uint32_t layers, double *seconds, mb_error *error) {
    if (s->backend->hold) {
        bool whole;
        const mb_status held = hold_rows(s, count, &whole, error);
        *seconds = 0;
        return held || !whole ? held : run_engine(s, s->rows, count, seconds, error);
    }
    const uint32_t sampled = s->layers < layers ? s->layers : layers;
    double of_layers = 0, of_head = 0;
    mb_status status = s->backend->run(s->device, s->rows, count, sampled, false, &of_layers, error);
    if (!status) status = s->backend->run(s->device, s->rows, count, 0, true, &of_head, error);
    *seconds = of_layers / sampled * s->layers + of_head;
    return status;
}

static bool set_rows(mb_probe_session *s, const mb_probe_step *step, uint32_t *count) {
    uint32_t used = 0;
    bool good = true;
    *count = 0;
    for (uint32_t i = 0; i < step->decodes; i++)
        good = good && add_row(s, count, &used, 1, step->context);
    for (uint32_t i = 0; i < step->chunks; i++)
        good = good && add_row(s, count, &used, step->chunk, step->prefix);
    return good;
}

static mb_status time_step(mb_probe_session *s, const mb_probe_step *step, uint32_t layers, double *seconds,
                           mb_error *error) {
    uint32_t count;
    return set_rows(s, step, &count) ? run(s, count, layers, seconds, error) : too_large(s, error);
}

mb_status mb_probe_session_layer(mb_probe_session *s, const mb_probe_step *step, double *seconds,
                                 mb_error *error) {
    uint32_t count;
    if (!set_rows(s, step, &count)) return too_large(s, error);
    const mb_status status =
        s->backend->run(s->device, s->rows, count, SAMPLED_LAYERS, false, seconds, error);
    *seconds /= SAMPLED_LAYERS;
    return status;
}

mb_status mb_probe_session_head(mb_probe_session *s, uint32_t rows, double *seconds, mb_error *error) {
    uint32_t count;
    const mb_probe_step step = {.decodes = rows};
    if (!set_rows(s, &step, &count)) return too_large(s, error);
    return s->backend->run(s->device, s->rows, count, 0, true, seconds, error);
}

mb_status mb_probe_session_time(mb_probe_session *s, const mb_probe_step *step, double *seconds,
                                mb_error *error) {
    return time_step(s, step, SAMPLED_LAYERS, seconds, error);
}

mb_status mb_probe_session_time_all(mb_probe_session *s, const mb_probe_step *step, double *seconds,
                                    mb_error *error) {
    return time_step(s, step, UINT32_MAX, seconds, error);
}

mb_status mb_probe_session_rows(mb_probe_session *s, const uint32_t *tokens, const uint32_t *contexts,
                                uint32_t count, double *seconds, mb_error *error) {
    uint32_t rows = 0, used = 0;
    bool good = true;
    for (uint32_t i = 0; i < count; i++)
        good = good && add_row(s, &rows, &used, tokens[i], contexts[i]);
    return good ? run(s, rows, UINT32_MAX, seconds, error) : too_large(s, error);
}

mb_status mb_probe_session_hold(mb_probe_session *s, uint32_t sequence, uint32_t tokens, mb_error *error) {
    return hold(s, sequence, tokens, error);
}

mb_status mb_probe_session_sequences(mb_probe_session *s, const mb_probe_row *rows, uint32_t count,
                                     double *seconds, mb_error *error) {
    return run_engine(s, rows, count, seconds, error);
}
