// SPDX-License-Identifier: MIT
// What run/pool.c is elsewhere: a page's worker has no threads, so jobs run one after the other where they
// are asked for, and nobody watches from outside. Lua counts its jumps and calls instead (playground.mk), and
// looks at the clock here now and then.
#include "base/clock.h"
#include "run/pool.h"

#include <emscripten.h>
#include <limits.h>

#define TICKS 200000 // jumps and calls of Lua between two looks: some milliseconds

// Lua's machine knows nothing of jobs, so these are the program's own.
int mb_playground_ticks = TICKS;
static struct {
    mb_job_state *state;
    unsigned long entries; // of the host, when last looked at
    double since_s;        // when that number was first seen
} watched;

EM_JS(void, tell, (double done, double jobs), {
    if (Module["onProgress"]) Module["onProgress"](done, jobs);
})

void mb_playground_look(void);
void mb_playground_look(void) {
    mb_playground_ticks = TICKS;
    mb_host *host = watched.state ? atomic_load(&watched.state->host) : NULL;
    if (!host) return;
    const unsigned long entries = atomic_load(&host->entries);
    const double now_s = mb_clock_wall();
    if (entries % 2 == 0 || entries != watched.entries) {
        watched.entries = entries;
        watched.since_s = now_s;
    } else if (now_s - watched.since_s > host->limits.hook_s) {
        atomic_store(&host->late_entries, entries);
        mb_job_interrupt();
        watched.since_s = now_s;
    }
}

unsigned mb_pool_threads(const mb_run_options *options) {
    (void)options;
    return 1;
}

mb_status mb_pool_run(const mb_run_options *options, const mb_job_feed *feed, unsigned count,
                      mb_error *error) {
    (void)count, (void)error;
    mb_job_state state = {.stop = options->stop};
    mb_job job;
    size_t done = feed->before;
    pthread_mutex_init(&state.gate, NULL);
    mb_job_enter_thread(&state);
    watched.state = &state;
    const double start_s = mb_clock_wall();
    while (!atomic_load(options->stop) && feed->next(feed->context, 0, &state, &job)) {
        mb_job_run(job.experiment, &options->observer, &state, job.outcome);
        if (feed->done) feed->done(feed->context, 0, &job);
        tell((double)++done, (double)feed->total);
        if (options->progress)
            options->progress(options->progress_context, done, feed->total, atomic_load(&state.arrived),
                              mb_clock_wall() - start_s);
    }
    watched.state = NULL;
    mb_step_clock_close(state.clock);
    pthread_mutex_destroy(&state.gate);
    return MB_OK;
}
