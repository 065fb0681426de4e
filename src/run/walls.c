// SPDX-License-Identifier: MIT
#define _GNU_SOURCE // syscall, O_PATH
#include "run/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if defined __linux__ && (defined __x86_64__ || defined __aarch64__) && __has_include(<linux/landlock.h>)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// What a simulation asks of the kernel. Everything else fails with EPERM, what the next kernel invents too.
static const uint32_t allowed[] = {
    // files that are open already: traces, dumps, standard error
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_pwrite64,
    SYS_lseek,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_getcwd,
    SYS_fcntl,
    SYS_statx,
    SYS_readlinkat,
    // memory
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    // time, chance, locks
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_getrandom,
    SYS_futex,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_restart_syscall,
    // signals to itself (abort), the clock that ends late hooks, the end of the thread
    SYS_rt_sigreturn,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_sigaltstack,
    SYS_tgkill,
    SYS_getpid,
    SYS_gettid,
    SYS_exit,
    SYS_exit_group,
    SYS_set_robust_list,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef __x86_64__
    SYS_stat,
    SYS_lstat,
    SYS_readlink,
    SYS_time,
#endif
};
enum { ALLOWED = sizeof allowed / sizeof *allowed };

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define JUMP_IF_EQUAL(value, then, otherwise)                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (then), (otherwise))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define DENY ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define ALLOW ANSWER(SECCOMP_RET_ALLOW)

static mb_status filter(bool may_open, mb_error *error) {
    struct sock_filter code[2 * ALLOWED + 16];
    unsigned short n = 0;
    code[n++] = (struct sock_filter)LOAD(arch);
    code[n++] = (struct sock_filter)JUMP_IF_EQUAL(ARCHITECTURE, 1, 0);
    code[n++] = (struct sock_filter)DENY;
    code[n++] = (struct sock_filter)LOAD(nr);
    for (size_t i = 0; i < ALLOWED; i++) {
        code[n++] = (struct sock_filter)JUMP_IF_EQUAL(allowed[i], 0, 1);
        code[n++] = (struct sock_filter)ALLOW;
    }
    if (may_open) { // for reading: no flag that writes, makes, or cuts off; and another filter may follow
        const uint32_t writes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
        code[n++] = (struct sock_filter)JUMP_IF_EQUAL(SYS_seccomp, 0, 1);
        code[n++] = (struct sock_filter)ALLOW;
        code[n++] = (struct sock_filter)JUMP_IF_EQUAL(SYS_getdents64, 0, 1); // to name the rules there are
        code[n++] = (struct sock_filter)ALLOW;
        code[n++] = (struct sock_filter)JUMP_IF_EQUAL(SYS_openat, 0, 3);
        code[n++] = (struct sock_filter)LOAD(args[2]);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, writes, 1, 0);
        code[n++] = (struct sock_filter)ALLOW;
    }
    code[n++] = (struct sock_filter)DENY;
    const struct sock_fprog program = {.len = n, .filter = code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "the kernel refuses a filter of system calls (%s); --no-os-sandbox runs without it",
                   strerror(errno));
}

// --- Landlock: which files may be opened for reading

static int landlock_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static bool add_rule(int ruleset, const char *path) {
    const int folder = open(path, O_PATH | O_CLOEXEC);
    if (folder < 0) return errno == ENOENT || errno == ENOTDIR; // nothing there to be read
    struct stat info;
    const uint64_t list =
        fstat(folder, &info) == 0 && S_ISDIR(info.st_mode) ? LANDLOCK_ACCESS_FS_READ_DIR : 0;
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | list,
                                              .parent_fd = folder};
    const bool added = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(folder);
    return added;
}

static mb_status restrict_files(const char *const *readable, size_t count, mb_error *error) {
    const int version = landlock_version();
    if (version < 1) return MB_OK;
    // Rights came with versions: 13 with the first, then moving to another folder, cutting off, device
    // controls.
    const uint64_t first = (UINT64_C(1) << 13) - 1, more[] = {0, 0, 1 << 13, 1 << 14, 0, 1 << 15};
    uint64_t handled = first;
    for (int v = 2; v <= version && v < (int)(sizeof more / sizeof *more); v++)
        handled |= more[v];
    const struct landlock_ruleset_attr attributes = {.handled_access_fs = handled};
    // (A newer header's struct is longer: what this kernel does not know of it is zero.)
    const int ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
    bool done = ruleset >= 0;
    for (size_t i = 0; i < count && done; i++)
        done = !readable[i] || add_rule(ruleset, readable[i]);
    done = done && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    const int reason = errno;
    if (ruleset >= 0) close(ruleset);
    if (done) return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "the kernel refuses Landlock's rules (%s); --no-os-sandbox runs without them",
                   strerror(reason));
}

mb_walls mb_walls_available(void) {
    // Asks for a filter that is not there: EFAULT says that filters are.
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL) return MB_WALLS_NONE;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) == -1 && errno != EFAULT) return MB_WALLS_NONE;
    return landlock_version() >= 1 ? MB_WALLS_ALL : MB_WALLS_SECCOMP;
}

mb_status mb_walls_raise(const char *const *readable, size_t count, mb_error *error) {
    const mb_walls walls = mb_walls_available();
    if (walls == MB_WALLS_NONE) return MB_OK;
    // Both are for those who give up rising above themselves.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return mb_fail(error, MB_FAILED,
                       "the kernel refuses the walls around policies (%s); --no-os-sandbox runs without",
                       strerror(errno));
    const mb_status status = walls == MB_WALLS_ALL ? restrict_files(readable, count, error) : MB_OK;
    return status == MB_OK ? filter(true, error) : status;
}

mb_status mb_walls_close(mb_error *error) {
    const bool raised = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0; // EPERM: by the filter
    return raised ? filter(false, error) : MB_OK;
}

#else // another system, or headers from before Landlock: no second wall

mb_walls mb_walls_available(void) {
    return MB_WALLS_NONE;
}

mb_status mb_walls_raise(const char *const *readable, size_t count, mb_error *error) {
    (void)readable, (void)count, (void)error;
    return MB_OK;
}

mb_status mb_walls_close(mb_error *error) {
    (void)error;
    return MB_OK;
}

#endif

const char *mb_walls_name(mb_walls walls) {
    static const char *const names[] = {"none", "seccomp", "seccomp and Landlock"};
    return names[walls];
}
