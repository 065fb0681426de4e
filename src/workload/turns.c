// SPDX-License-Identifier: MIT
#include "workload/turns.h"

#include "base/heap.h"
#include "model/kv_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

// A row that waits for another, for its time, or for its answer.
typedef struct place {
    mb_arrival row;
    uint64_t *ids; // a copy of the prefix; kept when the place is used again
    size_t id_capacity;
    uint64_t number;      // of the row, from 0
    uint32_t first, last; // the rows that wait for its answer, in order
    uint32_t next;        // in such a list, or among free places
    bool under_way;
} place;

struct mb_turns {
    const mb_workload *workload;
    mb_trace_reader *reader;
    mb_jitter *jitter;
    uint64_t draw_key, rows_read;
    place *places;
    uint32_t count, capacity, first_free;
    mb_kv_table known; // by key: the latest place that is not answered
    mb_heap heap;      // rows that wait for their time only
    uint64_t waiting;  // rows under way
    double read_to_s;  // no row that follows is earlier
    bool at_end;
};

// ---- places

static uint32_t take_place(mb_turns *turns) {
    const uint32_t index = turns->first_free;
    if (index != NONE) {
        turns->first_free = turns->places[index].next;
        return index;
    }
    if (turns->count == turns->capacity) {
        const uint32_t capacity = turns->capacity ? 2 * turns->capacity : 64;
        place *places = realloc(turns->places, capacity * sizeof *places);
        if (!places) return NONE;
        turns->places = places;
        turns->capacity = capacity;
    }
    turns->places[turns->count] = (place){0};
    return turns->count++;
}

static bool fill_place(place *at, const mb_arrival *row, uint64_t number) {
    uint64_t *ids = at->ids;
    const size_t count = row->prefix_count;
    if (count > at->id_capacity) {
        ids = realloc(ids, count * sizeof *ids);
        if (!ids) return false;
        at->id_capacity = count;
    }
    *at = (place){.row = *row,
                  .ids = ids,
                  .id_capacity = at->id_capacity,
                  .number = number,
                  .first = NONE,
                  .last = NONE,
                  .next = NONE};
    if (count) memcpy(ids, row->prefix_ids, count * sizeof *ids);
    at->row.prefix_ids = count ? ids : NULL;
    return true;
}

static void forget(mb_turns *turns, uint32_t index) {
    place *at = &turns->places[index];
    const uint64_t key = at->row.turn.key;
    if (key && mb_kv_table_find(&turns->known, key) == index) mb_kv_table_remove(&turns->known, key);
    at->next = turns->first_free;
    turns->first_free = index;
}

// ---- reading

// Nobody comes after the last arrival time.
static mb_status send_at(mb_turns *turns, uint32_t index, double time_s, mb_error *error) {
    place *at = &turns->places[index];
    at->row.time_s = time_s;
    if (time_s <= turns->workload->until_s)
        return mb_heap_push(&turns->heap, time_s, 0, index) ? MB_OK : mb_fail_memory(error);
    forget(turns, index); // who waits for it waits in vain, and is later still
    return MB_OK;
}

static mb_status take_row(mb_turns *turns, const mb_arrival *row, mb_error *error) {
    const uint64_t parent_key = row->turn.parent;
    const uint32_t parent = parent_key ? mb_kv_table_find(&turns->known, parent_key) : MB_KV_ABSENT;
    const uint32_t index = take_place(turns);
    if (index > MB_EVENT_MAX_PAYLOAD)
        return index == NONE ? mb_fail_memory(error)
                             : mb_fail(error, MB_BAD_INPUT,
                                       "trace: turns hold more than %u rows at once; expected a limit",
                                       MB_EVENT_MAX_PAYLOAD);
    if (!fill_place(&turns->places[index], row, turns->rows_read)) return mb_fail_memory(error);
    if (row->turn.key && !mb_kv_table_put(&turns->known, row->turn.key, index)) return mb_fail_memory(error);
    if (parent == MB_KV_ABSENT) return send_at(turns, index, row->time_s, error);
    place *before = &turns->places[parent];
    if (before->first == NONE)
        before->first = index;
    else
        turns->places[before->last].next = index;
    before->last = index;
    return MB_OK;
}

