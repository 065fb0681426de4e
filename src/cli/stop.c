// SPDX-License-Identifier: MIT
#include "cli/stop.h"

#include "base/stopped.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#define PATIENCE 3 // signals until nothing more is waited for

// A signal handler has no argument, so these are the program's own.
static atomic_bool stopped;
static atomic_int asked;

static void on_signal(int number) {
    atomic_store(&stopped, true);
    if (number == SIGPIPE) return; // which every write brings
    if (atomic_fetch_add(&asked, 1) + 1 >= PATIENCE) _exit(128 + number);
}

void mb_stop_on_signals(void) {
    mb_stopped_by(&stopped);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    const int polite[] = {SIGHUP, SIGPIPE};
    for (int i = 0; i < 2; i++) {
        struct sigaction before;
        if (sigaction(polite[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) // nohup asks to go on
            sigaction(polite[i], &action, NULL);
    }
}

void mb_stop_not_on_full_files(void) {
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigaction(SIGXFSZ, &ignored, NULL);
}

const atomic_bool *mb_stop_flag(void) {
    return &stopped;
}
