// SPDX-License-Identifier: MIT
#include "model/profile.h"

#include "base/strbuf.h"
#include "model/curve.h"
#include "model/profile_csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The attention table as a tree: chunk, then decodes, then the chunk's prefix, then the decodes' context. The
// measured points are not a full grid (two grids of different steps lie over each other), so each node has an
// axis of its own.
enum { CHUNK, DECODES, PREFIX, CONTEXT, AXES };

typedef struct axis {
    double *value; // all nodes of this level, those with one parent next to each other, ascending
    size_t *first; // [count + 1]: where a node's children start in the next level; NULL in the last one
    size_t count;
} axis;

struct mb_profile {
    mb_curve dense;    // microseconds over tokens; all layers, with the experts
    mb_curve sequence; // microseconds over rows
    axis axes[AXES];
    double *attention; // [axes[CONTEXT].count], microseconds of one layer
    double most[AXES]; // largest measured value of each axis
    double layers;
    double smallest; // chunk, above 0
    double launch;   // attention's time for it, with nothing else
    bool has_mlp;    // an operator of the second half of a layer, or experts
};

// --- looking up

// Time at `where` within the nodes first .. last - 1 of a level.
static double tree_at(const mb_profile *p, int level, size_t first, size_t last, const double *where,
                      bool *extrapolated) {
    const axis *a = &p->axes[level];
    const double at = where[level];
    size_t i = first;
    if (last - first > 1) i += mb_curve_piece(a->value + first, last - first, at);
    double low, high;
    const bool single = last - first == 1;
    const double share = single ? 0 : (at - a->value[i]) / (a->value[i + 1] - a->value[i]);
    if (!single && at > a->value[last - 1]) *extrapolated = true;
    if (level == CONTEXT) {
        low = p->attention[i];
        return share == 0 ? low : low + share * (p->attention[i + 1] - low);
    }
    low = share == 1 ? 0 : tree_at(p, level + 1, a->first[i], a->first[i + 1], where, extrapolated);
    if (share == 0) return low;
    high = tree_at(p, level + 1, a->first[i + 1], a->first[i + 2], where, extrapolated);
    return low + share * (high - low);
}

static double attention_at(const mb_profile *p, double chunk, double decodes, double prefix, double context,
                           bool *extrapolated) {
    // Nothing was measured without chunk and decodes: below the smallest chunk alone, the smallest stands.
    if (decodes == 0) chunk = fmax(chunk, p->smallest);
    const double where[AXES] = {[CHUNK] = chunk, [DECODES] = decodes, [PREFIX] = prefix, [CONTEXT] = context};
    for (int i = 0; i < AXES; i++)
        if (where[i] > p->most[i]) *extrapolated = true;
    return tree_at(p, CHUNK, 0, p->axes[CHUNK].count, where, extrapolated);
}

static double attention_seconds(const mb_profile *p, const mb_step_shape *shape, bool *extrapolated) {
    const double decodes = shape->decode_requests;
    const double context = decodes > 0 ? (double)shape->decode_context / decodes : 0;
    if (shape->prefill_requests == 0) return attention_at(p, 0, decodes, 0, context, extrapolated);
    uint32_t largest = 0;
    for (uint32_t i = 1; i < shape->prefill_requests; i++)
        if (shape->chunks[i].tokens > shape->chunks[largest].tokens) largest = i;
    const mb_chunk *first = &shape->chunks[largest];
    double time = attention_at(p, first->tokens, decodes, first->prefix, context, extrapolated);
    for (uint32_t i = 0; i < shape->prefill_requests; i++) {
        if (i == largest) continue;
        const mb_chunk *chunk = &shape->chunks[i];
        time += fmax(0, attention_at(p, chunk->tokens, 0, chunk->prefix, 0, extrapolated) - p->launch);
    }
    return time;
}

