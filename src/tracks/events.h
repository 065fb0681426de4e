// SPDX-License-Identifier: MIT
// Events in the trace-event format, which Perfetto and others open, one a line. Times are in eighths of a
// microsecond, each moment rounded once, so that what follows on a track never overlaps what was before.
// (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU)
#pragma once
#include "base/strbuf.h"

#include <stdint.h>
#include <stdio.h>

typedef struct mb_events {
    FILE *file;
    uint32_t process; // in which they are, from 1
    uint64_t arrows;
    uint64_t count, most; // written; when `most` are, the window ends
    double from_s, to_s;  // the window: what overlaps it is written
    bool cut;             // it ended early
    mb_strbuf text;       // of a name
    bool failed;          // out of memory
} mb_events;

// Does the window see what lasts from one moment to another?
static inline bool mb_events_see(const mb_events *events, double from_s, double to_s) {
    return to_s >= events->from_s && from_s <= events->to_s;
}
// A moment has come: where enough was written the window ends there.
void mb_events_reach(mb_events *events, double now_s);

// A text as a string of JSON, with its quotes; good until the next call.
const char *mb_events_quote(mb_events *events, const char *text);

// Each: `args` is the inside of an object in JSON, or "".
void mb_events_name(mb_events *events, uint32_t track, const char *what, const char *name, uint32_t order);
void mb_events_slice(mb_events *events, uint32_t track, const char *name, double from_s, double to_s,
                     const char *args);
void mb_events_instant(mb_events *events, uint32_t track, const char *name, double at_s, const char *args);
// From one track to another, with an instant at each end.
void mb_events_arrow(mb_events *events, uint32_t from, double from_s, uint32_t to, double to_s,
                     const char *args);
void mb_events_counter(mb_events *events, const char *name, double at_s, const char *args);
// One of those of a request, which nest; it begins (phase 'b') or ends ('e').
void mb_events_request(mb_events *events, char phase, uint64_t id, const char *name, double at_s,
                       const char *args);
