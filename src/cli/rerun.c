// SPDX-License-Identifier: MIT
#include "cli/rerun.h"

#include "cli/commands.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
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
    static const char *const endings[] = {".lua", ".csv", ".json", ".jsonl"};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(ending, endings[i]) == 0) return true;
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

static bool has_ended(pid_t child) {
    return waitpid(child, NULL, WNOHANG) != 0;
}

static void end(pid_t child) {
    kill(child, SIGTERM);
    for (int i = 0; i < MOST_WAITS; i++) {
        if (has_ended(child)) return;
        nap();
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

// Until something has changed, and stands still again: editors write a file in several steps.
static void wait_for_change(char *const *folders, size_t count, uint64_t before, pid_t child) {
    bool runs = true;
    uint64_t now = before;
    while (now == before) {
        nap();
        if (runs && has_ended(child)) {
            runs = false;
            fputs("mbsand: waiting for a file to be saved; Ctrl-C ends\n", stderr);
        }
        now = state_of_all(folders, count);
    }
    for (uint64_t last = before; now != last; now = state_of_all(folders, count)) {
        last = now;
        nap();
    }
    if (runs) end(child);
}

int mb_rerun(char *const *folders, size_t count, int (*run)(void *context), void *context) {
    const pid_t parent = getpid();
    for (;;) {
        const uint64_t before = state_of_all(folders, count);
        fflush(NULL);
        const pid_t child = fork();
        if (child < 0) {
            fprintf(stderr, "mbsand: --watch: no process could be started: %s\n", strerror(errno));
            return 1;
        }
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM); // who watches is gone: nobody wants the run
            const int code = getppid() == parent ? run(context) : 1;
            _exit(mb_cli_finish() ? 1 : code);
        }
        wait_for_change(folders, count, before, child);
        fputs("mbsand: a file has changed, running again\n", stderr);
    }
}
