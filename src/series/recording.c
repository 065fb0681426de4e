// SPDX-License-Identifier: MIT
#include "series/recording.h"

#include "base/apart.h"

#include <math.h>
#include <stdlib.h>

const mb_recorded_name mb_recorded_names[MB_RECORDED_COUNT] = {
    {"waiting", "", "Requests that wait", 1},   {"running", "", "Requests that run", 1},
    {"memory", "%", "KV memory in use", 100},   {"batch", "", "Requests in a batch", 1},
    {"tbt", "ms", "Time between tokens", 1000},
};

mb_recording *mb_recording_new(uint32_t replicas) {
    mb_recording *recording = calloc(1, sizeof *recording);
    if (!recording) return NULL;
    recording->replicas = recording->first_replicas = replicas;
    recording->ends = calloc(replicas ? replicas : 1, sizeof *recording->ends);
    for (size_t i = 0; i < MB_RECORDED_COUNT; i++)
        mb_series_init(&recording->series[i]);
    if (recording->ends) return recording;
    free(recording);
    return NULL;
}

void mb_recording_free(mb_recording *recording) {
    if (!recording) return;
    free(recording->ends);
    free(recording);
}

// One that came later was not there before its first batch.
static MB_APART bool find_room(mb_recording *recording, uint32_t replica) {
    if (replica < recording->replicas) return true;
    const uint32_t more = 2 * replica + 1;
    double *grown = realloc(recording->ends, more * sizeof *grown);
    if (!grown) return false;
    for (uint32_t i = recording->replicas; i < more; i++)
        grown[i] = INFINITY;
    recording->ends = grown;
    recording->replicas = more;
    return true;
}

// Nearly always a piece of time lies within one interval.
static inline bool lies_in(const mb_recording *recording, double from_s, double to_s, int *cell) {
    if (!(from_s >= 0 && to_s > from_s && to_s <= recording->limit_s)) return false;
    *cell = (int)(from_s * recording->per_s);
    return to_s <= recording->width_s * (*cell + 1);
}

// One width for all series, so that a piece of time is cut once for all that it goes into.
static void make_wide(mb_recording *recording, double to_s) {
    if (to_s <= recording->limit_s) return;
    recording->width_s = mb_series_width(recording->width_s, to_s);
    recording->per_s = 1 / recording->width_s;
    recording->limit_s = recording->width_s * MB_SERIES_POINTS;
    recording->held_until_s = 0; // its interval is another
    for (size_t i = 0; i < MB_RECORDED_COUNT; i++)
        mb_series_widen(&recording->series[i], recording->width_s);
}

static void spread(mb_recording *recording, const mb_series_piece *pieces, size_t count, double from_s,
                   double to_s) {
    if (!(to_s > from_s) || !(from_s >= 0) || !isfinite(to_s)) return;
    make_wide(recording, to_s);
    mb_series_spread(pieces, count, from_s, to_s);
}

// What happens rarely stands by itself, so that the rest needs no stack.
static MB_APART void hold_across(mb_recording *recording, double from_s, double to_s, double waits,
                                 double runs) {
    const mb_series_piece pieces[] = {{&recording->series[MB_RECORDED_WAITING], waits, waits},
                                      {&recording->series[MB_RECORDED_RUNNING], runs, runs}};
    spread(recording, pieces, 2, from_s, to_s);
    if (!(to_s < recording->limit_s)) return;
    recording->held_cell = (int)(to_s * recording->per_s);
    recording->held_until_s = recording->width_s * (recording->held_cell + 1);
}

static void on_held(void *self, double from_s, double to_s, uint64_t waiting, uint64_t running) {
    mb_recording *recording = self;
    const double waits = (double)(int64_t)waiting, runs = (double)(int64_t)running;
    if (!(to_s <= recording->held_until_s)) {
        hold_across(recording, from_s, to_s, waits, runs);
        return;
    }
    // In the interval of the one before, whose end is its beginning.
    mb_series *series = recording->series;
    const int cell = recording->held_cell;
    const double seconds = to_s - from_s;
    mb_series_put(&series[MB_RECORDED_WAITING].cells[cell], seconds, seconds * waits, waits, waits);
    mb_series_put(&series[MB_RECORDED_RUNNING].cells[cell], seconds, seconds * runs, runs, runs);
}

