// SPDX-License-Identifier: MIT
// llama.cpp as a device of the probe: a whole model from a file, sequences that it keeps, and one
// llama_decode per step whose batch holds all rows - chunks of prompts and decodes - at once. A plugin: it
// shares probe/backend.h with the program, and nothing else.
#include "probe/backend.h"

#include <ggml-backend.h>
#include <llama.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct mb_probe_device {
    mb_probe_shape shape;
    struct llama_model *model;
    struct llama_context *context;
    struct llama_batch batch;
    uint32_t *held;    // [most_rows] tokens of each sequence
    llama_token *next; // [most_rows] what its last step drew
    int32_t vocabulary;
    uint64_t random;
    char complaint[512]; // llama.cpp's first, which says most
};

// --- loading
// ---------------------------------------------------------------------------------------------------

static void take_complaint(enum ggml_log_level level, const char *text, void *user) {
    mb_probe_device *device = user;
    if (!device || device->complaint[0] || level != GGML_LOG_LEVEL_ERROR || !text[strspn(text, " .\n")])
        return;
    const char *colon = strstr(text, ": "); // after the name of a function of its own
    snprintf(device->complaint, sizeof device->complaint, "%s", colon ? colon + 2 : text);
    device->complaint[strcspn(device->complaint, "\n")] = '\0';
}

// Its kernels may be libraries of their own, beside it.
static void load_kernels(void) {
    if (ggml_backend_dev_count() > 0) return;
    Dl_info place;
    const char *(*const known)(void) = llama_version;
    const void *address;
    memcpy(&address, &known, sizeof address);
    if (!dladdr(address, &place) || !place.dli_fname) return;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", place.dli_fname);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    ggml_backend_load_all_from_path(slash ? folder : ".");
}

static mb_status load_model(mb_probe_device *d, mb_error *error) {
    const char *file = d->shape.model_file;
    llama_backend_init();
    load_kernels();
    if (ggml_backend_dev_count() == 0)
        return mb_fail(error, MB_FAILED,
                       "llama.cpp finds none of its kernels (libggml-cpu) beside its library");
    d->model = llama_model_load_from_file(file, llama_model_default_params());
    if (!d->model)
        return mb_fail(error, MB_BAD_INPUT, "llama.cpp cannot load %s: %s", file,
                       d->complaint[0] ? d->complaint : "it does not say why");
    if (llama_model_is_recurrent(d->model) || llama_model_is_hybrid(d->model) ||
        !llama_model_has_decoder(d->model) || llama_model_has_encoder(d->model))
        return mb_fail(error, MB_BAD_INPUT,
                       "%s is no decoder whose memory is a KV cache; the probe drives only such models",
                       file);
    d->vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(d->model));
    return MB_OK;
}

// One pool of KV cells for all sequences, and every step one batch.
static mb_status make_context(mb_probe_device *d, mb_error *error) {
    const mb_probe_shape *s = &d->shape;
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = s->blocks * s->block;
    params.n_batch = params.n_ubatch = s->most_tokens;
    params.n_seq_max = s->most_rows;
    params.n_outputs_max = s->most_rows;
    params.n_threads = params.n_threads_batch = 1; // times that repeat matter more here than short ones
    params.kv_unified = true;
    d->context = llama_init_from_model(d->model, params);
    if (!d->context)
        return mb_fail(error, MB_FAILED, "out of memory for %u KV cells of %s (%s)", params.n_ctx,
                       s->model_file, d->complaint[0] ? d->complaint : "llama.cpp does not say why");
    return MB_OK;
}

static void close_llama(mb_probe_device *d) {
    if (!d) return;
    llama_log_set(take_complaint, NULL);
    llama_batch_free(d->batch);
    if (d->context) llama_free(d->context);
    if (d->model) llama_model_free(d->model);
    free(d->held);
    free(d->next);
    free(d);
}

static mb_status check(const mb_probe_shape *shape, const char *precision, mb_error *error) {
    if (strcmp(llama_version(), MB_LLAMA_VERSION) != 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "the plugin was built for llama.cpp %s, and this is %s; run `make probe-llama` again",
                       MB_LLAMA_VERSION, llama_version());
    if (strcmp(precision, "file") != 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "llama.cpp computes in the precision of the model's file, not in %s", precision);
    if (shape->most_rows > llama_max_parallel_sequences())
        return mb_fail(error, MB_BAD_INPUT,
                       "%u requests at once are more than the %zu sequences of a llama.cpp context",
                       shape->most_rows, llama_max_parallel_sequences());
    return MB_OK;
}

static mb_status open_llama(const mb_probe_shape *shape, const char *precision, uint64_t seed,
                            mb_probe_device **device, mb_error *error) {
    *device = NULL;
    mb_status status = check(shape, precision, error);
    if (status) return status;
    mb_probe_device *d = calloc(1, sizeof *d);
    if (!d) return mb_fail_memory(error);
    d->shape = *shape;
    d->random = seed;
    d->held = calloc(shape->most_rows, sizeof *d->held);
    d->next = calloc(shape->most_rows, sizeof *d->next);
    d->batch = llama_batch_init((int32_t)shape->most_tokens, 0, 1);
    status = d->held && d->next && d->batch.token ? MB_OK : mb_fail_memory(error);
    llama_log_set(take_complaint, d);
    if (!status) status = load_model(d, error);
    if (!status) status = make_context(d, error);
    if (status)
        close_llama(d);
    else
        *device = d;
    return status;
}

