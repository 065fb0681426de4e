// SPDX-License-Identifier: MIT
#include "explain/timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const mb_doing_names[MB_DOING_COUNT] = {"wait",      "prefill", "decode", "left out",
                                                    "recompute", "swap",    "pause"};

typedef struct maker {
    const mb_record *record;
    mb_timeline *timeline;
    size_t capacity;
    bool failed;
} maker;

// Pieces of one kind that touch are one.
static void put(maker *m, size_t request, uint32_t replica, double from_s, double to_s, mb_doing doing) {
    mb_timeline *timeline = m->timeline;
    if (!(to_s > from_s)) return;
    mb_piece *last = timeline->count ? &timeline->pieces[timeline->count - 1] : NULL;
    if (to_s > timeline->end_s) timeline->end_s = to_s;
    if (last && last->request == request && last->replica == replica && last->doing == doing &&
        last->to_s == from_s) {
        last->to_s = to_s;
        return;
    }
    if (timeline->count == m->capacity) {
        const size_t more = m->capacity ? 2 * m->capacity : 256;
        mb_piece *grown = realloc(timeline->pieces, more * sizeof *grown);
        if (!grown) {
            m->failed = true;
            return;
        }
        timeline->pieces = grown;
        m->capacity = more;
    }
    timeline->pieces[timeline->count++] = (mb_piece){request, from_s, to_s, replica, doing};
}

static int by_request(const void *left, const void *right) {
    const mb_work *a = left, *b = right;
    if (a->request != b->request) return a->request < b->request ? -1 : 1;
    if (a->from_s != b->from_s) return a->from_s < b->from_s ? -1 : 1;
    return a->batch < b->batch ? -1 : a->batch > b->batch;
}

// What a request did that was on a replica, and in none of its steps for a while.
static mb_doing between(const mb_record *record, size_t request, double from_s, double to_s) {
    mb_doing doing = MB_DOING_LEFT;
    for (size_t i = 0; i < record->put_off_count; i++) {
        const mb_put_off *off = &record->put_off[i];
        if (off->request != request || off->time_s < from_s || off->time_s > to_s) continue;
        doing = strcmp(off->how, "swap") == 0    ? MB_DOING_SWAPPED
                : strcmp(off->how, "pause") == 0 ? MB_DOING_PAUSED
                                                 : MB_DOING_LOST;
    }
    return doing;
}

// A batch serves from the prompt to the end at one go.
static void put_part(maker *m, const mb_work *part) {
    if (!part->whole_batch) {
        put(m, part->request, part->replica, part->from_s, part->to_s,
            part->prompt ? MB_DOING_PROMPT : MB_DOING_DECODE);
        return;
    }
    const double first_s = m->record->services[part->request].first_token_s;
    const double until = first_s > part->to_s ? part->to_s : first_s > part->from_s ? first_s : part->from_s;
    put(m, part->request, part->replica, part->from_s, until, MB_DOING_PROMPT);
    put(m, part->request, part->replica, until, part->to_s, MB_DOING_DECODE);
}

// All of one request's parts, from number `at` on; where those of the next begin.
static size_t put_request(maker *m, size_t request, double arrival_s, size_t at) {
    const mb_record *record = m->record;
    const mb_work *parts = record->parts;
    const double end_s = record->services[request].end_s;
    double now_s = arrival_s;
    uint32_t replica = MB_NONE;
    for (; at < record->part_count && parts[at].request == request; at++) {
        const bool first = replica == MB_NONE;
        put(m, request, first ? parts[at].replica : replica, now_s, parts[at].from_s,
            first ? MB_DOING_WAIT : between(record, request, now_s, parts[at].from_s));
        put_part(m, &parts[at]);
        now_s = parts[at].to_s;
        replica = parts[at].replica;
    }
    if (!isnan(end_s) && end_s > now_s)
        put(m, request, replica, now_s, end_s,
            replica == MB_NONE ? MB_DOING_WAIT : between(record, request, now_s, end_s));
    return at;
}

mb_status mb_timeline_make(mb_record *record, const double *arrivals, mb_timeline *timeline,
                           mb_error *error) {
    *timeline = (mb_timeline){0};
    maker m = {.record = record, .timeline = timeline};
    if (record->part_count) qsort(record->parts, record->part_count, sizeof *record->parts, by_request);
    size_t at = 0;
    for (size_t i = 0; i < record->count; i++)
        at = put_request(&m, i, arrivals[i], at);
    return m.failed ? mb_fail_memory(error) : MB_OK;
}

void mb_timeline_deinit(mb_timeline *timeline) {
    free(timeline->pieces);
    *timeline = (mb_timeline){0};
}
