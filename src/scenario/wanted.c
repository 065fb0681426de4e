// SPDX-License-Identifier: MIT
#include "scenario/wanted.h"

#include <math.h>
#include <string.h>

static bool begins(const char *name, const char *with) {
    return strncmp(name, with, strlen(with)) == 0;
}

void mb_experiment_want(mb_experiment *experiment, const char *measure) {
    if (begins(measure, "why_")) experiment->why = true;
    if (begins(measure, "gap_")) experiment->gaps = true;
    if (begins(measure, "late_")) experiment->late = experiment->readings = true;
    if (begins(measure, "program_")) experiment->programs = true;
    if (begins(measure, "replica_s") || begins(measure, "lost_s")) experiment->comes_and_goes = true;
    if (begins(measure, "service_gap")) experiment->fair.measured = true;
}

void mb_experiment_find_wanted(mb_experiment *experiment, char *const *columns) {
    const mb_workload *workload = &experiment->workload;
    experiment->gaps = isfinite(experiment->slo.gap_s);
    experiment->late = experiment->slo.of_late;
    experiment->readings = experiment->reader.speed > 0 || experiment->late;
    for (size_t i = 0; i < workload->class_count; i++) {
        const mb_class *class = &workload->classes[i];
        experiment->late = experiment->late || class->slo.of_late;
        experiment->readings = experiment->readings || class->reader.speed > 0 || class->slo.of_late;
        experiment->gaps = experiment->gaps || isfinite(class->slo.gap_s);
    }
    for (; columns && *columns; columns++)
        mb_experiment_want(experiment, *columns);
}
