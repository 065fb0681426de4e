// SPDX-License-Identifier: MIT
// A second wall around threads that run policies, behind the closed environment of src/policy: where the
// kernel has them, seccomp and Landlock take away what a simulation never needs - opening files, connecting,
// starting programs. Both hold for the calling thread alone, and until it ends; nothing can lower them again.
#pragma once
#include "base/error.h"

#include <stddef.h>

typedef enum mb_walls { MB_WALLS_NONE, MB_WALLS_SECCOMP, MB_WALLS_ALL } mb_walls;

// What this kernel and this build have.
mb_walls mb_walls_available(void);
// In words, for --version: "seccomp and Landlock", "seccomp" or "none".
const char *mb_walls_name(mb_walls walls);

// From here on the thread can write to what is open and read from it, ask for memory and the time, and end.
// It can open files for reading beneath `readable` alone (NULL entries are left out; where the kernel has no
// Landlock: anywhere); it cannot write to another file, connect, or start a thread or a program.
mb_status mb_walls_raise(const char *const *readable, size_t count, mb_error *error);
// From here on it can open nothing at all.
mb_status mb_walls_close(mb_error *error);
