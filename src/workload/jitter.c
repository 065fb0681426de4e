// SPDX-License-Identifier: MIT
#include "workload/jitter.h"

#include "base/heap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

typedef struct held_row {
    mb_arrival arrival;
    uint64_t *ids; // a copy of the prefix, which the reader overwrites; kept when the place is used again
    size_t id_capacity;
    uint32_t next_free;
} held_row;

struct mb_jitter {
    mb_trace_reader *reader;
    double jitter_s;
    uint64_t most, read;
    mb_rng rng;
    mb_heap heap; // of delayed times; equal ones keep the order of the file
    held_row *rows;
    uint32_t count, capacity, first_free;
    uint32_t given; // the row that the caller looks at
    double stamp_s; // of the latest row read: none that follows can be earlier
    bool at_end;
};

mb_status mb_jitter_open(mb_trace_reader *reader, double jitter_s, uint64_t most, uint64_t seed,
                         uint64_t replication, mb_jitter **out, mb_error *error) {
    mb_jitter *jitter = *out = calloc(1, sizeof *jitter);
    if (!jitter) return mb_fail_memory(error);
    jitter->reader = reader;
    jitter->jitter_s = jitter_s;
    jitter->most = most;
    jitter->first_free = jitter->given = NONE;
    mb_rng_init(&jitter->rng, seed, replication, "jitter");
    return MB_OK;
}

void mb_jitter_close(mb_jitter *jitter) {
    if (!jitter) return;
    for (uint32_t i = 0; i < jitter->count; i++)
        free(jitter->rows[i].ids);
    free(jitter->rows);
    mb_heap_deinit(&jitter->heap);
    free(jitter);
}

// A place for one more row, or NONE when out of memory.
static uint32_t take_place(mb_jitter *jitter) {
    const uint32_t place = jitter->first_free;
    if (place != NONE) {
        jitter->first_free = jitter->rows[place].next_free;
        return place;
    }
    if (jitter->count == jitter->capacity) {
        const uint32_t capacity = jitter->capacity ? 2 * jitter->capacity : 64;
        held_row *rows = realloc(jitter->rows, capacity * sizeof *rows);
        if (!rows) return NONE;
        jitter->rows = rows;
        jitter->capacity = capacity;
    }
    jitter->rows[jitter->count] = (held_row){0};
    return jitter->count++;
}

static bool keep_prefix(held_row *row, const mb_arrival *arrival) {
    row->arrival = *arrival;
    const size_t count = arrival->prefix_count;
    if (!count) return true;
    if (count > row->id_capacity) {
        uint64_t *ids = realloc(row->ids, count * sizeof *ids);
        if (!ids) return false;
        row->ids = ids;
        row->id_capacity = count;
    }
    memcpy(row->ids, arrival->prefix_ids, count * sizeof *row->ids);
    row->arrival.prefix_ids = row->ids;
    return true;
}

static mb_status read_row(mb_jitter *jitter, mb_error *error) {
    mb_arrival arrival;
    jitter->at_end = jitter->most && jitter->read == jitter->most;
    if (jitter->at_end) return MB_OK;
    const mb_status status = mb_trace_next(jitter->reader, &arrival, &jitter->at_end, error);
    if (status || jitter->at_end) return status;
    jitter->read++;
    jitter->stamp_s = arrival.time_s;
    arrival.time_s += jitter->jitter_s * mb_rng_uniform(&jitter->rng);
    if (!isfinite(arrival.time_s))
        return mb_fail(
            error, MB_BAD_INPUT,
            "trace: a time is infinite with jitter; expected fewer seconds, or a larger rate_scale");
    const uint32_t place = take_place(jitter);
    if (place > MB_EVENT_MAX_PAYLOAD)
        return place == NONE
                   ? mb_fail_memory(error)
                   : mb_fail(error, MB_BAD_INPUT,
                             "trace: jitter holds more than %u rows at once; expected fewer seconds",
                             MB_EVENT_MAX_PAYLOAD);
    return keep_prefix(&jitter->rows[place], &arrival) &&
                   mb_heap_push(&jitter->heap, arrival.time_s, 0, place)
               ? MB_OK
               : mb_fail_memory(error);
}

mb_status mb_jitter_next(mb_jitter *jitter, mb_arrival *arrival, bool *end, mb_error *error) {
    if (jitter->given != NONE) {
        jitter->rows[jitter->given].next_free = jitter->first_free;
        jitter->first_free = jitter->given;
        jitter->given = NONE;
    }
    *end = true; // unless a row comes out
    while (!jitter->at_end &&
           (jitter->heap.count == 0 || mb_heap_top(&jitter->heap).time_s > jitter->stamp_s)) {
        const mb_status status = read_row(jitter, error);
        if (status) return status;
    }
    *end = jitter->heap.count == 0;
    if (*end) return MB_OK;
    jitter->given = mb_heap_top(&jitter->heap).payload;
    mb_heap_pop(&jitter->heap);
    *arrival = jitter->rows[jitter->given].arrival;
    return MB_OK;
}
