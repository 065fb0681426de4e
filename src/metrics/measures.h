// SPDX-License-Identifier: MIT
// The named numbers of a run: the columns of every table, CSV and JSON, the same everywhere.
#pragma once
#include "base/statistics.h"
#include "metrics/metrics.h"

#include <stddef.h>

typedef enum mb_better { MB_BETTER_NEITHER, MB_BETTER_HIGHER, MB_BETTER_LOWER } mb_better;

typedef struct mb_measure {
    const char *name;
    const char *meaning; // one line, with the unit
    mb_better better;
    bool share; // lies in 0 .. 1
} mb_measure;

// Those from MB_MEASURES_ALWAYS on are there if somebody asked for them, or the scenario gives what they
// need; CSV and JSON leave out those that no run has.
enum { MB_MEASURES_ALWAYS = 66, MB_MEASURE_COUNT = 92 };
extern const mb_measure mb_measures[MB_MEASURE_COUNT];

// All values of a run; NAN where one is undefined (no finished request, no SLO).
void mb_measure_all(const mb_metrics *metrics, const mb_slo *slo, double values[MB_MEASURE_COUNT]);
// Index of a measure by name, or -1.
int mb_measure_index(const char *name);
// The same for what people write: "e2e_mean" is e2e_mean_s, "slo attainment" slo_attainment.
int mb_measure_find(const char *text, size_t length);
// The measure that a text which is none most likely meant; ttft_p99_s if there is nothing like it.
const char *mb_measure_example(const char *text, size_t length);
// What its values can be: intervals follow.
mb_scale mb_measure_scale(int measure);
// A time that requests wait or take: it is of those that were served.
bool mb_measure_is_latency(int measure);
