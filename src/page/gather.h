// SPDX-License-Identifier: MIT
// What a page shows beside the measures, gathered while the jobs of a section run: quantiles of each job, and
// of the first seed how things went over time.
#pragma once
#include "run/pool.h"
#include "series/recording.h"

enum { MB_GATHERED_QUANTILES = 31, MB_GATHERED_RUNS = 24 };
extern const double mb_gathered_at[MB_GATHERED_QUANTILES]; // 0 .. 1

typedef enum mb_gathered_time {
    MB_GATHERED_TTFT,
    MB_GATHERED_ITL,
    MB_GATHERED_TPOT,
    MB_GATHERED_E2E,
    MB_GATHERED_QUEUE,
    MB_GATHERED_TIMES
} mb_gathered_time;
extern const char *const mb_gathered_names[MB_GATHERED_TIMES];  // "ttft", ...
extern const char *const mb_gathered_titles[MB_GATHERED_TIMES]; // for people

typedef struct mb_gathered_job {
    bool known;
    double quantiles[MB_GATHERED_TIMES][MB_GATHERED_QUANTILES]; // s; NAN: of nothing
} mb_gathered_job;

typedef struct mb_gathered {
    const mb_section *section;
    size_t *offsets; // of each point's first job; owned, with the next two
    mb_gathered_job *jobs;
    mb_recording **recordings; // by job; of seed 1, at the first points
    size_t count, recorded_points;
} mb_gathered;

// So many of the first points are recorded over time that there are some 24 runs of it. Release with
// mb_gathered_deinit, also after a failure.
mb_status mb_gathered_init(mb_gathered *gathered, const mb_section *section, mb_error *error);
void mb_gathered_deinit(mb_gathered *gathered);
// Who watches the jobs of the section.
mb_job_observer mb_gathered_observer(mb_gathered *gathered);
const mb_gathered_job *mb_gathered_of(const mb_gathered *gathered, size_t point, size_t policy,
                                      uint32_t seed);
// NULL: not recorded.
const mb_recording *mb_gathered_recording(const mb_gathered *gathered, size_t point, size_t policy);
