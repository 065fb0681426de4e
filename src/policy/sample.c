// SPDX-License-Identifier: MIT
// The sample of lengths that bin-boundary rules see: what one knows of a workload before serving it.
#include "policy/views.h"

#include <stdlib.h>

#define SAMPLE_SIZE ((size_t)5000)

// Where the next arrival of the sample goes; NULL when out of memory.
static mb_arrival *place(mb_host *host, size_t *capacity, size_t number) {
    if (number < *capacity) return &host->sample[number];
    const size_t more = *capacity ? 2 * *capacity : 1024;
    mb_arrival *grown = realloc(host->sample, more * sizeof *grown);
    if (!grown) return NULL;
    host->sample = grown;
    *capacity = more;
    return &host->sample[number];
}

// Read a workload to its end, or, of the run itself, up to `most`; keep the latest `most` (SIZE_MAX: all).
static mb_status read_sample(mb_host *host, const mb_workload *workload, uint64_t replication, size_t most,
                             bool head, mb_error *error) {
    mb_source *source;
    mb_status status = mb_source_open(workload, host->seed, replication, &source, error);
    if (status != MB_OK) return status;
    atomic_store(&host->reading, true);
    size_t capacity = host->sample_count = 0, read = 0;
    bool end = false;
    while (status == MB_OK && !(head && read == most)) {
        mb_arrival arrival;
        status = mb_source_next(source, &arrival, &end, error);
        if (status != MB_OK || end) break;
        arrival.prefix_ids = NULL; // they are gone with the next one
        mb_arrival *kept = place(host, &capacity, read % most);
        if (!kept) {
            status = mb_fail_memory(error);
            break;
        }
        *kept = arrival;
        if (host->sample_count < most) host->sample_count++;
        read++;
        const mb_departure at_once = {.user = arrival.user,
                                      .session = arrival.session,
                                      .prompt_tokens = arrival.prompt_tokens,
                                      .output_tokens = arrival.output_tokens,
                                      .time_s = arrival.time_s};
        status = mb_source_finished(source, &at_once, error); // whoever waits is answered
    }
    mb_source_close(source);
    atomic_store(&host->reading, false);
    return status;
}

// An oracle sees the run itself, unless that depends on how it is served. Everyone else sees what came
// before: each seed its own, with streams of its own (nobody simulates replications as large as ~0, ~1, ...).
// Where nothing did, the head of the run has to do, and the results say so.
mb_status mb_sample_load(mb_host *host, mb_error *error) {
    if (host->sampled) return MB_OK;
    if (host->sealed)
        return mb_fail(error, MB_BAD_INPUT,
                       "no file is opened once the run has begun; the first use of a sample of lengths "
                       "belongs into `init`");
    host->sampled = true;
    const mb_workload *workload = host->workload;
    if (!workload) return MB_OK;
    if (workload->kind == MB_WORKLOAD_LIST && workload->list.whole) workload = workload->list.whole;
    const bool closed = mb_workload_closed(workload);
    const uint64_t other = host->oracle ? host->replication : ~host->replication;
    host->sample_judged = host->oracle;
    if (host->oracle && !closed)
        return read_sample(host, workload, host->replication, SIZE_MAX, false, error);
    mb_workload before;
    if (mb_workload_before(workload, host->replication, SAMPLE_SIZE, &before)) {
        const mb_status status = read_sample(host, &before, other, SAMPLE_SIZE, false, error);
        if (status == MB_OK && host->sample_count > 0) return MB_OK;
        if (status != MB_OK && status != MB_BAD_INPUT) return status;
    } // what is wrong with a file is said of the run's own rows
    host->sample_judged = true;
    return read_sample(host, workload, host->replication, SAMPLE_SIZE, true, error);
}
