// SPDX-License-Identifier: MIT
#include "base/aside.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NS 20000000L // between two looks at the flag

typedef struct aside {
    void (*function)(void *);
    void *context;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done, left; // under mutex
} aside;

void mb_park(void) {
    for (;;)
        nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
}

static void *make_call(void *argument) {
    aside *call = argument;
    call->function(call->context);
    pthread_mutex_lock(&call->mutex);
    call->done = true;
    const bool left = call->left;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->mutex);
    if (left) mb_park();
    return NULL;
}

static bool wait_for(aside *call, const atomic_bool *stop) {
    double stopped_s = 0;
    pthread_mutex_lock(&call->mutex);
    while (!call->done && !call->left) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (until.tv_nsec + TICK_NS) / 1000000000L;
        until.tv_nsec = (until.tv_nsec + TICK_NS) % 1000000000L;
        pthread_cond_timedwait(&call->changed, &call->mutex, &until);
        if (!atomic_load(stop)) continue;
        if (!(stopped_s > 0)) stopped_s = mb_clock_wall();
        call->left = !call->done && mb_clock_wall() - stopped_s > MB_GRACE_S;
    }
    const bool done = call->done;
    pthread_mutex_unlock(&call->mutex);
    return done;
}

bool mb_aside(void (*function)(void *), void *context, const atomic_bool *stop) {
    pthread_t thread;
    pthread_condattr_t steady;
    aside *call = stop ? calloc(1, sizeof *call) : NULL;
    if (!call) {
        function(context);
        return true;
    }
    *call = (aside){.function = function, .context = context};
    pthread_mutex_init(&call->mutex, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&call->changed, &steady);
    pthread_condattr_destroy(&steady);
    const bool started = pthread_create(&thread, NULL, make_call, call) == 0;
    if (!started)
        function(context);
    else if (!wait_for(call, stop))
        return false;
    else
        pthread_join(thread, NULL);
    pthread_cond_destroy(&call->changed);
    pthread_mutex_destroy(&call->mutex);
    free(call);
    return true;
}
