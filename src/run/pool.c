// SPDX-License-Identifier: MIT
#include "run/pool.h"

#include "base/clock.h"
#include "base/processors.h"

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
    unsigned long entries; // of the host, when last looked at
    double since_s;        // on its thread's clock, when that number was first seen
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
    mb_job job;
    while (!atomic_load(all->options->stop) && feed->next(feed->context, self->number, &self->state, &job)) {
        mb_job_run(job.experiment, &all->options->observer, &self->state, job.outcome);
        if (feed->done) feed->done(feed->context, self->number, &job);
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
    if (entries % 2 == 0 || entries != one->entries) {
        one->entries = entries;
        one->since_s = now_s;
    } else if (stop || now_s - one->since_s > host->limits.hook_s) {
        if (stop) atomic_store(&host->interrupted, true); // the program is to end: so must the hook, now
        atomic_store(&host->late_entries, entries);
        pthread_kill(one->state.thread, SIGUSR1);
        one->since_s = now_s; // again later, should the hook linger in C
    }
}

static void watch(worker *one, bool stop) {
    pthread_mutex_lock(&one->state.gate);
    mb_host *host = atomic_load(&one->state.host);
    if (host)
        look_at(one, host, stop);
    else
        one->entries = 0;
    pthread_mutex_unlock(&one->state.gate);
}

static void wait_for_workers(pool *all, worker *workers, unsigned count) {
    const double start = mb_clock_wall();
    unsigned looks = 0;
    pthread_mutex_lock(&all->mutex);
    while (all->running) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until); // the time of day may be set back
        until.tv_nsec += TICK_NS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&all->changed, &all->mutex, &until);
        uint64_t arrived = 0;
        const bool stop = atomic_load(all->options->stop);
        for (unsigned i = 0; i < count; i++) {
            if (workers[i].started) watch(&workers[i], stop);
            arrived += atomic_load(&workers[i].state.arrived);
        }
        const size_t elsewhere = all->feed->elsewhere ? atomic_load(all->feed->elsewhere) : 0;
        if (all->options->progress && looks++ % SHOW_EVERY == 0)
            all->options->progress(all->options->progress_context, all->done + elsewhere, all->feed->total,
                                   arrived, mb_clock_wall() - start);
    }
    pthread_mutex_unlock(&all->mutex);
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
    if (status == MB_OK) wait_for_workers(&all, workers, count);
    for (unsigned i = 0; i < count; i++)
        if (workers[i].started) pthread_join(workers[i].thread, NULL);
    for (unsigned i = 0; i < count; i++)
        pthread_mutex_destroy(&workers[i].state.gate);
    sigaction(SIGUSR1, &before, NULL);
    pthread_cond_destroy(&all.changed);
    pthread_mutex_destroy(&all.mutex);
    free(workers);
    return status;
}
