// SPDX-License-Identifier: MIT
// Errors for people: one sentence that says what is wrong, where, and what would be right.
#pragma once
#include <stdarg.h>

// Also the exit code of the command line.
typedef enum mb_status {
    MB_OK = 0,
    MB_FAILED = 1,    // the run failed (out of memory, a policy's error, a full disk)
    MB_BAD_INPUT = 2, // the command or its input is wrong
} mb_status;

typedef struct mb_error {
    mb_status status;
    char message[1536]; // one line that may be printed anywhere; starts with "file:line: " where there is one
    char traceback[2048]; // a policy's call stack, or empty
} mb_error;

// Fill `error` (may be NULL) and return `status`, so that a caller can `return mb_fail(...)`.
mb_status mb_fail(mb_error *error, mb_status status, const char *format, ...)
    __attribute__((cold, format(printf, 3, 4)));
// As mb_fail, with "file:line: " in front.
mb_status mb_fail_at(mb_error *error, mb_status status, const char *file, unsigned long line,
                     const char *format, ...) __attribute__((cold, format(printf, 5, 6)));
// The failure of an allocation.
mb_status mb_fail_memory(mb_error *error) __attribute__((cold));
