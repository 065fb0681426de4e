// SPDX-License-Identifier: MIT
// Clocks of the machine, in seconds.
#pragma once
#include <pthread.h>
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

// That of a thread's own time, where there is one.
static inline clockid_t mb_clock_of(pthread_t thread) {
#ifdef __EMSCRIPTEN__
    (void)thread;
    return CLOCK_MONOTONIC;
#else
    clockid_t clock;
    return pthread_getcpuclockid(thread, &clock) == 0 ? clock : CLOCK_MONOTONIC;
#endif
}
