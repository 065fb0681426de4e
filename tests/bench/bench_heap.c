// SPDX-License-Identifier: MIT
// Event heap: nanoseconds per pop + push (hold model, exponential increments), by number of pending events.
#include "base/heap.h"
#include "base/rng.h"

#include <stdio.h>
#include <time.h>

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double measure(int pending, int operations, bool replace) {
    enum { DRAWS = 1 << 16 };
    static double increments[DRAWS];
    mb_heap heap = {0};
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "bench");
    for (int i = 0; i < DRAWS; i++)
        increments[i] = mb_rng_exponential(&rng);
    for (int i = 0; i < pending; i++)
        mb_heap_push(&heap, increments[i % DRAWS], 0, 1);
    const double start = now_ns();
    for (int i = 0; i < operations; i++) {
        const double next = mb_heap_top(&heap).time_s + increments[i % DRAWS];
        if (replace)
            mb_heap_replace_top(&heap, next, 0, 1);
        else {
            mb_heap_pop(&heap);
            mb_heap_push(&heap, next, 0, 1);
        }
    }
    const double elapsed = now_ns() - start;
    mb_heap_deinit(&heap);
    return elapsed / operations;
}

int main(void) {
    printf("| pending events | pop + push, ns | replace the top, ns |\n| --- | --- | --- |\n");
    for (int pending = 100; pending <= 1000000; pending *= 10)
        printf("| %d | %.0f | %.0f |\n", pending, measure(pending, 5000000, false),
               measure(pending, 5000000, true));
    return 0;
}
