// SPDX-License-Identifier: MIT
#include "explain/requests.h"

#include "base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_EVERY = 4096 }; // requests between two looks at whether to stop

static bool grow(mb_requests *requests, size_t *capacity) {
    if (requests->count < *capacity) return true;
    const size_t more = *capacity ? 2 * *capacity : 1024;
    mb_arrival *grown = realloc(requests->arrivals, more * sizeof *grown);
    if (!grown) return false;
    requests->arrivals = grown;
    *capacity = more;
    return true;
}

// What an arrival points to is gone with the next one.
static bool keep(mb_requests *requests, const mb_arrival *arrival) {
    mb_arrival *kept = &requests->arrivals[requests->count];
    *kept = *arrival;
    if (arrival->client >= requests->client_count) requests->client_count = arrival->client + 1;
    if (arrival->prefix_count) {
        uint64_t *ids = malloc(arrival->prefix_count * sizeof *ids);
        kept->prefix_ids = ids;
        if (!ids) return false;
        memcpy(ids, arrival->prefix_ids, arrival->prefix_count * sizeof *ids);
    } else
        kept->prefix_ids = NULL;
    requests->count++;
    return true;
}

static mb_status read_all(mb_source *source, size_t most, const atomic_bool *stop, mb_requests *requests,
                          mb_error *error) {
    size_t capacity = 0;
    for (;;) {
        mb_arrival arrival;
        bool end = false;
        const mb_status status = mb_source_next(source, &arrival, &end, error);
        if (status != MB_OK || end) return status;
        if (requests->count == most)
            return mb_fail(
                error, MB_BAD_INPUT,
                "more than %zu requests, all of which explain holds in memory; take fewer, as with "
                "--set workload.limit=%zu",
                most, most);
        if (!grow(requests, &capacity) || !keep(requests, &arrival)) return mb_fail_memory(error);
        if (requests->count % LOOK_EVERY == 0 && atomic_load(stop))
            return mb_fail(error, MB_FAILED, "interrupted");
    }
}

static mb_status read_clients(const mb_source *source, mb_requests *requests, mb_error *error) {
    requests->clients = calloc(requests->client_count + 1, sizeof *requests->clients);
    if (!requests->clients) return mb_fail_memory(error);
    for (size_t i = 0; i < requests->client_count; i++) {
        requests->clients[i] = mb_strdup(mb_source_client_name(source, (uint32_t)i));
        if (!requests->clients[i]) return mb_fail_memory(error);
    }
    return MB_OK;
}

mb_status mb_requests_read(const mb_workload *workload, uint64_t seed, uint64_t replication, size_t most,
                           const atomic_bool *stop, mb_requests *requests, mb_error *error) {
    *requests = (mb_requests){0};
    mb_source *source = NULL;
    mb_status status = mb_source_open(workload, seed, replication, &source, error);
    if (status == MB_OK) status = read_all(source, most, stop, requests, error);
    if (status == MB_OK) status = read_clients(source, requests, error);
    mb_source_close(source);
    return status;
}

void mb_requests_deinit(mb_requests *requests) {
    for (size_t i = 0; i < requests->count; i++)
        free((uint64_t *)(uintptr_t)requests->arrivals[i].prefix_ids);
    for (size_t i = 0; requests->clients && i < requests->client_count; i++)
        free(requests->clients[i]);
    free(requests->clients);
    free(requests->arrivals);
    *requests = (mb_requests){0};
}

mb_workload mb_requests_pick(const mb_requests *requests, const size_t *numbers, size_t count,
                             const mb_workload *whole, mb_arrival *picked) {
    const double start_s = requests->arrivals[numbers[0]].time_s;
    for (size_t i = 0; i < count; i++) {
        picked[i] = requests->arrivals[numbers[i]];
        picked[i].time_s -= start_s;
        picked[i].deadline_s -= start_s; // INFINITY stays
    }
    mb_workload workload = *whole;
    workload.kind = MB_WORKLOAD_LIST;
    workload.list = (mb_request_list){picked, count, requests->clients, requests->client_count, whole};
    workload.limit = 0;
    return workload;
}
