// SPDX-License-Identifier: MIT
#include "run/pool.h"

#include "base/clock.h"
#include "base/processors.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 20000000L // between two looks at the workers: 20 ms
#define SHOW_EVERY 5      // looks between two calls of the progress hook

typedef struct pool pool;

typedef struct worker {
    pool *pool;
    unsigned number;
    pthread_t thread;
    bool started;
    mb_job_state state;
    mb_job job;            // that it runs
    unsigned long entries; // of the host, when last looked at
    double since_s;        // on its thread's clock, when that number was first seen
    double stopped_s;      // the same, when the program was first seen to stop in it
} worker;

struct pool {
    const mb_run_options *options;
    const mb_job_feed *feed;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t done, running; // under mutex
};

static void on_late_hook(int signal_number) {
    (void)signal_number;
    mb_job_interrupt();
}

static void *work(void *argument) {
    worker *self = argument;
    pool *all = self->pool;
    const mb_job_feed *feed = all->feed;
    mb_job *job = &self->job;
    mb_job_enter_thread(&self->state);
    while (!atomic_load(all->options->stop) && feed->next(feed->context, self->number, &self->state, job)) {
        mb_job_run(job->experiment, &all->options->observer, &self->state, job->outcome);
        if (feed->done) feed->done(feed->context, self->number, job);
        pthread_mutex_lock(&all->mutex);
        all->done++;
        pthread_cond_signal(&all->changed);
        pthread_mutex_unlock(&all->mutex);
    }
    mb_step_clock_close(self->state.clock);
    pthread_mutex_lock(&all->mutex);
    all->running--;
    pthread_cond_signal(&all->changed);
    pthread_mutex_unlock(&all->mutex);
    return NULL;
}

// Arm the stop hook of a policy whose hook has run for too long: by its own thread's time, since a busy
// machine is no fault of the policy. The clock costs the policy nothing until then.
static void look_at(worker *one, mb_host *host, bool stop) {
    const unsigned long entries = atomic_load(&host->entries);
    const double now_s = mb_clock_read(one->state.cpu_clock);
    const bool reading = !stop && atomic_load(&host->reading);
    if (entries % 2 == 0 || entries != one->entries || reading) {
        one->entries = entries;
        one->since_s = one->stopped_s = now_s;
    } else if (stop || now_s - one->since_s > host->limits.hook_s) {
        if (stop) atomic_store(&host->interrupted, true); // the program is to end: so must the hook, now
        atomic_store(&host->late_entries, entries);
        pthread_kill(one->state.thread, SIGUSR1);
        one->since_s = now_s; // again later, should the hook linger in C
    }
    if (!stop) one->stopped_s = now_s;
}

// A hook of a policy ends when it is asked to, once it has had some time; one that LuaJIT compiled may not.
// The scenario's functions may also sleep.
#define HOOK_GRACE_S (MB_GRACE_S / 3)

static bool past_grace(const worker *one, const mb_host *host) {
    return atomic_load(&one->state.call.inside) ||
           (host && mb_clock_read(one->state.cpu_clock) - one->stopped_s > HOOK_GRACE_S);
}

// `stopped_s`: for how long the program has been about to stop; 0: it is not.
static void watch(worker *one, double stopped_s) {
    pthread_mutex_lock(&one->state.gate);
    mb_host *host = atomic_load(&one->state.host);
    if (host)
        look_at(one, host, stopped_s > 0);
    else
        one->entries = 0;
    if (stopped_s > MB_GRACE_S && one->state.in_thread && past_grace(one, host)) {
        atomic_store(&one->state.give_up, true);
        pthread_kill(one->state.thread, SIGUSR1);
    }
    pthread_mutex_unlock(&one->state.gate);
}

// Of a worker that was left behind in a call of its job.
static void say_left(worker *one) {
    mb_outcome *outcome = one->job.outcome;
    const bool custom = atomic_load(&one->state.call.inside);
    outcome->status = MB_FAILED;
    outcome->left = true;
    outcome->error = malloc(sizeof *outcome->error);
    if (outcome->error)
        mb_fail(outcome->error, MB_FAILED, "%s was interrupted",
                custom ? "latency.custom" : "a hook of the policy");
}

// How many were left behind.
static unsigned wait_for_workers(pool *all, worker *workers, unsigned count) {
    const double start = mb_clock_wall();
    double stop = INFINITY; // when the program was first seen to be about to stop
    unsigned looks = 0, left = 0;
    pthread_mutex_lock(&all->mutex);
    while (all->running > left) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until); // the time of day may be set back
        until.tv_nsec += TICK_NS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&all->changed, &all->mutex, &until);
        uint64_t arrived = 0;
        const double now = mb_clock_wall();
        if (atomic_load(all->options->stop) && isinf(stop)) stop = now - TICK_NS * 1e-9;
        left = 0;
        for (unsigned i = 0; i < count; i++) {
            if (workers[i].started) watch(&workers[i], now - stop);
            left += atomic_load(&workers[i].state.call.left);
            arrived += atomic_load(&workers[i].state.arrived);
        }
        const size_t elsewhere = all->feed->elsewhere ? atomic_load(all->feed->elsewhere) : 0;
        if (all->options->progress && looks++ % SHOW_EVERY == 0)
            all->options->progress(all->options->progress_context, all->done + elsewhere, all->feed->total,
                                   arrived, mb_clock_wall() - start);
    }
    pthread_mutex_unlock(&all->mutex);
    return left;
}

unsigned mb_pool_threads(const mb_run_options *options) {
    return options->threads ? options->threads : (unsigned)mb_processors();
}

static mb_status start_workers(pool *all, worker *workers, unsigned count, mb_error *error) {
    unsigned started = 0;
    for (unsigned i = 0; i < count; i++) {
        workers[i].pool = all;
        workers[i].number = i;
        workers[i].state.stop = all->options->stop;
        workers[i].state.walls = all->options->walls;
        pthread_mutex_init(&workers[i].state.gate, NULL);
        pthread_mutex_lock(&all->mutex);
        all->running++;
        pthread_mutex_unlock(&all->mutex);
        workers[i].started = pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0;
        if (workers[i].started)
            started++;
        else {
            pthread_mutex_lock(&all->mutex);
            all->running--;
            pthread_mutex_unlock(&all->mutex);
        }
    }
    return started ? MB_OK : mb_fail(error, MB_FAILED, "no thread could be started");
}

mb_status mb_pool_run(const mb_run_options *options, const mb_job_feed *feed, unsigned count,
                      mb_error *error) {
    pool all = {.options = options, .feed = feed, .done = feed->before};
    worker *workers = calloc(count, sizeof *workers);
    if (!workers) return mb_fail_memory(error);
    pthread_mutex_init(&all.mutex, NULL);
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&all.changed, &steady);
    pthread_condattr_destroy(&steady);
    struct sigaction action = {.sa_handler = on_late_hook, .sa_flags = SA_RESTART}, before;
    sigaction(SIGUSR1, &action, &before);
    const mb_status status = start_workers(&all, workers, count, error);
    const unsigned left = status == MB_OK ? wait_for_workers(&all, workers, count) : 0;
    for (unsigned i = 0; i < count; i++)
        if (atomic_load(&workers[i].state.call.left))
            say_left(&workers[i]);
        else if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
    if (left) return status; // the program ends soon; these threads still look at what is theirs
    for (unsigned i = 0; i < count; i++)
        pthread_mutex_destroy(&workers[i].state.gate);
    sigaction(SIGUSR1, &before, NULL);
    pthread_cond_destroy(&all.changed);
    pthread_mutex_destroy(&all.mutex);
    free(workers);
    return status;
}
