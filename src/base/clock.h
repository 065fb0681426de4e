// SPDX-License-Identifier: MIT
// Clocks of the machine, in seconds.
#pragma once
#include <time.h>

static inline double mb_clock_read(clockid_t clock) {
    struct timespec now;
#ifdef __EMSCRIPTEN__ // a page's worker has no clock of its own time
    clock = CLOCK_MONOTONIC;
#endif
    if (clock_gettime(clock, &now) != 0) return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// For durations: is never set back.
static inline double mb_clock_wall(void) {
    return mb_clock_read(CLOCK_MONOTONIC);
}
