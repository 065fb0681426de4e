// SPDX-License-Identifier: MIT
#include "probe/measure.h"

#include "base/strbuf.h"
#include "probe/table.h"
#include "probe/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 100000, MOST_LINE = 1024, PREFILL_TOKENS = 8192 };

typedef struct run {
    const mb_probe_task *task;
    mb_probe_session *session;
    mb_probe_step *cells; // a step, or a batch of `decodes` requests with `context` tokens
    size_t count;
    char precision[8];
    mb_probe_table table;
    double start_s;
    mb_probe_summary *summary;
    mb_error *error;
} run;

// --- which cells
// ----------------------------------------------------------------------------------------------

static bool add_cell(run *r, mb_probe_step step) {
    if (r->count == MOST_CELLS) return true;
    mb_probe_step *grown = realloc(r->cells, (r->count + 1) * sizeof *grown);
    if (!grown) return false;
    r->cells = grown;
    grown[r->count++] = step;
    return true;
}

// Decodes beside a chunk. Of an engine, whose steps may become tables (fit/tables.h), with the fewest and the
// most decodes, and with contexts at both ends.
static bool plan_mixed(run *r, size_t chunks) {
    const mb_probe_task *t = r->task;
    const bool engine = mb_probe_is_engine(t->backend);
    const size_t last = t->batch_count - 1, apart = engine && last > 3 ? last / 3 : 2;
    const uint32_t ends[] = {t->lengths[0], t->lengths[t->length_count - 1]},
                   middle = t->lengths[t->length_count / 2];
    bool good = true;
    for (size_t c = 0; c < (engine && t->length_count > 1 ? 2 : 1); c++)
        for (size_t b = 0; b <= last; b += apart)
            for (size_t l = 0; l < chunks; l++)
                good =
                    good &&
                    add_cell(r, (mb_probe_step){.chunks = 1,
                                                .chunk = t->lengths[l],
                                                .decodes = t->batches[engine && b + apart > last ? last : b],
                                                .context = engine ? ends[c] : middle});
    return good;
}

// Steps of decodes, of one chunk at the start of a prompt, of one after the longest, and of chunks and
// decodes. Neighbours have their contexts in common: an engine computes these.
static bool plan_steps(run *r) {
    const mb_probe_task *t = r->task;
    const uint32_t far = t->lengths[t->length_count - 1];
    bool good = true;
    for (size_t l = 0; l < t->length_count; l++)
        for (size_t b = 0; b < t->batch_count; b++)
            good = good && add_cell(r, (mb_probe_step){.decodes = t->batches[b], .context = t->lengths[l]});
    size_t chunks = 0; // that are short enough
    while (chunks < t->length_count && t->lengths[chunks] <= PREFILL_TOKENS)
        chunks++;
    // Chunks as small as batches: kernels change where a few rows become many.
    for (size_t b = 0; b < t->batch_count && mb_probe_is_engine(t->backend); b++)
        if (t->batches[b] < t->lengths[0])
            good = good && add_cell(r, (mb_probe_step){.chunks = 1, .chunk = t->batches[b]});
    for (size_t l = 0; l < chunks; l++)
        good = good && add_cell(r, (mb_probe_step){.chunks = 1, .chunk = t->lengths[l]});
    for (size_t l = 0; l < chunks; l++)
        good = good && add_cell(r, (mb_probe_step){.chunks = 1, .chunk = t->lengths[l], .prefix = far});
    return good && plan_mixed(r, chunks);
}

static bool plan_batches(run *r) {
    const mb_probe_task *t = r->task;
    bool good = true;
    for (size_t b = 0; b < t->batch_count; b++)
        for (size_t l = 0; l < t->length_count; l++)
            good = good && add_cell(r, (mb_probe_step){.decodes = t->batches[b], .context = t->lengths[l]});
    return good;
}

// A batch's prompts are a quarter of its length, as in the grids of llm-scheduler-sim; the rest is generated.
static uint32_t prompt_of(uint32_t length) {
    return length / 4 ? length / 4 : 1;
}

static mb_probe_limits limits_of(const run *r) {
    mb_probe_limits most = {.tokens = 1, .rows = 1};
    for (size_t i = 0; i < r->count; i++) {
        const mb_probe_step *s = &r->cells[i];
        const bool batch = r->task->grid == MB_PROBE_BATCHES;
        const uint64_t tokens =
            batch ? (uint64_t)s->decodes * prompt_of(s->context) : (uint64_t)s->decodes + s->chunk;
        const uint64_t kv = (uint64_t)s->decodes * (s->context + 16) + s->prefix + s->chunk + 16;
        if (tokens < PREFILL_TOKENS && tokens > most.tokens) most.tokens = (uint32_t)tokens;
        if (tokens >= PREFILL_TOKENS) most.tokens = PREFILL_TOKENS;
        if (s->decodes + s->chunks > most.rows) most.rows = s->decodes + s->chunks;
        if (kv > most.kv_tokens) most.kv_tokens = kv;
    }
    return most;
}

