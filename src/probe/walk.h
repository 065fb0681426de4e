// SPDX-License-Identifier: MIT
// Going through the cells of a grid, whatever is measured in them.
#pragma once
#include "probe/task.h"

typedef struct mb_probe_cells {
    size_t count;
    bool (*known)(void *self, size_t cell); // in the file already
    // Time the cell once.
    mb_status (*time)(void *self, size_t cell, double *seconds, mb_error *error);
    // Write its row; times: [trials], ascending.
    mb_status (*write)(void *self, size_t cell, const double *times, uint32_t trials, mb_error *error);
    void *self;
} mb_probe_cells;

double mb_probe_now_s(void);
double mb_probe_median(const double *ascending, uint32_t count);
// Is the budget used up, and one cell measured at least?
bool mb_probe_spent(const mb_probe_task *task, double start_s, const mb_probe_summary *summary);
// Each cell that is not known: once to warm up, task->trials times, written; until all are done, *task->stop,
// or the budget is used up (one cell is measured at least). A cell that would not end in time is not begun
// anew after its warm-up. Fills summary's measured, known and complete.
mb_status mb_probe_walk(const mb_probe_task *task, double start_s, const mb_probe_cells *cells,
                        mb_probe_summary *summary, mb_error *error);
