// SPDX-License-Identifier: MIT
// A library to preload: makes one call of the program fail, as a full disk or an empty memory would.
//   MB_FAIL_ALLOC=N     the N-th allocation gives NULL; N+: every one from there on
//   MB_FAIL_CALL=NAME:N:ERRNO   the N-th call of write, pwrite, open or rename fails so; N+: every one from
//   there on;
//                       write only to files and pipes of the program, ERRNO 0: it takes one byte only
//   MB_CLOCK_BACK=1     the time of day is an hour ahead of the kernel's at the first look, and a minute less
//   at each MB_FAULTS_LOG=FILE  where the counts go at the end
// System calls are caught with seccomp, so that those inside of the C library count too.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_bool counting;
static atomic_long allocations, calls;
static long fail_allocation, fail_call;
static bool allocations_after, calls_after, clock_back;
static int call_error;
static long call_number = -1; // the system call that is caught

// --- memory ----------------------------------------------------------------------------------------------

static bool fails(void) {
    if (!atomic_load(&counting)) return false;
    const long now = atomic_fetch_add(&allocations, 1) + 1;
    if (!fail_allocation || (allocations_after ? now < fail_allocation : now != fail_allocation))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return fails() ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}

// --- system calls ----------------------------------------------------------------------------------------

#define PASS 0x6d627361 // in the sixth argument, which none of these calls has: it goes to the kernel

static void on_call(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const long number = registers[REG_RAX], first = registers[REG_RDI], second = registers[REG_RSI];
    long third = registers[REG_RDX];
    const int before = errno;
    const long now = atomic_fetch_add(&calls, 1) + 1;
    const bool chosen = calls_after ? now >= fail_call : now == fail_call;
    if (fail_call && chosen && call_error) {
        registers[REG_RAX] = -call_error;
        return;
    }
    if (fail_call && chosen && third > 1) third = 1; // a short write
    const long result = syscall(number, first, second, third, (long)registers[REG_R10], 0L, (long)PASS);
    registers[REG_RAX] = result < 0 ? -errno : result;
    errno = before;
}

static void catch_calls(void) {
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSYS, &action, NULL);
    const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call_number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PASS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = (void *)filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(77); // the test skips
}

// --- the time of day -------------------------------------------------------------------------------------

int clock_gettime(clockid_t clock, struct timespec *now) {
    static atomic_long looks;
    const long result = syscall(SYS_clock_gettime, clock, now);
    if (clock_back && clock == CLOCK_REALTIME) now->tv_sec += 3600 - 60 * atomic_fetch_add(&looks, 1);
    return (int)result;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

// --- begin and end ---------------------------------------------------------------------------------------

static long read_number(const char *text, bool *after) {
    char *end;
    const long value = strtol(text, &end, 10);
    *after = *end == '+';
    return value;
}

__attribute__((constructor)) static void begin(void) {
    const char *allocation = getenv("MB_FAIL_ALLOC"), *call = getenv("MB_FAIL_CALL");
    clock_back = getenv("MB_CLOCK_BACK") != NULL;
    unsetenv("LD_PRELOAD"); // for this program alone
    alarm(60);              // what lasts a minute hangs
    if (allocation) fail_allocation = read_number(allocation, &allocations_after);
    if (call) {
        const char *number = strchr(call, ':') + 1;
        fail_call = read_number(number, &calls_after);
        call_error = atoi(strchr(number, ':') + 1);
        call_number = strncmp(call, "write", 5) == 0    ? SYS_write
                      : strncmp(call, "pwrite", 6) == 0 ? SYS_pwrite64
                      : strncmp(call, "open", 4) == 0   ? SYS_openat
                                                        : SYS_rename;
        catch_calls();
    }
    atomic_store(&counting, allocation != NULL);
}

__attribute__((destructor)) static void end(void) {
    atomic_store(&counting, false);
    const long seen = atomic_load(&calls); // before the log's own
    const char *log = getenv("MB_FAULTS_LOG");
    if (!log) return;
    fail_call = 0;
    char text[80];
    const int length = snprintf(text, sizeof text, "%ld %ld\n", atomic_load(&allocations), seen);
    const int file = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (write(file, text, (size_t)length) != length) abort();
    close(file);
}