// --- the file
// -------------------------------------------------------------------------------------------------

static void identity(const run *r, char *text, size_t size) {
    snprintf(text, size, "# mbsand probe: %s of %s, %s, %s",
             r->task->grid == MB_PROBE_STEPS ? "steps" : "batches", r->task->name, r->task->backend->name,
             r->precision);
}

static mb_status open_file(run *r) {
    static const size_t of_steps[] = {6, 7, 8, 9}, of_batches[] = {0, 1};
    const bool steps = r->task->grid == MB_PROBE_STEPS;
    char own[MOST_LINE];
    mb_strbuf head = {0};
    identity(r, own, sizeof own);
    mb_strbuf_printf(&head, "%s\n# device: %s\n# each time: ", own, r->summary->device);
    if (mb_probe_is_engine(r->task->backend))
        mb_strbuf_printf(&head, "a whole step and its likeliest tokens%s",
                         r->task->subject.processor ? ", of the processor's time" : "");
    else
        mb_strbuf_printf(&head, "%u layers' worth and the head", r->task->subject.model->layers);
    mb_strbuf_printf(
        &head, ", %s of %u trials after a first one\n%s\n", steps ? "the median" : "the mean",
        r->task->trials,
        steps ? "tokens,context,requests,time_s,spread_s,trials,chunk,prefix,decodes,decode_context"
              : "batch_size,max_seq_len,mean_latency_sec,std_latency_sec,num_trials");
    const mb_status status =
        head.failed ? mb_fail_memory(r->error)
                    : mb_probe_table_open(r->task->path, head.text, steps ? of_steps : of_batches,
                                          steps ? 4 : 2, &r->table, r->error);
    mb_strbuf_deinit(&head);
    return status;
}

static bool is_known(void *self, size_t cell) {
    const run *r = self;
    const mb_probe_step *s = &r->cells[cell];
    const double of_steps[] = {s->chunk, s->prefix, s->decodes, s->context},
                 of_batches[] = {s->decodes, s->context};
    return mb_probe_table_has(&r->table, r->task->grid == MB_PROBE_STEPS ? of_steps : of_batches);
}

// --- measuring
// ------------------------------------------------------------------------------------------------

// A batch run to its end: the prompts in steps of at most PREFILL_TOKENS tokens, then a step for each further
// token.
static mb_status time_batch(run *r, const mb_probe_step *batch, double *seconds) {
    const uint32_t prompt = prompt_of(batch->context);
    uint32_t at_once = PREFILL_TOKENS / prompt ? PREFILL_TOKENS / prompt : 1;
    if (at_once > batch->decodes) at_once = batch->decodes;
    *seconds = 0;
    mb_status status = MB_OK;
    for (uint32_t done = 0; done < batch->decodes && !status; done += at_once) {
        const uint32_t rows = batch->decodes - done < at_once ? batch->decodes - done : at_once;
        for (uint32_t prefix = 0; prefix < prompt && !status; prefix += PREFILL_TOKENS) {
            const uint32_t chunk = prompt - prefix < PREFILL_TOKENS ? prompt - prefix : PREFILL_TOKENS;
            const mb_probe_step step = {.chunks = rows, .chunk = chunk, .prefix = prefix};
            double took = 0;
            status = mb_probe_session_time(r->session, &step, &took, r->error);
            *seconds += took;
        }
    }
    for (uint32_t context = prompt; context + 1 < batch->context && !status; context++) {
        const mb_probe_step step = {.decodes = batch->decodes, .context = context};
        double took = 0;
        if (atomic_load(r->task->stop) || mb_probe_spent(r->task, r->start_s, r->summary)) return MB_OK;
        status = mb_probe_session_time(r->session, &step, &took, r->error);
        *seconds += took;
    }
    return status;
}

static mb_status time_cell(void *self, size_t cell, double *seconds, mb_error *error) {
    run *r = self;
    const mb_probe_step *step = &r->cells[cell];
    // (The first of a run is measured in any case.)
    mb_probe_session_until(r->session, r->summary->measured ? r->start_s + r->task->budget_s : INFINITY,
                           r->task->stop);
    return r->task->grid == MB_PROBE_STEPS ? mb_probe_session_time(r->session, step, seconds, error)
                                           : time_batch(r, step, seconds);
}

