// SPDX-License-Identifier: MIT
// The probe on the CPU, in float32: small and plain, so that the whole way from a config.json to a calibrated
// scenario can be gone anywhere. Products go to OpenBLAS where its library is installed, else to loops.
#include "probe/cpu.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// cblas_sgemm(order, transA, transB, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc)
typedef void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float,
                      float *, int);
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111 };

typedef struct layer {
    float *tensors[MB_PROBE_TENSORS];
    float *keys, *values; // [blocks][kv_heads][block][head_dim]
} layer;

struct mb_probe_device {
    mb_probe_shape shape;
    layer *layers;
    float *head;     // [hidden][vocabulary]
    float *hidden;   // [most_tokens][hidden]: the residual stream
    float *normed;   // likewise
    float *qkv;      // [most_tokens][(heads + 2 kv_heads) head_dim]
    float *attended; // [most_tokens][heads head_dim]
    float *gate_up;  // [most_tokens][2 intermediate]
    float *last;     // [most_rows][hidden]
    float *logits;   // [most_rows][vocabulary]
    float *scores;   // [blocks x block]: of one query
    float *turns;    // [blocks x block][head_dim / 2][2]: cosine and sine of each position's rotations
    void *library;
    sgemm multiply; // NULL: loops
};

static uint32_t qkv_width(const mb_probe_shape *s) {
    return (s->heads + 2 * s->kv_heads) * s->head_dim;
}

// --- memory
// ----------------------------------------------------------------------------------------------------

static float *make(size_t a, size_t b, bool *good) {
    float *block = a && b > SIZE_MAX / sizeof(float) / a ? NULL : calloc(a * b, sizeof(float));
    *good = *good && block;
    return block;
}

static float *make_tensor(size_t rows, size_t columns, uint64_t seed, uint32_t id, bool *good) {
    float *tensor = make(rows, columns, good);
    const float scale = sqrtf(3.0f / (float)rows);
    for (size_t i = 0; tensor && i < rows * columns; i++)
        tensor[i] = mb_probe_value(seed, id, i, scale);
    return tensor;
}

static bool make_layer(const mb_probe_shape *s, uint64_t seed, uint32_t index, layer *l) {
    const size_t attention = (size_t)s->heads * s->head_dim;
    const size_t sizes[MB_PROBE_TENSORS][2] = {[MB_PROBE_QKV] = {s->hidden, qkv_width(s)},
                                               [MB_PROBE_OUT] = {attention, s->hidden},
                                               [MB_PROBE_GATE_UP] = {s->hidden, 2 * (size_t)s->intermediate},
                                               [MB_PROBE_DOWN] = {s->intermediate, s->hidden}};
    bool good = true;
    for (uint32_t t = 0; t < MB_PROBE_TENSORS; t++)
        l->tensors[t] = make_tensor(sizes[t][0], sizes[t][1], seed, MB_PROBE_TENSORS * index + t, &good);
    const size_t kept = (size_t)s->kv_heads * s->block * s->head_dim;
    l->keys = make(s->blocks, kept, &good);
    l->values = make(s->blocks, kept, &good);
    return good;
}

static void close_cpu(mb_probe_device *d) {
    if (!d) return;
    for (uint32_t i = 0; d->layers && i < d->shape.layers; i++) {
        for (int t = 0; t < MB_PROBE_TENSORS; t++)
            free(d->layers[i].tensors[t]);
        free(d->layers[i].keys);
        free(d->layers[i].values);
    }
    free(d->layers);
    float *const buffers[] = {d->head,    d->hidden, d->normed, d->qkv,    d->attended,
                              d->gate_up, d->last,   d->logits, d->scores, d->turns};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        free(buffers[i]);
    if (d->library) dlclose(d->library);
    free(d);
}

static void find_library(mb_probe_device *d) {
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libblis.so.4"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !d->multiply; i++) {
        d->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        void *symbol = d->library ? dlsym(d->library, "cblas_sgemm") : NULL;
        memcpy(&d->multiply, &symbol, sizeof symbol); // ISO C has no cast from an object to a function
        // One thread: times that repeat matter more here than short ones.
        void *threads = d->library ? dlsym(d->library, "openblas_set_num_threads") : NULL;
        void (*set_threads)(int);
        memcpy(&set_threads, &threads, sizeof threads);
        if (threads) set_threads(1);
        if (!symbol && d->library) {
            dlclose(d->library);
            d->library = NULL;
        }
    }
}

