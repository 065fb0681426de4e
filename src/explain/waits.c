// SPDX-License-Identifier: MIT
#include "explain/waits.h"

#include <math.h>
#include <stdint.h>
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

const char *const mb_hindrance_names[MB_HINDRANCES] = {"memory", "requests", "tokens", "late",
                                                       "cap",    "b_sla",    "b_mem"};

static int hindrance_of(const mb_turned *turned) {
    if (turned->request == SIZE_MAX)
        return turned->stop == MB_STOP_B_SLA   ? MB_HINDER_SLA
               : turned->stop == MB_STOP_B_MEM ? MB_HINDER_PLANNED
                                               : MB_HINDER_CAP;
    switch (turned->why) {
    case MB_REFUSED_MEMORY:
        return MB_HINDER_MEMORY;
    case MB_REFUSED_REQUESTS:
        return MB_HINDER_REQUESTS;
    case MB_REFUSED_TOKENS:
        return MB_HINDER_TOKENS;
    case MB_REFUSED_LATE:
        return MB_HINDER_LATE;
    default:
        return -1;
    }
}

// While it waited, and (of what concerns all who wait) on the replica that took it.
static void count_hindrances(const mb_record *record, size_t request, double from_s, double to_s,
                             mb_wait *wait) {
    for (size_t i = 0; i < record->turned_count; i++) {
        const mb_turned *turned = &record->turned[i];
        const bool own = turned->request == request;
        const bool all = turned->request == SIZE_MAX && turned->replica == wait->replica;
        if ((!own && !all) || turned->time_s < from_s || turned->time_s >= to_s) continue;
        const int what = hindrance_of(turned);
        if (what >= 0) wait->hindered[what]++;
    }
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
    // Who did not fit held up those behind it, also where all went on at the same time.
    for (size_t i = 0; i < record->turned_count; i++) {
        const mb_turned *turned = &record->turned[i];
        if (turned->request < record->count && turned->request != request && turned->time_s >= from_s &&
            turned->time_s < to_s && services[turned->request].start_s == to_s &&
            arrivals[turned->request] <= from_s)
            others[turned->request] |= MB_WAIT_BEHIND;
    }
    for (size_t i = 0; i < record->part_count && wait->replica == MB_NONE; i++)
        if (record->parts[i].request == request) wait->replica = record->parts[i].replica;
    count_hindrances(record, request, from_s, to_s, wait);
    interval *busy = malloc((record->part_count + 1) * sizeof *busy);
    if (!busy) return mb_fail_memory(error);
    size_t count = 0;
    for (size_t i = 0; i < record->part_count; i++) {
        const mb_work *part = &record->parts[i];
        if (part->replica != wait->replica || part->to_s <= from_s || part->from_s >= to_s) continue;
        busy[count++] = (interval){part->from_s, part->to_s, part->batch};
        others[part->request] |= MB_WAIT_BUSY;
    }
    if (wait->ran) wait->idle_s = uncovered(busy, count, from_s, to_s, &wait->steps);
    free(busy);
    return MB_OK;
}
