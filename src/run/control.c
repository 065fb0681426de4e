// SPDX-License-Identifier: MIT
#include "run/control.h"

#include <stdlib.h>
#include <string.h>

// The section with other clusters; it shares all else with the one it is made from.
static mb_section *relax(const mb_section *section) {
    mb_section *relaxed = malloc(sizeof *relaxed);
    mb_point *points = malloc((section->point_count + 1) * sizeof *points);
    if (!relaxed || !points) {
        free(relaxed);
        free(points);
        return NULL;
    }
    memcpy(points, section->points, section->point_count * sizeof *points);
    for (size_t i = 0; i < section->point_count; i++) {
        points[i].experiment.relaxed = true;
        points[i].experiment.usd_per_hour *= 2;
    }
    *relaxed = *section;
    relaxed->points = points;
    return relaxed;
}

mb_status mb_run_control(mb_results *results, const mb_run_options *options, mb_error *error) {
    const mb_run_options quiet = {
        .threads = options->threads, .stop = options->stop, .walls = options->walls};
    mb_section *relaxed = relax(mb_results_section(results));
    mb_results *control = calloc(1, sizeof *control);
    if (!relaxed || !control) {
        if (relaxed) free(relaxed->points);
        free(relaxed);
        free(control);
        return mb_fail_memory(error);
    }
    *control = (mb_results){.scenario = results->scenario, .section = results->section, .view = relaxed};
    results->control = control;
    const mb_status status = mb_results_init(control, error);
    return status == MB_OK ? mb_run_more(&quiet, control, error) : status;
}