double mb_profile_seconds(const mb_profile *profile, const mb_step_shape *shape, uint32_t padded_decodes,
                          bool *extrapolated) {
    const uint32_t decodes =
        padded_decodes > shape->decode_requests ? padded_decodes : shape->decode_requests;
    const double rows = (double)shape->decode_requests + shape->prefill_requests;
    const double time = mb_curve_at(&profile->dense, mb_step_tokens_padded(shape, decodes), extrapolated) +
                        mb_curve_at(&profile->sequence, rows, extrapolated) +
                        profile->layers * attention_seconds(profile, shape, extrapolated);
    return 1e-6 * fmax(0, time);
}

// --- reading: curves

static double uses_per_pass(const char *layer, double layers) {
    if (strcmp(layer, "embedding") == 0 || strcmp(layer, "final_layernorm") == 0) return 1;
    return strcmp(layer, "layernorm") == 0 ? 2 * layers : layers;
}

static int by_layer(const void *a, const void *b) {
    const mb_profile_row *x = a, *y = b;
    const int names = strcmp(x->layer, y->layer);
    if (names != 0) return names;
    if (x->value[0] != y->value[0]) return x->value[0] < y->value[0] ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

// Sum of all layers' times, each as often as it runs. All must have been measured at the same points, so that
// the sum is the interpolation of the sum.
static mb_status sum_layers(mb_profile_csv *csv, const char *column, double layers, mb_curve *sum,
                            mb_error *error) {
    mb_profile_row *rows = csv->rows;
    qsort(rows, csv->count, sizeof *rows, by_layer);
    size_t points = 1;
    while (points < csv->count && strcmp(rows[points].layer, rows[0].layer) == 0)
        points++;
    mb_status status = mb_curve_make(sum, points, error);
    if (status) return status;
    sum->count = points;
    for (size_t i = 0; i < points; i++)
        sum->x[i] = rows[i].value[0];
    size_t k = 0; // of this layer
    for (size_t i = 0; i < csv->count; i++, k++) {
        const mb_profile_row *row = &rows[i];
        if (i > 0 && strcmp(row->layer, row[-1].layer) != 0) {
            if (k < points) break;
            k = 0;
        }
        if (k > 0 && row->value[0] == row[-1].value[0])
            return mb_fail_at(error, MB_BAD_INPUT, csv->path, row->line,
                              "%s at %.0f %s was given before, in line %lu", row->layer, row->value[0],
                              column, row[-1].line);
        if (k >= points || row->value[0] != sum->x[k])
            return mb_fail_at(error, MB_BAD_INPUT, csv->path, row->line,
                              "%s was measured at %.0f %s, %s was not; all layers need the same points",
                              row->layer, row->value[0], column, rows[0].layer);
        sum->y[k] += row->value[1] * (layers > 0 ? uses_per_pass(row->layer, layers) : 1);
    }
    if (k == points) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: a layer lacks some of the %zu points at which %s was measured; all layers need the "
                   "same points",
                   csv->path, points, rows[0].layer);
}

static bool has_layer(const mb_profile_csv *csv, const char *layer) {
    for (size_t i = 0; i < csv->count; i++)
        if (strcmp(csv->rows[i].layer, layer) == 0) return true;
    return false;
}

// *has_mlp (may be NULL): whether down_proj is there, or these are not the operators of a known model.
static mb_status read_curve(const char *directory, const char *name, const char *column, double layers,
                            mb_curve *sum, bool *has_mlp, mb_error *error) {
    const char *const columns[] = {column, "time_us"};
    mb_profile_csv csv;
    mb_status status = mb_profile_csv_read(directory, name, columns, 2, true, &csv, error);
    if (!status) status = sum_layers(&csv, column, layers, sum, error);
    if (has_mlp) *has_mlp = has_layer(&csv, "down_proj") || !has_layer(&csv, "qkv_proj");
    mb_profile_csv_deinit(&csv);
    return status;
}

// --- reading: attention

