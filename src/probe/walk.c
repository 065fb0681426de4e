// SPDX-License-Identifier: MIT
#include "probe/walk.h"

#include <stdlib.h>
#include <time.h>

double mb_probe_now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double mb_probe_median(const double *times, uint32_t count) {
    return (times[(count - 1) / 2] + times[count / 2]) / 2;
}

static bool is_over(const mb_probe_task *task, double start_s) {
    return mb_probe_now_s() - start_s > task->budget_s;
}

bool mb_probe_spent(const mb_probe_task *task, double start_s, const mb_probe_summary *summary) {
    return summary->measured > 0 && is_over(task, start_s);
}

// Would the cell's trials, each as long as this one, go beyond the budget?
static bool too_long(const mb_probe_task *task, double start_s, const mb_probe_summary *summary,
                     double trial_s) {
    const double end_s = mb_probe_now_s() + task->trials * trial_s;
    return summary->measured > 0 && end_s - start_s > task->budget_s;
}

// *late: there is no time for it.
static mb_status measure(const mb_probe_task *task, double start_s, const mb_probe_cells *cells, size_t cell,
                         mb_probe_summary *summary, bool *late, mb_error *error) {
    double *times = calloc(task->trials, sizeof *times), first;
    if (!times) return mb_fail_memory(error);
    const double began_s = mb_probe_now_s();
    mb_status status = cells->time(cells->self, cell, &first, error); // warms caches and clocks up
    *late = too_long(task, start_s, summary, mb_probe_now_s() - began_s);
    // The first cell of a run is measured whatever the budget, so that the next run has less to do: but no
    // more often than once, if it is used up.
    uint32_t trials = 0;
    for (bool over = false; trials < task->trials && !status && !*late && !over; trials++) {
        status = cells->time(cells->self, cell, &times[trials], error);
        over = is_over(task, start_s);
        *late = mb_probe_spent(task, start_s, summary);
    }
    qsort(times, trials, sizeof *times, ascending);
    const bool whole = !status && !*late && !atomic_load(task->stop); // a stop may have cut a trial short
    if (whole) status = cells->write(cells->self, cell, times, trials, error);
    summary->measured += whole && !status;
    free(times);
    return status;
}

static void show_progress(const mb_probe_task *task, double start_s, const mb_probe_summary *summary,
                          size_t next, size_t count) {
    if (!task->progress) return;
    const double each = summary->measured ? (mb_probe_now_s() - start_s) / (double)summary->measured : 0;
    fprintf(task->progress, "\r%zu of %zu cells, about %.0f s left   ", next, count,
            each * (double)(count - next));
    fflush(task->progress);
}

mb_status mb_probe_walk(const mb_probe_task *task, double start_s, const mb_probe_cells *cells,
                        mb_probe_summary *summary, mb_error *error) {
    mb_status status = MB_OK;
    size_t i = 0;
    for (bool late = false; i < cells->count && !status; i++) {
        if (mb_probe_spent(task, start_s, summary) || atomic_load(task->stop)) break;
        if (cells->known(cells->self, i))
            summary->known++;
        else
            status = measure(task, start_s, cells, i, summary, &late, error);
        if (late) break;
        show_progress(task, start_s, summary, i + 1, cells->count);
    }
    if (task->progress) fputs("\r                                        \r", task->progress);
    summary->complete = !status && i == cells->count && !atomic_load(task->stop);
    return status;
}
