// SPDX-License-Identifier: MIT
#include "explain/waits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct interval {
    double from_s, to_s;
    uint32_t batch;
} interval;

static int by_time(const void *left, const void *right) {
    const interval *a = left, *b = right;
    if (a->from_s != b->from_s) return a->from_s < b->from_s ? -1 : 1;
    return a->batch < b->batch ? -1 : a->batch > b->batch;
}

// The time within from_s .. to_s that no interval covers, and how many batches there are.
static double uncovered(interval *list, size_t count, double from_s, double to_s, size_t *batches) {
    double idle_s = 0, until_s = from_s;
    *batches = 0;
    qsort(list, count, sizeof *list, by_time);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || list[i].batch != list[i - 1].batch) ++*batches;
        if (list[i].from_s > until_s) idle_s += list[i].from_s - until_s;
        until_s = fmax(until_s, list[i].to_s);
    }
    return idle_s + fmax(to_s - until_s, 0);
}

mb_status mb_wait_of(const mb_record *record, const double *arrivals, size_t request, unsigned char *others,
                     mb_wait *wait, mb_error *error) {
    const mb_service *services = record->services;
    const double from_s = arrivals[request], start_s = services[request].start_s;
    *wait = (mb_wait){.ran = !isnan(start_s), .replica = MB_NONE};
    memset(others, 0, record->count);
    const double to_s = wait->ran ? start_s : services[request].end_s;
    wait->seconds = to_s - from_s;
    if (!(wait->seconds > 0)) return MB_OK;
    for (size_t i = 0; i < record->count; i++) {
        const double start = services[i].start_s;
        if (i == request || isnan(start) || start < from_s || start >= to_s) continue;
        others[i] |= arrivals[i] > from_s || (arrivals[i] == from_s && i > request) ? MB_WAIT_OVERTAKEN
                                                                                    : MB_WAIT_BEHIND;
    }
    for (size_t i = 0; i < record->part_count && wait->replica == MB_NONE; i++)
        if (record->parts[i].request == request) wait->replica = record->parts[i].replica;
    interval *busy = malloc((record->part_count + 1) * sizeof *busy);
    if (!busy) return mb_fail_memory(error);
    size_t count = 0;
    for (size_t i = 0; i < record->part_count; i++) {
        const mb_part *part = &record->parts[i];
        if (part->replica != wait->replica || part->to_s <= from_s || part->from_s >= to_s) continue;
        busy[count++] = (interval){part->from_s, part->to_s, part->batch};
        others[part->request] |= MB_WAIT_BUSY;
    }
    if (wait->ran) wait->idle_s = uncovered(busy, count, from_s, to_s, &wait->steps);
    free(busy);
    return MB_OK;
}