static int by_point(const void *a, const void *b) {
    const mb_profile_row *x = a, *y = b;
    for (int c = 0; c < AXES; c++)
        if (x->value[c] != y->value[c]) return x->value[c] < y->value[c] ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

// The first level at which a row begins a new node; AXES where it repeats the row before.
static int new_level(const mb_profile_row *rows, size_t i) {
    if (i == 0) return 0;
    int level = 0;
    while (level < AXES && rows[i].value[level] == rows[i - 1].value[level])
        level++;
    return level;
}

static mb_status make_axes(mb_profile *p, size_t rows, mb_error *error) {
    for (int level = 0; level < AXES; level++) {
        axis *a = &p->axes[level];
        a->value = malloc(rows * sizeof *a->value);
        if (level < CONTEXT) a->first = malloc((rows + 1) * sizeof *a->first);
        if (!a->value || (level < CONTEXT && !a->first)) return mb_fail_memory(error);
    }
    p->attention = malloc(rows * sizeof *p->attention);
    return p->attention ? MB_OK : mb_fail_memory(error);
}

static mb_status grow_tree(mb_profile *p, mb_profile_csv *csv, mb_error *error) {
    const mb_profile_row *rows = csv->rows;
    qsort(csv->rows, csv->count, sizeof *csv->rows, by_point);
    const mb_status status = make_axes(p, csv->count, error);
    if (status) return status;
    for (size_t i = 0; i < csv->count; i++) {
        const int from = new_level(rows, i);
        if (from == AXES)
            return mb_fail_at(error, MB_BAD_INPUT, csv->path, rows[i].line,
                              "this point was given before, in line %lu", rows[i - 1].line);
        for (int level = from; level < AXES; level++) {
            axis *a = &p->axes[level];
            if (level < CONTEXT) a->first[a->count] = p->axes[level + 1].count;
            a->value[a->count++] = rows[i].value[level];
            p->most[level] = fmax(p->most[level], rows[i].value[level]);
        }
        p->attention[i] = rows[i].value[AXES];
    }
    for (int level = 0; level < CONTEXT; level++)
        p->axes[level].first[p->axes[level].count] = p->axes[level + 1].count;
    return MB_OK;
}

static mb_status read_attention(const char *directory, mb_profile *p, mb_error *error) {
    // In the order of the axes.
    static const char *const columns[] = {"prefill_chunk", "n_decode", "kv_prefill", "kv_decode", "time_us"};
    mb_profile_csv csv;
    mb_status status = mb_profile_csv_read(directory, "attention.csv", columns, 5, false, &csv, error);
    if (!status) status = grow_tree(p, &csv, error);
    mb_profile_csv_deinit(&csv);
    if (status) return status;
    const axis *chunks = &p->axes[CHUNK];
    bool ignored = false;
    p->smallest = chunks->value[0] > 0 || chunks->count == 1 ? chunks->value[0] : chunks->value[1];
    p->launch = attention_at(p, p->smallest, 0, 0, 0, &ignored);
    return MB_OK;
}

// --- reading: experts

// How many of its experts a GPU activates on average, if each token picks `top` of `experts` at random and it
// computes as many picks as `tokens` tokens make: all those of one engine; of experts that are dealt out to
// `gpus`, a part of more.
static double activated(double tokens, double top, double experts, double gpus) {
    return experts / gpus * (1 - pow(1 - top / experts, tokens * gpus));
}

// The experts' time over tokens: the table has, for each number of tokens, several numbers of activated
// experts, down to what one token needs and up to all of them.
static mb_status experts_curve(mb_profile_csv *csv, uint32_t gpus, mb_curve *time, mb_error *error) {
    mb_profile_row *rows = csv->rows;
    qsort(rows, csv->count, sizeof *rows, by_layer); // by tokens; the sort below orders the experts
    double top = rows[0].value[1], experts = top;
    for (size_t i = 0; i < csv->count; i++) {
        top = fmin(top, rows[i].value[1]);
        experts = fmax(experts, rows[i].value[1]);
    }
    if (!(top > 0))
        return mb_fail(error, MB_BAD_INPUT, "%s: activated_experts must be at least 1", csv->path);
    if (gpus > experts)
        return mb_fail(error, MB_BAD_INPUT, "%s: %.0f experts cannot be dealt out to %u GPUs", csv->path,
                       experts, gpus);
    mb_status status = mb_curve_make(time, csv->count, error);
    if (status) return status;
    time->count = 0;
    double x[64];
    double y[64];
    for (size_t i = 0; i < csv->count;) {
        size_t n = 0;
        const double tokens = rows[i].value[0];
        for (; i < csv->count && rows[i].value[0] == tokens; i++) {
            if (n == 64)
                return mb_fail_at(error, MB_BAD_INPUT, csv->path, rows[i].line,
                                  "more than 64 rows for %.0f tokens", tokens);
            size_t at = n++;
            for (; at > 0 && x[at - 1] > rows[i].value[1]; at--)
                x[at] = x[at - 1], y[at] = y[at - 1];
            x[at] = rows[i].value[1], y[at] = rows[i].value[2];
            if (at > 0 && x[at - 1] == x[at])
                return mb_fail_at(error, MB_BAD_INPUT, csv->path, rows[i].line,
                                  "%.0f tokens, %.0f experts were given twice", tokens, x[at]);
        }
        const mb_curve here = {.x = x, .y = y, .count = n};
        bool ignored = false;
        time->x[time->count] = tokens;
        time->y[time->count++] = mb_curve_at(&here, activated(tokens, top, experts, gpus), &ignored);
    }
    return MB_OK;
}

// Adds the experts of all layers to the dense operators. Of a mixture, some folders lack them (they were
// measured for one way of sharding only): half of each layer would be missing without a word.
static mb_status read_experts(const char *directory, mb_expert_ranks shared, mb_profile *p, mb_error *error) {
    static const char *const columns[] = {"tokens", "activated_experts", "time_us"};
    mb_strbuf path = {0};
    mb_strbuf_printf(&path, "%s/moe.csv", directory);
    if (path.failed) return mb_fail_memory(error);
    const bool there = access(path.text, F_OK) == 0;
    mb_strbuf_deinit(&path);
    if (!there && p->has_mlp && shared.gpus > 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: no moe.csv with the times of experts, so cluster.experts has none to deal out",
                       directory);
    if (!there && p->has_mlp) return MB_OK; // a dense model
    if (!there)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s/dense.csv: no down_proj, and there is no moe.csv with the times of experts; half of "
            "each layer is missing",
            directory);
    mb_profile_csv csv;
    mb_curve time = {0};
    mb_status status = mb_profile_csv_read(directory, "moe.csv", columns, 3, false, &csv, error);
    const bool dealt = shared.gpus > 0;
    if (!status) status = experts_curve(&csv, dealt ? shared.gpus : 1, &time, error);
    const double share = dealt ? (double)shared.ranks / shared.gpus : 1;
    bool ignored = false;
    for (size_t i = 0; i < p->dense.count && !status; i++)
        p->dense.y[i] += p->layers * mb_curve_at(&time, p->dense.x[i] * share, &ignored);
    mb_curve_deinit(&time);
    mb_profile_csv_deinit(&csv);
    return status;
}

// --- all of it

mb_status mb_profile_read(const char *directory, uint32_t layers, mb_expert_ranks shared,
                          mb_profile **profile, mb_error *error) {
    *profile = NULL;
    if (layers == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: the tables hold one transformer layer; say how many layers the model has",
                       directory);
    mb_profile *p = calloc(1, sizeof *p);
    if (!p) return mb_fail_memory(error);
    p->layers = layers;
    mb_status status = read_curve(directory, "dense.csv", "tokens", p->layers, &p->dense, &p->has_mlp, error);
    if (!status)
        status = read_curve(directory, "per_sequence.csv", "sequences", 0, &p->sequence, NULL, error);
    if (!status) status = read_attention(directory, p, error);
    if (!status) status = read_experts(directory, shared, p, error);
    if (status)
        mb_profile_free(p);
    else
        *profile = p;
    return status;
}

void mb_profile_free(mb_profile *profile) {
    if (!profile) return;
    mb_curve_deinit(&profile->dense);
    mb_curve_deinit(&profile->sequence);
    for (int level = 0; level < AXES; level++) {
        free(profile->axes[level].value);
        free(profile->axes[level].first);
    }
    free(profile->attention);
    free(profile);
}
