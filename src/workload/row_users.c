// SPDX-License-Identifier: MIT
#include "workload/row_users.h"

#include "base/heap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct mb_row_users {
    const mb_workload *workload;
    mb_trace_reader *reader;
    uint64_t draw_key, rows; // given out
    mb_arrival row;          // the next one; its prefix is the reader's
    bool at_end;             // there is none
    uint64_t *ids;           // a copy of the prefix given out last: the reader is then a row ahead
    size_t id_capacity;
    uint64_t *row_of; // [users]: 1 + the row whose answer each waits for, from 0; 0: none
    uint32_t waiting;
    mb_heap heap; // users who do not wait: when each takes a row
};

static mb_status read_on(mb_row_users *users, mb_error *error) {
    const uint64_t most = users->workload->limit;
    users->at_end = most && users->rows == most;
    return users->at_end ? MB_OK : mb_trace_next(users->reader, &users->row, &users->at_end, error);
}

// Nobody comes after the last arrival time.
static mb_status come_at(mb_row_users *users, uint32_t user, double time_s, mb_error *error) {
    if (!(time_s <= users->workload->until_s && isfinite(time_s))) return MB_OK;
    return mb_heap_push(&users->heap, time_s, 0, user) ? MB_OK : mb_fail_memory(error);
}

mb_status mb_row_users_open(const mb_workload *workload, uint64_t seed, uint64_t replication,
                            mb_trace_reader *reader, mb_row_users **out, mb_error *error) {
    mb_row_users *users = *out = calloc(1, sizeof *users);
    if (!users) return mb_fail_memory(error);
    mb_rng rng;
    mb_rng_init(&rng, seed, replication, "turns");
    *users = (mb_row_users){.workload = workload, .reader = reader, .draw_key = mb_rng_bits(&rng)};
    users->row_of = calloc(workload->users, sizeof *users->row_of);
    if (!users->row_of) return mb_fail_memory(error);
    for (uint32_t i = 0; i < workload->users; i++) {
        const mb_status status = come_at(users, i, workload->ramp_s * i / workload->users, error);
        if (status) return status;
    }
    return read_on(users, error);
}

void mb_row_users_close(mb_row_users *users) {
    if (!users) return;
    mb_heap_deinit(&users->heap);
    free(users->row_of);
    free(users->ids);
    free(users);
}

double mb_row_users_next_time(const mb_row_users *users) {
    return users->at_end || users->heap.count == 0 ? (double)INFINITY : mb_heap_top(&users->heap).time_s;
}

bool mb_row_users_over(const mb_row_users *users) {
    return users->at_end || (users->waiting == 0 && users->heap.count == 0);
}

static mb_status keep_prefix(mb_row_users *users, mb_arrival *row, mb_error *error) {
    const size_t count = row->prefix_count;
    if (count == 0) return MB_OK;
    if (count > users->id_capacity) {
        uint64_t *ids = realloc(users->ids, count * sizeof *ids);
        if (!ids) return mb_fail_memory(error);
        users->ids = ids;
        users->id_capacity = count;
    }
    memcpy(users->ids, row->prefix_ids, count * sizeof *users->ids);
    row->prefix_ids = users->ids;
    return MB_OK;
}

mb_status mb_row_users_next(mb_row_users *users, mb_arrival *arrival, mb_draw_key *key, mb_error *error) {
    const mb_event event = mb_heap_top(&users->heap);
    mb_heap_pop(&users->heap);
    users->waiting++;
    *arrival = users->row;
    arrival->time_s = event.time_s;
    arrival->user = event.payload + 1;
    *key = (mb_draw_key){users->draw_key, users->rows++};
    users->row_of[event.payload] = users->rows;
    const mb_status status = keep_prefix(users, arrival, error);
    return status ? status : read_on(users, error);
}

mb_status mb_row_users_finished(mb_row_users *users, const mb_departure *departure, mb_error *error) {
    const uint32_t user = departure->user - 1;
    if (user >= users->workload->users || users->row_of[user] == 0)
        return mb_fail(error, MB_FAILED, "workload: an answer for user %u, who waits for none",
                       departure->user);
    mb_rng rng; // of the row, so that the time does not depend on who was answered first
    mb_rng_init(&rng, users->draw_key, users->row_of[user] - 1, "think");
    users->row_of[user] = 0;
    users->waiting--;
    const double think_s = mb_distribution_draw(&users->workload->think, &rng);
    return come_at(users, user, departure->time_s + think_s, error);
}