static void fill_turns(const mb_probe_shape *s, float *turns) {
    const uint32_t half = s->head_dim / 2;
    for (size_t position = 0; position < (size_t)s->blocks * s->block; position++)
        for (uint32_t i = 0; i < half; i++) {
            const double angle = (double)position * pow(MB_PROBE_ROPE_BASE, -2.0 * i / s->head_dim);
            *turns++ = (float)cos(angle);
            *turns++ = (float)sin(angle);
        }
}

static mb_status open_cpu(const mb_probe_shape *shape, const char *precision, uint64_t seed,
                          mb_probe_device **device, mb_error *error) {
    *device = NULL;
    if (strcmp(precision, "fp32") != 0)
        return mb_fail(error, MB_BAD_INPUT, "the CPU backend computes in fp32, not in %s", precision);
    mb_probe_device *d = calloc(1, sizeof *d);
    if (!d) return mb_fail_memory(error);
    d->shape = *shape;
    const mb_probe_shape *s = &d->shape;
    bool good = true;
    d->layers = calloc(s->layers, sizeof *d->layers);
    for (uint32_t i = 0; d->layers && good && i < s->layers; i++)
        good = make_layer(s, seed, i, &d->layers[i]);
    d->head = make_tensor(s->hidden, s->vocabulary, seed, MB_PROBE_HEAD, &good);
    d->hidden = make(s->most_tokens, s->hidden, &good);
    d->normed = make(s->most_tokens, s->hidden, &good);
    d->qkv = make(s->most_tokens, qkv_width(s), &good);
    d->attended = make(s->most_tokens, (size_t)s->heads * s->head_dim, &good);
    d->gate_up = make(s->most_tokens, 2 * (size_t)s->intermediate, &good);
    d->last = make(s->most_rows, s->hidden, &good);
    d->logits = make(s->most_rows, s->vocabulary, &good);
    d->scores = make(s->blocks, s->block, &good);
    d->turns = make((size_t)s->blocks * s->block, s->head_dim, &good);
    if (!good || !d->layers) {
        close_cpu(d);
        return mb_fail(error, MB_FAILED, "out of memory for a layer with %u hidden dimensions",
                       shape->hidden);
    }
    for (size_t i = 0; i < (size_t)s->most_tokens * s->hidden; i++) // something that is not zero
        d->hidden[i] = mb_probe_value(seed, MB_PROBE_HEAD - 1, i, 1);
    fill_turns(s, d->turns);
    find_library(d);
    *device = d;
    return MB_OK;
}

// The value of the first line of a file in /proc that starts with `name`.
static void read_fact(const char *path, const char *name, char *value, size_t size) {
    FILE *file = fopen(path, "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, name, strlen(name)) != 0 || !colon) continue;
        snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
        value[strcspn(value, "\n")] = '\0';
        break;
    }
    if (file) fclose(file);
}

static void describe_cpu(mb_probe_device *d, char *text, size_t size) {
    char model[128] = "CPU", mhz[64] = "", total[64] = "0", available[64] = "0";
    read_fact("/proc/cpuinfo", "model name", model, sizeof model);
    read_fact("/proc/cpuinfo", "cpu MHz", mhz, sizeof mhz);
    read_fact("/proc/meminfo", "MemTotal", total, sizeof total);
    read_fact("/proc/meminfo", "MemAvailable", available, sizeof available);
    const double kib_per_gib = 1048576;
    snprintf(text, size, "%.100s, %.1f GiB (%.1f GiB free), %s%s%sone thread, float32, %s", model,
             strtod(total, NULL) / kib_per_gib, strtod(available, NULL) / kib_per_gib, mhz[0] ? "at " : "",
             mhz[0] ? mhz : "", mhz[0] ? " MHz, " : "", d->multiply ? "OpenBLAS" : "plain loops");
}

// --- operators
// -------------------------------------------------------------------------------------------------

// c[m][n] = a[m][k] b[k][n], or added to c.
static void product(const mb_probe_device *d, const float *a, const float *b, float *c, uint32_t m,
                    uint32_t n, uint32_t k, bool add) {
    if (d->multiply) {
        d->multiply(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, (int)m, (int)n, (int)k, 1, a, (int)k, b, (int)n,
                    add ? 1 : 0, c, (int)n);
        return;
    }
    for (size_t i = 0; i < m; i++) {
        float *row = c + i * n;
        if (!add) memset(row, 0, n * sizeof *row);
        for (size_t j = 0; j < k; j++) {
            const float factor = a[i * k + j], *from = b + j * n;
            for (size_t x = 0; x < n; x++)
                row[x] += factor * from[x];
        }
    }
}