static double next_time(const mb_turns *turns) {
    return turns->heap.count ? mb_heap_top(&turns->heap).time_s : (double)INFINITY;
}

// Until a row that follows cannot be the next; with `all`, to the end.
static mb_status read_on(mb_turns *turns, bool all, mb_error *error) {
    const uint64_t most = turns->workload->limit;
    while (!turns->at_end && (all || turns->read_to_s <= next_time(turns))) {
        mb_arrival row;
        turns->at_end = most && turns->rows_read == most;
        if (turns->at_end) break;
        mb_status status = turns->jitter ? mb_jitter_next(turns->jitter, &row, &turns->at_end, error)
                                         : mb_trace_next(turns->reader, &row, &turns->at_end, error);
        if (status) return status;
        turns->at_end = turns->at_end || row.time_s > turns->workload->until_s;
        if (turns->at_end) break;
        turns->read_to_s = row.time_s;
        status = take_row(turns, &row, error);
        if (status) return status;
        turns->rows_read++;
    }
    return MB_OK;
}

mb_status mb_turns_open(const mb_workload *workload, uint64_t seed, uint64_t replication,
                        mb_trace_reader *reader, mb_jitter *jitter, mb_turns **out, mb_error *error) {
    mb_turns *turns = *out = calloc(1, sizeof *turns);
    if (!turns) return mb_fail_memory(error);
    mb_rng rng;
    mb_rng_init(&rng, seed, replication, "turns");
    *turns = (mb_turns){.workload = workload,
                        .reader = reader,
                        .jitter = jitter,
                        .draw_key = mb_rng_bits(&rng),
                        .first_free = NONE};
    return read_on(turns, workload->trace.turns == MB_TURNS_DELAY, error);
}

void mb_turns_close(mb_turns *turns) {
    if (!turns) return;
    for (uint32_t i = 0; i < turns->count; i++)
        free(turns->places[i].ids);
    free(turns->places);
    mb_kv_table_deinit(&turns->known);
    mb_heap_deinit(&turns->heap);
    free(turns);
}

// ---- the stream

double mb_turns_next_time(const mb_turns *turns) {
    return next_time(turns);
}

bool mb_turns_over(const mb_turns *turns) {
    return turns->waiting == 0 && turns->heap.count == 0 && turns->at_end;
}

mb_status mb_turns_next(mb_turns *turns, mb_arrival *arrival, mb_draw_key *key, mb_error *error) {
    const uint32_t index = mb_heap_top(&turns->heap).payload;
    mb_heap_pop(&turns->heap);
    place *at = &turns->places[index];
    at->under_way = true;
    turns->waiting++;
    *key = (mb_draw_key){turns->draw_key, at->number};
    const mb_status status = read_on(turns, false, error); // may move the places
    *arrival = turns->places[index].row;
    arrival->user = index + 1;
    return status;
}

// ---- answers

static double due_s(const mb_turns *turns, const place *before, const place *at, double now_s) {
    const mb_turn *turn = &at->row.turn;
    if (turns->workload->trace.turns == MB_TURNS_WAIT) return fmax(at->row.time_s, now_s);
    const double end_s = before->row.turn.recorded_s + fmax(before->row.turn.lasted_s, 0);
    return now_s + (turn->delay_s >= 0 ? turn->delay_s : fmax(turn->recorded_s - end_s, 0));
}

mb_status mb_turns_finished(mb_turns *turns, const mb_departure *departure, mb_error *error) {
    const uint32_t index = departure->user - 1;
    if (index >= turns->count || !turns->places[index].under_way)
        return mb_fail(error, MB_FAILED, "workload: an answer for request %u, which waits for none",
                       departure->user);
    turns->places[index].under_way = false;
    turns->waiting--;
    uint32_t child = turns->places[index].first;
    while (child != NONE) {
        place *at = &turns->places[child];
        const uint32_t next = at->next;
        at->next = NONE;
        const mb_status status =
            send_at(turns, child, due_s(turns, &turns->places[index], at, departure->time_s), error);
        if (status) return status;
        child = next;
    }
    forget(turns, index);
    return read_on(turns, false, error);
}
