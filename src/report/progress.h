// SPDX-License-Identifier: MIT
// A progress bar on a terminal: one line, rewritten, gone at the end. For one thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct mb_progress {
    FILE *out; // NULL: nobody watches, and every call does nothing
    bool color, drawn;
    double last_s; // when it was drawn last
    size_t width;  // of the terminal then
} mb_progress;

typedef struct mb_progress_state {
    size_t done, total; // runs
    size_t before;      // of those done, what was there before the clock began
    uint64_t requests;  // that arrived so far, over all runs
    double elapsed_s;
    size_t width; // of the terminal; 0: 80 or more
} mb_progress_state;

// Draws only where `out` is a terminal and `quiet` is false.
void mb_progress_init(mb_progress *progress, FILE *out, bool quiet);
// May be called often: it draws at most ten times a second.
void mb_progress_update(mb_progress *progress, const mb_progress_state *state);
// Clear the line; before anything else is printed.
void mb_progress_clear(mb_progress *progress);
// The line itself, without colours, narrower than the terminal and at most 79 columns wide.
enum { MB_PROGRESS_SIZE = 256 };
void mb_progress_line(const mb_progress_state *state, char text[MB_PROGRESS_SIZE]);