static void normalise(const float *from, float *to, size_t width) {
    float squares = 0;
    for (size_t i = 0; i < width; i++)
        squares += from[i] * from[i];
    const float scale = 1 / sqrtf(squares / (float)width + (float)MB_PROBE_NORM_EPS);
    for (size_t i = 0; i < width; i++)
        to[i] = scale * from[i];
}

static void rotate(const mb_probe_device *d, float *head, uint32_t position) {
    const uint32_t half = d->shape.head_dim / 2;
    const float *turn = d->turns + (size_t)position * 2 * half;
    for (uint32_t i = 0; i < half; i++) {
        const float c = turn[2 * i], s = turn[2 * i + 1], a = head[i], b = head[i + half];
        head[i] = a * c - b * s;
        head[i + half] = a * s + b * c;
    }
}

static size_t slot_of(const mb_probe_shape *s, const mb_probe_row *row, uint32_t head, uint32_t position) {
    const size_t block = row->blocks[position / s->block];
    return ((block * s->kv_heads + head) * s->block + position % s->block) * s->head_dim;
}

// Rotate queries and keys of a token, and put its keys and values into the pages.
static void place(const mb_probe_device *d, layer *l, const mb_probe_row *row, float *qkv,
                  uint32_t position) {
    const mb_probe_shape *s = &d->shape;
    float *keys = qkv + (size_t)s->heads * s->head_dim, *values = keys + (size_t)s->kv_heads * s->head_dim;
    for (uint32_t h = 0; h < s->heads + s->kv_heads; h++)
        rotate(d, qkv + (size_t)h * s->head_dim, position);
    for (uint32_t h = 0; h < s->kv_heads; h++) {
        const size_t slot = slot_of(s, row, h, position), bytes = s->head_dim * sizeof(float);
        memcpy(l->keys + slot, keys + (size_t)h * s->head_dim, bytes);
        memcpy(l->values + slot, values + (size_t)h * s->head_dim, bytes);
    }
}

// Eight sums side by side, which a compiler may keep in one register.
static float dot_product(const float *a, const float *b, uint32_t count) {
    float sums[8] = {0};
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++)
            sums[k] += a[i + (uint32_t)k] * b[i + (uint32_t)k];
    for (; i < count; i++)
        sums[0] += a[i] * b[i];
    return (sums[0] + sums[1] + sums[2] + sums[3]) + (sums[4] + sums[5] + sums[6] + sums[7]);
}

// One query over positions 0 .. position, page by page.
static void attend(const mb_probe_device *d, const layer *l, const mb_probe_row *row, uint32_t kv_head,
                   const float *query, uint32_t position, float *out) {
    const mb_probe_shape *s = &d->shape;
    const float scale = 1 / sqrtf((float)s->head_dim);
    float most = -INFINITY, sum = 0;
    for (uint32_t first = 0; first <= position; first += s->block) {
        const float *key = l->keys + slot_of(s, row, kv_head, first);
        for (uint32_t p = first; p <= position && p < first + s->block; p++, key += s->head_dim) {
            d->scores[p] = scale * dot_product(query, key, s->head_dim);
            most = fmaxf(most, d->scores[p]);
        }
    }
    memset(out, 0, s->head_dim * sizeof *out);
    for (uint32_t first = 0; first <= position; first += s->block) {
        const float *value = l->values + slot_of(s, row, kv_head, first);
        for (uint32_t p = first; p <= position && p < first + s->block; p++, value += s->head_dim) {
            const float weight = expf(d->scores[p] - most);
            sum += weight;
            for (uint32_t i = 0; i < s->head_dim; i++)
                out[i] += weight * value[i];
        }
    }
    for (uint32_t i = 0; i < s->head_dim; i++)
        out[i] /= sum;
}

static void attention(mb_probe_device *d, layer *l, const mb_probe_row *rows, uint32_t count) {
    const mb_probe_shape *s = &d->shape;
    const uint32_t width = qkv_width(s), group = s->heads / s->kv_heads;
    float *qkv = d->qkv, *out = d->attended;
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t t = 0; t < rows[r].tokens; t++, qkv += width)
            place(d, l, &rows[r], qkv, rows[r].context + t);
    qkv = d->qkv;
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t t = 0; t < rows[r].tokens; t++, qkv += width)
            for (uint32_t h = 0; h < s->heads; h++, out += s->head_dim)
                attend(d, l, &rows[r], h / group, qkv + (size_t)h * s->head_dim, rows[r].context + t, out);
}

