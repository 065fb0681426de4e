// SPDX-License-Identifier: MIT
#include "cli/rerun.h"

#include "cli/commands.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 200, MOST_WAITS = 25 }; // five seconds for a run that is told to end

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
}

static bool is_watched(const char *name) {
    static const char *const watched[] = {".lua", ".csv", ".json", ".jsonl"};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof watched / sizeof *watched; i++)
        if (strcmp(ending, watched[i]) == 0) return true;
    return false;
}

static uint64_t mix(uint64_t hash, uint64_t value) { // FNV-1a, a word at a time
    return (hash ^ value) * UINT64_C(1099511628211);
}

// A number that is another one when a file there has come, gone or changed; the order of the entries is none.
static uint64_t state_of(const char *folder) {
    uint64_t sum = 0;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        struct stat file;
        if (!is_watched(entry->d_name) || fstatat(dirfd(entries), entry->d_name, &file, 0) != 0) continue;
        uint64_t hash = UINT64_C(14695981039346656037);
        for (const char *c = entry->d_name; *c; c++)
            hash = mix(hash, (unsigned char)*c);
        hash = mix(mix(hash, (uint64_t)file.st_ino), (uint64_t)file.st_size);
        sum += mix(mix(hash, (uint64_t)file.st_mtim.tv_sec), (uint64_t)file.st_mtim.tv_nsec);
    }
    if (entries) closedir(entries);
    return sum;
}

static uint64_t state_of_all(char *const *folders, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum = mix(sum, state_of(folders[i]));
    return sum;
}

// --- signals ---------------------------------------------------------------------------------------------

// A signal handler has no argument, so these are the program's own: whether who watches was told to end, and
// the signals that the run has not had itself.
static atomic_bool told;
static atomic_int to_pass_on;

// What the terminal sends reaches the run too, and what somebody sends to a process does not.
static void on_signal(int number, siginfo_t *from, void *context) {
    (void)context;
    if (from->si_code != SI_KERNEL) atomic_store(&to_pass_on, number);
    atomic_store(&told, true);
}

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDINGS = 3 };

// Under nohup the end of the terminal is ignored, as it should be.
static void listen_to_signals(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, before;
    for (int i = 0; i < ENDINGS; i++)
        if (endings[i] != SIGHUP || (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN))
            sigaction(endings[i], &action, NULL);
}

static void forget_signals(void) {
    struct sigaction before;
    for (int i = 0; i < ENDINGS; i++)
        if (sigaction(endings[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            signal(endings[i], SIG_DFL);
}

// --- the process of a run ----------------------------------------------------------------------------------

typedef struct running {
    pid_t child; // 0: it has ended,
    int code;    // with this
} running;

// A signal that comes while there are not yet two processes waits until it is known whose it is.
static void start(running *of, int (*run)(void *context), void *context) {
    sigset_t held, before;
    sigemptyset(&held);
    for (int i = 0; i < ENDINGS; i++)
        sigaddset(&held, endings[i]);
    const pid_t parent = getpid();
    fflush(NULL);
    sigprocmask(SIG_BLOCK, &held, &before);
    of->child = fork();
    if (of->child == 0) {
        forget_signals();
        sigprocmask(SIG_SETMASK, &before, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM); // who watches is gone: nobody wants the run
        const int code = getppid() == parent ? run(context) : 1;
        _exit(mb_cli_finish() ? 1 : code);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static bool has_ended(running *of) {
    int status = 0;
    if (!of->child) return true;
    if (waitpid(of->child, &status, WNOHANG) == 0) return false;
    of->child = 0;
    of->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

static void end(running *of) {
    kill(of->child, SIGTERM);
    for (int i = 0; i < MOST_WAITS; i++) {
        if (has_ended(of)) return;
        nap();
    }
    kill(of->child, SIGKILL);
    while (!has_ended(of))
        nap();
}

// The run prints what it has finished, as any that is stopped.
static void let_end(running *of) {
    while (!has_ended(of)) {
        const int number = atomic_exchange(&to_pass_on, 0);
        if (number) kill(of->child, number);
        nap();
    }
}

// --- again and again -------------------------------------------------------------------------------------

// Until something has changed, and stands still again: editors write a file in several steps. Or until who
// watches is told to end.
static void wait_for_change(char *const *folders, size_t count, uint64_t before, running *of) {
    bool said = false;
    uint64_t now = before;
    while (now == before && !atomic_load(&told)) {
        nap();
        if (!said && has_ended(of)) {
            said = true;
            fputs("mbsand: waiting for a file to be saved; Ctrl-C ends\n", stderr);
        }
        now = state_of_all(folders, count);
    }
    for (uint64_t last = before; now != last && !atomic_load(&told); now = state_of_all(folders, count)) {
        last = now;
        nap();
    }
}

int mb_rerun(char *const *folders, size_t count, int (*run)(void *context), void *context) {
    running of = {0};
    listen_to_signals();
    for (;;) {
        const uint64_t before = state_of_all(folders, count);
        start(&of, run, context);
        if (of.child < 0) {
            fprintf(stderr, "mbsand: --watch: no process could be started: %s\n", strerror(errno));
            return 1;
        }
        wait_for_change(folders, count, before, &of);
        if (atomic_load(&told)) break;
        if (!has_ended(&of)) end(&of);
        if (atomic_load(&told)) break;
        fputs("mbsand: a file has changed, running again\n", stderr);
    }
    let_end(&of);
    return of.code;
}