// What the last batch of a replica left in its memory, until it begins the next one.
static MB_APART void add_gap(mb_recording *recording, double from_s, double to_s, double kept) {
    mb_series *memory = &recording->series[MB_RECORDED_MEMORY];
    int cell;
    if (lies_in(recording, from_s, to_s, &cell))
        mb_series_put(&memory->cells[cell], to_s - from_s, (to_s - from_s) * kept, kept, kept);
    else
        spread(recording, &(mb_series_piece){memory, kept, kept}, 1, from_s, to_s);
}

static MB_APART void add_across(mb_recording *recording, const mb_batch_record *batch, bool emits,
                                double first, double last) {
    mb_series *series = recording->series;
    mb_series_piece pieces[3] = {{&series[MB_RECORDED_BATCH], batch->requests, batch->requests}};
    size_t count = 1;
    if (emits) pieces[count++] = (mb_series_piece){&series[MB_RECORDED_TBT], batch->tbt_s, batch->tbt_s};
    if (batch->kv_capacity) pieces[count++] = (mb_series_piece){&series[MB_RECORDED_MEMORY], first, last};
    spread(recording, pieces, count, batch->start_s, batch->end_s);
}

static mb_status on_batch(void *self, const mb_batch_record *batch, mb_error *error) {
    mb_recording *recording = self;
    const double from_s = batch->start_s, to_s = batch->end_s, seconds = to_s - from_s;
    const bool emits = batch->decode_tokens && batch->tbt_s > 0;
    double first = 0, last = 0; // of the memory, where it has a limit
    if (batch->replica >= recording->replicas && !find_room(recording, batch->replica))
        return mb_fail_memory(error);
    double *end_s = &recording->ends[batch->replica];
    if (batch->kv_capacity) {
        const double tokens = (double)(int64_t)batch->kv_capacity;
        first = (double)(int64_t)batch->kv_before / tokens;
        last = (double)(int64_t)batch->kv_reserved / tokens;
        if (from_s > *end_s) add_gap(recording, *end_s, from_s, (double)(int64_t)batch->kv_between / tokens);
    }
    *end_s = to_s;
    int cell;
    if (!lies_in(recording, from_s, to_s, &cell)) {
        add_across(recording, batch, emits, first, last);
        return MB_OK;
    }
    mb_series *series = recording->series;
    const double requests = batch->requests;
    mb_series_put(&series[MB_RECORDED_BATCH].cells[cell], seconds, seconds * requests, requests, requests);
    if (emits)
        mb_series_put(&series[MB_RECORDED_TBT].cells[cell], seconds, seconds * batch->tbt_s, batch->tbt_s,
                      batch->tbt_s);
    if (batch->kv_capacity)
        mb_series_put(&series[MB_RECORDED_MEMORY].cells[cell], seconds, seconds * (first + last) / 2,
                      first < last ? first : last, first > last ? first : last);
    return MB_OK;
}

static void on_taken(void *self, const mb_taken *taken) {
    mb_recording *recording = self;
    if (!taken->bin) return;
    if (taken->bins > recording->bin_count) recording->bin_count = taken->bins;
    mb_counts_add(&recording->bins, taken->time_s, taken->bin - 1);
}

mb_observer mb_recording_observer(mb_recording *recording) {
    return (mb_observer){.held = on_held, .batch = on_batch, .taken = on_taken, .self = recording};
}

void mb_recording_end(mb_recording *recording) {
    double width_s = recording->bins.width_s;
    for (size_t i = 0; i < MB_RECORDED_COUNT; i++)
        width_s = width_s < recording->series[i].width_s ? recording->series[i].width_s : width_s;
    for (size_t i = 0; i < MB_RECORDED_COUNT; i++)
        mb_series_widen(&recording->series[i], width_s);
    mb_counts_widen(&recording->bins, width_s);
}

size_t mb_recording_used(const mb_recording *recording) {
    size_t used = 0;
    for (size_t i = 0; i < MB_SERIES_POINTS; i++)
        for (size_t j = 0; j < MB_RECORDED_COUNT; j++)
            if (recording->series[j].cells[i].seconds > 0) used = i + 1;
    return used;
}