static void run_layer(mb_probe_device *d, layer *l, const mb_probe_row *rows, uint32_t count,
                      uint32_t tokens) {
    const mb_probe_shape *s = &d->shape;
    for (size_t t = 0; t < tokens; t++)
        normalise(d->hidden + t * s->hidden, d->normed + t * s->hidden, s->hidden);
    product(d, d->normed, l->tensors[MB_PROBE_QKV], d->qkv, tokens, qkv_width(s), s->hidden, false);
    attention(d, l, rows, count);
    product(d, d->attended, l->tensors[MB_PROBE_OUT], d->hidden, tokens, s->hidden, s->heads * s->head_dim,
            true);
    for (size_t t = 0; t < tokens; t++)
        normalise(d->hidden + t * s->hidden, d->normed + t * s->hidden, s->hidden);
    product(d, d->normed, l->tensors[MB_PROBE_GATE_UP], d->gate_up, tokens, 2 * s->intermediate, s->hidden,
            false);
    for (size_t t = 0; t < tokens; t++) { // SiLU(gate) x up, over the gates
        float *gate = d->gate_up + t * 2 * s->intermediate, *up = gate + s->intermediate;
        float *to = d->gate_up + t * s->intermediate;
        for (size_t i = 0; i < s->intermediate; i++)
            to[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
    }
    product(d, d->gate_up, l->tensors[MB_PROBE_DOWN], d->hidden, tokens, s->hidden, s->intermediate, true);
}

static void run_head(mb_probe_device *d, const mb_probe_row *rows, uint32_t count) {
    const mb_probe_shape *s = &d->shape;
    size_t end = 0;
    for (uint32_t r = 0; r < count; r++) {
        end += rows[r].tokens;
        normalise(d->hidden + (end - 1) * s->hidden, d->last + (size_t)r * s->hidden, s->hidden);
    }
    product(d, d->last, d->head, d->logits, count, s->vocabulary, s->hidden, false);
}

// --- the interface
// ---------------------------------------------------------------------------------------------

static double clock_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static mb_status run_cpu(mb_probe_device *d, const mb_probe_row *rows, uint32_t count, uint32_t layers,
                         bool head, double *seconds, mb_error *error) {
    uint64_t tokens = 0;
    for (uint32_t r = 0; r < count; r++)
        tokens += rows[r].tokens;
    if (count == 0 || count > d->shape.most_rows || tokens > d->shape.most_tokens)
        return mb_fail(error, MB_BAD_INPUT,
                       "a step of %u rows and %llu tokens; the probe was opened for %u and %u", count,
                       (unsigned long long)tokens, d->shape.most_rows, d->shape.most_tokens);
    const double start = clock_s();
    for (uint32_t i = 0; i < layers; i++)
        run_layer(d, &d->layers[i % d->shape.layers], rows, count, (uint32_t)tokens);
    if (head) run_head(d, rows, count);
    *seconds = clock_s() - start;
    return MB_OK;
}

static mb_status set_input_cpu(mb_probe_device *d, const float *hidden, uint32_t tokens, mb_error *error) {
    (void)error;
    memcpy(d->hidden, hidden, (size_t)tokens * d->shape.hidden * sizeof *hidden);
    return MB_OK;
}

static mb_status get_output_cpu(mb_probe_device *d, float *hidden, uint32_t tokens, mb_error *error) {
    (void)error;
    memcpy(hidden, d->hidden, (size_t)tokens * d->shape.hidden * sizeof *hidden);
    return MB_OK;
}

static mb_status get_logits_cpu(mb_probe_device *d, float *logits, uint32_t rows, mb_error *error) {
    (void)error;
    memcpy(logits, d->logits, (size_t)rows * d->shape.vocabulary * sizeof *logits);
    return MB_OK;
}

const mb_probe_backend mb_probe_cpu = {.version = MB_PROBE_VERSION,
                                       .name = "cpu",
                                       .open = open_cpu,
                                       .close = close_cpu,
                                       .describe = describe_cpu,
                                       .run = run_cpu,
                                       .set_input = set_input_cpu,
                                       .get_output = get_output_cpu,
                                       .get_logits = get_logits_cpu};