static mb_status write_cell(void *self, size_t cell, const double *times, uint32_t trials, mb_error *error) {
    run *r = self;
    const mb_probe_step *s = &r->cells[cell];
    char line[MOST_LINE];
    double mean = 0, squares = 0;
    for (uint32_t i = 0; i < trials; i++)
        mean += times[i] / trials;
    for (uint32_t i = 0; i < trials; i++)
        squares += (times[i] - mean) * (times[i] - mean);
    const double deviation = trials > 1 ? sqrt(squares / (trials - 1)) : 0;
    const double spread = times[trials - 1 - trials / 4] - times[trials / 4]; // between the quartiles
    if (r->task->grid == MB_PROBE_STEPS)
        snprintf(line, sizeof line, "%llu,%llu,%u,%.9g,%.3g,%u,%u,%u,%u,%u\n",
                 (unsigned long long)s->chunk + s->decodes,
                 (unsigned long long)s->decodes * (s->context + (s->decodes > 0)), s->chunks + s->decodes,
                 mb_probe_median(times, trials), spread, trials, s->chunk, s->prefix, s->decodes, s->context);
    else
        snprintf(line, sizeof line, "%u,%u,%.9g,%.3g,%u\n", s->decodes, s->context, mean, deviation, trials);
    const mb_status status = mb_probe_table_note(&r->table, mb_probe_session_note(r->session), error);
    return status ? status : mb_probe_table_add(&r->table, line, error);
}

static mb_status measure_all(run *r) {
    const mb_probe_cells cells = {
        .count = r->count, .known = is_known, .time = time_cell, .write = write_cell, .self = r};
    return mb_probe_walk(r->task, r->start_s, &cells, r->summary, r->error);
}

// The device may be too small for the largest cells: leave these out, largest first, and say so in the file.
static bool drop_largest(run *r) {
    uint64_t most = 0;
    for (size_t i = 0; i < r->count; i++) {
        const mb_probe_step *s = &r->cells[i];
        const uint64_t kv = (uint64_t)s->decodes * s->context + s->prefix + s->chunk;
        if (kv > most) most = kv;
    }
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        const mb_probe_step *s = &r->cells[i];
        if ((uint64_t)s->decodes * s->context + s->prefix + s->chunk < most) r->cells[kept++] = r->cells[i];
    }
    r->summary->skipped += r->count - kept;
    r->count = kept;
    return kept > 0;
}

static mb_status open_session(run *r) {
    for (;;) {
        const mb_probe_limits limits = limits_of(r);
        const mb_status status = mb_probe_session_open(r->task->backend, &r->task->subject, r->precision, 1,
                                                       &limits, r->task->seed, &r->session, r->error);
        const bool full = status && strncmp(r->error->message, "out of memory", strlen("out of memory")) == 0;
        if (!full || !drop_largest(r)) return status;
    }
}

mb_status mb_probe_measure(const mb_probe_task *task, mb_probe_summary *summary, mb_error *error) {
    *summary = (mb_probe_summary){0};
    run r = {.task = task, .summary = summary, .start_s = mb_probe_now_s(), .error = error};
    snprintf(r.precision, sizeof r.precision, "%s",
             task->precision ? task->precision : mb_probe_usual_precision(task->backend));
    const bool planned = task->grid == MB_PROBE_STEPS ? plan_steps(&r) : plan_batches(&r);
    mb_status status = planned ? MB_OK : mb_fail_memory(error);
    summary->cells = r.count;
    if (!status) status = open_session(&r);
    if (!status) mb_probe_session_describe(r.session, summary->device, sizeof summary->device);
    if (!status) status = open_file(&r);
    if (!status && summary->skipped) {
        char note[MOST_LINE];
        snprintf(note, sizeof note, "# %zu cells left out: more KV memory than the device has\n",
                 summary->skipped);
        status = mb_probe_table_add(&r.table, note, error);
    }
    if (!status) status = measure_all(&r);
    const char *note = mb_probe_session_note(r.session);
    if (note) snprintf(summary->note, sizeof summary->note, "%s", note);
    mb_error late;
    if (mb_probe_table_close(&r.table, &late) && !status) {
        status = MB_FAILED;
        *error = late;
    }
    mb_probe_session_close(r.session);
    free(r.cells);
    summary->seconds = mb_probe_now_s() - r.start_s;
    return status;
}
