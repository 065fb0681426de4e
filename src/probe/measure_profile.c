// SPDX-License-Identifier: MIT
#include "base/strbuf.h"
#include "probe/measure.h"
#include "probe/table.h"
#include "probe/walk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIECE = 16, MOST_CHUNK = 4096, MOST_CELLS = 20000, MOST_LINE = 1024 };

typedef enum part { DENSE, SEQUENCE, ATTENTION, PARTS } part;

static const struct {
    const char *file, *columns;
    size_t keys;
} FILES[PARTS] = {{"dense.csv", "layer,tokens,time_us", 1},
                  {"per_sequence.csv", "layer,sequences,time_us", 1},
                  {"attention.csv", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us", 4}};

// DENSE: `chunk` tokens; SEQUENCE: `decodes` rows; ATTENTION: the step.
typedef struct cell {
    part part;
    mb_probe_step step;
} cell;

typedef struct run {
    const mb_probe_task *task;
    mb_probe_session *session;
    cell *cells;
    size_t count;
    mb_probe_table tables[PARTS];
    char *paths[PARTS];
    double start_s;
    mb_probe_summary *summary;
    mb_error *error;
} run;

// --- which cells
// ----------------------------------------------------------------------------------------------

static bool add_cell(run *r, part p, mb_probe_step step) {
    for (size_t i = 0; i < r->count; i++) {
        const mb_probe_step *old = &r->cells[i].step;
        if (r->cells[i].part == p && old->chunk == step.chunk && old->prefix == step.prefix &&
            old->decodes == step.decodes && old->context == step.context)
            return true;
    }
    if (r->count == MOST_CELLS) return true;
    cell *grown = realloc(r->cells, (r->count + 1) * sizeof *grown);
    if (!grown) return false;
    r->cells = grown;
    grown[r->count++] = (cell){p, step};
    return true;
}

static uint32_t most_of(const uint32_t *values, size_t count, uint32_t limit) {
    uint32_t most = 1;
    for (size_t i = 0; i < count; i++)
        if (values[i] <= limit && values[i] > most) most = values[i];
    return most;
}

static bool plan_attention(run *r) {
    const mb_probe_task *t = r->task;
    bool good = true;
    for (size_t n = 0; n < t->batch_count; n++)
        for (size_t k = 0; k < t->length_count; k++)
            good = good && add_cell(r, ATTENTION,
                                    (mb_probe_step){.decodes = t->batches[n], .context = t->lengths[k]});
    for (size_t c = 0; c < t->length_count; c++) {
        const uint32_t chunk = t->lengths[c];
        if (chunk > MOST_CHUNK) continue;
        for (size_t p = 0; p <= t->length_count; p++)
            good =
                good &&
                add_cell(r, ATTENTION,
                         (mb_probe_step){.chunks = 1, .chunk = chunk, .prefix = p ? t->lengths[p - 1] : 0});
        // Beside decodes: the ends and the middle of what they may be.
        for (size_t n = 0; n < 3; n++)
            for (size_t far = 0; far < 4; far++) {
                const mb_probe_step both = {.chunks = 1,
                                            .chunk = chunk,
                                            .prefix = far / 2 ? t->lengths[t->length_count - 1] : 0,
                                            .decodes = t->batches[n * (t->batch_count - 1) / 2],
                                            .context = t->lengths[far % 2 ? t->length_count - 1 : 0]};
                good = good && add_cell(r, ATTENTION, both);
            }
    }
    return good;
}

static bool plan(run *r) {
    const mb_probe_task *t = r->task;
    const uint32_t batch = most_of(t->batches, t->batch_count, UINT32_MAX);
    const uint32_t tokens = most_of(t->lengths, t->length_count, MOST_CHUNK) + batch;
    bool good = true;
    // Every batch, since small products have steps of their own; beyond, powers of two.
    for (size_t n = 0; n < t->batch_count; n++)
        good = good && add_cell(r, DENSE, (mb_probe_step){.chunk = t->batches[n]}) &&
               add_cell(r, SEQUENCE, (mb_probe_step){.decodes = t->batches[n]});
    for (uint32_t n = 1; n < 2 * tokens; n *= 2)
        if (n > batch) good = good && add_cell(r, DENSE, (mb_probe_step){.chunk = n < tokens ? n : tokens});
    return good && plan_attention(r);
}

static mb_probe_limits limits_of(const run *r) {
    const mb_probe_task *t = r->task;
    const uint32_t batch = most_of(t->batches, t->batch_count, UINT32_MAX);
    const uint32_t longest = most_of(t->lengths, t->length_count, UINT32_MAX);
    const uint32_t chunk = most_of(t->lengths, t->length_count, MOST_CHUNK);
    const uint32_t pieces = (chunk + batch) / PIECE + PIECE; // of plain()
    const uint32_t rows = batch + 1 > pieces ? batch + 1 : pieces;
    return (mb_probe_limits){.tokens = chunk + batch + PIECE,
                             .rows = rows,
                             .kv_tokens = (uint64_t)batch * (longest + PIECE) + longest + chunk + PIECE};
}

// --- measuring
// ------------------------------------------------------------------------------------------------

// A layer's step with that many tokens and as good as no attention.
static mb_probe_step plain(uint32_t tokens) {
    return tokens < PIECE
               ? (mb_probe_step){.decodes = tokens}
               : (mb_probe_step){.chunks = tokens / PIECE, .chunk = PIECE, .decodes = tokens % PIECE};
}

static mb_status time_cell(void *self, size_t cell_index, double *seconds, mb_error *error) {
    run *r = self;
    const cell *c = &r->cells[cell_index];
    if (c->part == SEQUENCE) return mb_probe_session_head(r->session, c->step.decodes, seconds, error);
    const mb_probe_step rest = plain(c->step.chunk + c->step.decodes);
    double without = 0;
    mb_status status = mb_probe_session_layer(r->session, &rest, &without, error);
    *seconds = without;
    if (status || c->part == DENSE) return status;
    status = mb_probe_session_layer(r->session, &c->step, seconds, error);
    *seconds = fmax(0, *seconds - without);
    return status;
}

static mb_status write_cell(void *self, size_t cell_index, const double *times, uint32_t trials,
                            mb_error *error) {
    run *r = self;
    const cell *c = &r->cells[cell_index];
    const mb_probe_step *s = &c->step;
    const double us = 1e6 * mb_probe_median(times, trials);
    char line[MOST_LINE];
    if (c->part == DENSE)
        snprintf(line, sizeof line, "layer,%u,%.6g\n", s->chunk, us);
    else if (c->part == SEQUENCE)
        snprintf(line, sizeof line, "head,%u,%.6g\n", s->decodes, us);
    else
        snprintf(line, sizeof line, "%u,%u,%u,%u,%.6g\n", s->chunk, s->prefix, s->decodes,
                 s->decodes ? s->context + 1 : 0, us);
    mb_probe_table *table = &r->tables[c->part];
    const mb_status status = mb_probe_table_note(table, mb_probe_session_note(r->session), error);
    return status ? status : mb_probe_table_add(table, line, error);
}

static bool is_known(void *self, size_t cell_index) {
    const run *r = self;
    const cell *c = &r->cells[cell_index];
    const mb_probe_step *s = &c->step;
    const double attention[] = {s->chunk, s->prefix, s->decodes, s->decodes ? s->context + 1 : 0};
    const double one = c->part == DENSE ? s->chunk : s->decodes;
    return mb_probe_table_has(&r->tables[c->part], c->part == ATTENTION ? attention : &one);
}

static mb_status measure_all(run *r) {
    const mb_probe_cells cells = {
        .count = r->count, .known = is_known, .time = time_cell, .write = write_cell, .self = r};
    return mb_probe_walk(r->task, r->start_s, &cells, r->summary, r->error);
}

// --- files
// -----------------------------------------------------------------------------------------------------

static mb_status open_table(run *r, part p) {
    static const size_t named[] = {1}, attention[] = {0, 1, 2, 3};
    const mb_probe_task *t = r->task;
    mb_strbuf path = {0}, head = {0};
    mb_strbuf_printf(&path, "%s/%s", t->path, FILES[p].file);
    mb_strbuf_printf(&head,
                     "# mbsand probe: profile of %s, %s, %s\n# device: %s\n# one layer of %u; the median of "
                     "%u trials\n%s\n",
                     t->name, t->backend->name, t->precision ? t->precision : "usual precision",
                     r->summary->device, t->subject.model->layers, t->trials, FILES[p].columns);
    r->paths[p] = path.text;
    mb_status status = path.failed || head.failed ? mb_fail_memory(r->error) : MB_OK;
    if (!status)
        status = mb_probe_table_open(path.text, head.text, p == ATTENTION ? attention : named, FILES[p].keys,
                                     &r->tables[p], r->error);
    mb_strbuf_deinit(&head);
    return status;
}

static void close_all(run *r, mb_status *status) {
    for (int p = 0; p < PARTS; p++) {
        mb_error late;
        if (mb_probe_table_close(&r->tables[p], &late) && !*status) {
            *status = MB_FAILED;
            *r->error = late;
        }
        free(r->paths[p]);
    }
    mb_probe_session_close(r->session);
    free(r->cells);
}

mb_status mb_probe_measure_profile(const mb_probe_task *task, mb_probe_summary *summary, mb_error *error) {
    *summary = (mb_probe_summary){0};
    run r = {.task = task, .summary = summary, .start_s = mb_probe_now_s(), .error = error};
    mb_status status = plan(&r) ? MB_OK : mb_fail_memory(error);
    summary->cells = r.count;
    if (!status && mkdir(task->path, 0777) != 0 && errno != EEXIST)
        status = mb_fail(error, MB_BAD_INPUT, "cannot make the folder %s: %s", task->path, strerror(errno));
    const mb_probe_limits limits = limits_of(&r);
    if (!status)
        status = mb_probe_session_open(task->backend, &task->subject, task->precision, 1, &limits, task->seed,
                                       &r.session, error);
    if (!status) mb_probe_session_describe(r.session, summary->device, sizeof summary->device);
    for (int p = 0; p < PARTS && !status; p++)
        status = open_table(&r, (part)p);
    if (!status) status = measure_all(&r);
    const char *note = mb_probe_session_note(r.session);
    if (note) snprintf(summary->note, sizeof summary->note, "%s", note);
    close_all(&r, &status);
    summary->seconds = mb_probe_now_s() - r.start_s;
    return status;
}