static void describe_llama(mb_probe_device *d, char *text, size_t size) {
    char model[128] = "";
    llama_model_desc(d->model, model, sizeof model);
    snprintf(text, size, "llama.cpp %s on %s, %s, %.1f million weights, %u KV cells, one thread",
             llama_version(), ggml_backend_dev_description(ggml_backend_dev_get(0)), model,
             1e-6 * (double)llama_model_n_params(d->model), llama_n_ctx(d->context));
}

// --- steps
// -----------------------------------------------------------------------------------------------------

static llama_token draw(mb_probe_device *d) {
    d->random = d->random * 6364136223846793005u + 1442695040888963407u;
    return (llama_token)((d->random >> 33) % (uint64_t)d->vocabulary);
}

static void add(mb_probe_device *d, llama_token token, uint32_t sequence, uint32_t position, bool last) {
    struct llama_batch *b = &d->batch;
    const int32_t i = b->n_tokens++;
    b->token[i] = token;
    b->pos[i] = (llama_pos)position;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = (llama_seq_id)sequence;
    b->logits[i] = last;
}

static mb_status decode(mb_probe_device *d, mb_error *error) {
    const int32_t result = llama_decode(d->context, d->batch);
    if (result == 0) {
        llama_synchronize(d->context);
        return MB_OK;
    }
    if (result == 1)
        return mb_fail(error, MB_FAILED, "llama.cpp has no KV cells for a step of %d tokens; there are %u",
                       d->batch.n_tokens, llama_n_ctx(d->context));
    return mb_fail(error, MB_FAILED, "llama_decode failed with %d: %s", result, d->complaint);
}

static void forget(mb_probe_device *d, uint32_t sequence, uint32_t from) {
    if (d->held[sequence] <= from) return;
    llama_memory_seq_rm(llama_get_memory(d->context), (llama_seq_id)sequence, (llama_pos)from, -1);
    d->held[sequence] = from;
}

static mb_status hold_llama(mb_probe_device *d, uint32_t sequence, uint32_t tokens, mb_error *error) {
    if (sequence >= d->shape.most_rows)
        return mb_fail(error, MB_BAD_INPUT, "more sequences than the %u of this context", d->shape.most_rows);
    forget(d, sequence, tokens);
    mb_status status = MB_OK;
    while (d->held[sequence] < tokens && !status) {
        d->batch.n_tokens = 0;
        for (uint32_t p = d->held[sequence]; p < tokens && d->batch.n_tokens < (int32_t)d->shape.most_tokens;
             p++)
            add(d, draw(d), sequence, p, false);
        status = decode(d, error);
        if (!status) d->held[sequence] += (uint32_t)d->batch.n_tokens;
    }
    return status;
}

// The likeliest token, as an engine that samples greedily takes it.
static llama_token likeliest(const mb_probe_device *d, int32_t place) {
    const float *logits = llama_get_logits_ith(d->context, place);
    llama_token best = 0;
    for (llama_token i = 1; logits && i < d->vocabulary; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static double clock_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static mb_status check_rows(const mb_probe_device *d, const mb_probe_row *rows, uint32_t count,
                            mb_error *error) {
    uint64_t tokens = 0;
    for (uint32_t r = 0; r < count; r++) {
        const mb_probe_row *row = &rows[r];
        tokens += row->tokens;
        if (row->sequence >= d->shape.most_rows || d->held[row->sequence] != row->context)
            return mb_fail(error, MB_BAD_INPUT,
                           "a step goes on after %u tokens of sequence %u, of which the engine holds %u",
                           row->context, row->sequence,
                           row->sequence < d->shape.most_rows ? d->held[row->sequence] : 0);
    }
    if (count > 0 && count <= d->shape.most_rows && tokens <= llama_n_batch(d->context)) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "a step of %u rows and %llu tokens; the engine was opened for %u and %u", count,
                   (unsigned long long)tokens, d->shape.most_rows, llama_n_batch(d->context));
}

// A decode's token is the one that was drawn; a prompt's are random.
static mb_status run_llama(mb_probe_device *d, const mb_probe_row *rows, uint32_t count, uint32_t layers,
                           bool head, double *seconds, mb_error *error) {
    (void)layers, (void)head;
    mb_status status = check_rows(d, rows, count, error);
    if (status) return status;
    const double start = clock_s();
    d->batch.n_tokens = 0;
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t t = 0; t < rows[r].tokens; t++)
            add(d, rows[r].tokens == 1 ? d->next[rows[r].sequence] : draw(d), rows[r].sequence,
                rows[r].context + t, t + 1 == rows[r].tokens);
    status = decode(d, error);
    if (status) return status;
    int32_t end = 0;
    for (uint32_t r = 0; r < count; r++) {
        end += (int32_t)rows[r].tokens;
        d->next[rows[r].sequence] = likeliest(d, end - 1);
        d->held[rows[r].sequence] += rows[r].tokens;
    }
    *seconds = clock_s() - start;
    return MB_OK;
}

__attribute__((visibility("default"))) const mb_probe_backend *mb_probe_plugin_backend(void);

const mb_probe_backend *mb_probe_plugin_backend(void) {
    static const mb_probe_backend backend = {.version = MB_PROBE_VERSION,
                                             .name = "llama",
                                             .open = open_llama,
                                             .close = close_llama,
                                             .describe = describe_llama,
                                             .run = run_llama,
                                             .hold = hold_llama};
    return &backend;
}
