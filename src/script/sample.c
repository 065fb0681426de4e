// SPDX-License-Identifier: MIT
// The sample of lengths that bin-boundary rules see: what one knows of a workload before serving it.
#include "script/views.h"

#include <stdlib.h>

#define SAMPLE_SIZE 5000u

// For a synthetic workload the sample is drawn from the same distributions with other random numbers.
#define SAMPLE_REPLICATION UINT64_MAX

mb_status mb_sample_load(mb_host *host, mb_error *error) {
    if (host->sampled) return MB_OK;
    host->sampled = true;
    if (!host->workload) return MB_OK;
    mb_workload workload = *host->workload; // a shallow copy: only plain members change
    uint64_t replication = host->replication;
    const bool closed = mb_workload_closed(&workload);
    // An oracle sees the run itself, unless that depends on how it is served; everyone else the head of the
    // trace, or the generator.
    if (!host->oracle || closed) {
        workload.limit = SAMPLE_SIZE;
        workload.trace.window_per_seed = false;
        workload.trace.skip_rows = 0;
        if (workload.kind == MB_WORKLOAD_SYNTHETIC && !host->oracle) replication = SAMPLE_REPLICATION;
        workload.until_s = INFINITY;
    }
    mb_source *source;
    mb_status status = mb_source_open(&workload, host->seed, replication, &source, error);
    if (status != MB_OK) return status;
    size_t capacity = 0;
    bool end = false;
    while (status == MB_OK && !end) {
        if (host->sample_count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            mb_arrival *grown = realloc(host->sample, capacity * sizeof *grown);
            if (!grown) {
                status = mb_fail_memory(error);
                break;
            }
            host->sample = grown;
        }
        mb_arrival *arrival = &host->sample[host->sample_count];
        status = mb_source_next(source, arrival, &end, error);
        if (status != MB_OK || end) break;
        arrival->prefix_ids = NULL; // they are gone with the next one
        host->sample_count++;
        const mb_departure at_once = {.user = arrival->user,
                                      .session = arrival->session,
                                      .prompt_tokens = arrival->prompt_tokens,
                                      .output_tokens = arrival->output_tokens,
                                      .time_s = arrival->time_s};
        status = mb_source_finished(source, &at_once, error); // whoever waits is answered
    }
    mb_source_close(source);
    return status;
}
