// SPDX-License-Identifier: MIT
// What each request did when, piece by piece, from its arrival to its end.
#pragma once
#include "explain/record.h"

typedef enum mb_doing {
    MB_DOING_WAIT,    // it has not run yet
    MB_DOING_PROMPT,  // its prompt is computed (or what was lost, again)
    MB_DOING_DECODE,  // tokens of its answer are
    MB_DOING_LEFT,    // in memory, but left out of the step
    MB_DOING_LOST,    // set aside, to be computed again
    MB_DOING_SWAPPED, // set aside, its memory on the host
    MB_DOING_PAUSED,  // set aside, its memory kept
    MB_DOING_COUNT
} mb_doing;

extern const char *const mb_doing_names[MB_DOING_COUNT]; // "wait", "prefill", "decode", ...

typedef struct mb_piece {
    size_t request;
    double from_s, to_s;
    uint32_t replica; // that it was on or waited for; MB_NONE: it never ran
    mb_doing doing;
} mb_piece;

typedef struct mb_timeline {
    mb_piece *pieces; // by request, then in order of time; owned
    size_t count;
    double end_s; // of the last piece
} mb_timeline;

// `arrivals`: when each request came. Release with mb_timeline_deinit in any case.
mb_status mb_timeline_make(mb_record *record, const double *arrivals, mb_timeline *timeline, mb_error *error);
void mb_timeline_deinit(mb_timeline *timeline);
