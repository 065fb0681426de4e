// SPDX-License-Identifier: MIT
#include "series/recording.h"

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
static bool find_room(mb_recording *recording, uint32_t replica) {
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

// Where a moment lies in several series, those that have anything.
static mb_recorded_interval interval_of(const mb_series *series, size_t count, double at_s) {
    double width_s = 0;
    for (size_t i = 0; i < count; i++) {
        if (width_s > 0 && series[i].width_s > 0 && series[i].width_s != width_s)
            return (mb_recorded_interval){0};
        if (series[i].width_s > 0) width_s = series[i].width_s;
    }
    if (!(at_s >= 0 && at_s < width_s * MB_SERIES_POINTS)) return (mb_recorded_interval){0};
    const size_t cell = (size_t)(at_s / width_s);
    return (mb_recorded_interval){
        .from_s = width_s * (double)cell, .to_s = width_s * (double)(cell + 1), .cell = cell};
}

static bool lies_in(const mb_recorded_interval *interval, double from_s, double to_s) {
    return from_s >= interval->from_s && to_s <= interval->to_s && to_s > from_s;
}

static void hold_anywhere(mb_recording *recording, double from_s, double to_s, double waits, double runs) {
    mb_series *series = recording->series;
    if (!(to_s > from_s)) return;
    mb_series_slope(&series[MB_RECORDED_WAITING], from_s, to_s, waits, waits);
    mb_series_slope(&series[MB_RECORDED_RUNNING], from_s, to_s, runs, runs);
    recording->held = interval_of(&series[MB_RECORDED_WAITING], 2, to_s);
}

static void on_held(void *self, double from_s, double to_s, uint64_t waiting, uint64_t running) {
    mb_recording *recording = self;
    mb_series_cell *first = &recording->series[MB_RECORDED_WAITING].cells[recording->held.cell];
    mb_series_cell *second = &recording->series[MB_RECORDED_RUNNING].cells[recording->held.cell];
    const double waits = (double)(int64_t)waiting, runs = (double)(int64_t)running, seconds = to_s - from_s;
    if (!lies_in(&recording->held, from_s, to_s) || !(first->seconds > 0)) { // as in the other
        hold_anywhere(recording, from_s, to_s, waits, runs);
        return;
    }
    mb_series_put(first, seconds, seconds * waits, waits, waits);
    mb_series_put(second, seconds, seconds * runs, runs, runs);
}

// Where there is a limit.
static void add_memory(mb_recording *recording, const mb_batch_record *batch) {
    mb_series *memory = &recording->series[MB_RECORDED_MEMORY];
    const double tokens = (double)batch->kv_capacity;
    double *end_s = &recording->ends[batch->replica];
    if (!(tokens > 0)) return;
    mb_series_slope(memory, *end_s, batch->start_s, (double)batch->kv_between / tokens,
                    (double)batch->kv_between / tokens);
    mb_series_slope(memory, batch->start_s, batch->end_s, (double)batch->kv_before / tokens,
                    (double)batch->kv_reserved / tokens);
    *end_s = batch->end_s;
}

static mb_status add_anywhere(mb_recording *recording, const mb_batch_record *batch, mb_error *error) {
    mb_series *series = recording->series;
    const double from_s = batch->start_s, to_s = batch->end_s;
    if (!find_room(recording, batch->replica)) return mb_fail_memory(error);
    mb_series_slope(&series[MB_RECORDED_BATCH], from_s, to_s, batch->requests, batch->requests);
    if (batch->decode_tokens && batch->tbt_s > 0)
        mb_series_slope(&series[MB_RECORDED_TBT], from_s, to_s, batch->tbt_s, batch->tbt_s);
    add_memory(recording, batch);
    recording->ran = interval_of(&series[MB_RECORDED_MEMORY], 3, to_s);
    return MB_OK;
}

// Nearly always the replica went on where it was, and all goes into an interval in which there is something
// of each series.
static mb_status on_batch(void *self, const mb_batch_record *batch, mb_error *error) {
    mb_recording *recording = self;
    const mb_recorded_interval *ran = &recording->ran;
    mb_series_cell *memory = &recording->series[MB_RECORDED_MEMORY].cells[ran->cell];
    mb_series_cell *size = &recording->series[MB_RECORDED_BATCH].cells[ran->cell];
    mb_series_cell *tbt = &recording->series[MB_RECORDED_TBT].cells[ran->cell];
    const double from_s = batch->start_s, to_s = batch->end_s, seconds = to_s - from_s;
    const double tokens = (double)(int64_t)batch->kv_capacity, requests = batch->requests;
    if (!lies_in(ran, from_s, to_s) || batch->replica >= recording->replicas ||
        from_s > recording->ends[batch->replica] || !(tokens > 0) || !(memory->seconds > 0) ||
        !(size->seconds > 0) || !(tbt->seconds > 0))
        return add_anywhere(recording, batch, error);
    const double first = (double)(int64_t)batch->kv_before / tokens,
                 last = (double)(int64_t)batch->kv_reserved / tokens;
    mb_series_put(size, seconds, seconds * requests, requests, requests);
    if (batch->decode_tokens && batch->tbt_s > 0)
        mb_series_put(tbt, seconds, seconds * batch->tbt_s, batch->tbt_s, batch->tbt_s);
    mb_series_put(memory, seconds, seconds * (first + last) / 2, first < last ? first : last,
                  first > last ? first : last);
    recording->ends[batch->replica] = to_s;
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
