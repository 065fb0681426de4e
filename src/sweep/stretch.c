// SPDX-License-Identifier: MIT
#include "sweep/stretch.h"

#include <stdlib.h>

mb_status mb_stretch_load(const char *scenario, const mb_overrides *overrides, size_t first,
                          mb_stretch **stretch, mb_error *error) {
    mb_stretch *made = *stretch = calloc(1, sizeof *made);
    if (!made) return mb_fail_memory(error);
    made->holders = 1;
    made->overrides = *overrides;
    made->overrides.first_point = made->first_point = first;
    made->overrides.most_points = MB_STRETCH_POINTS;
    const mb_status status = mb_scenario_load(scenario, &made->overrides, &made->scenario, error);
    if (status != MB_OK) {
        free(made);
        *stretch = NULL;
        return status;
    }
    for (size_t i = 0; i < mb_scenario_section_count(made->scenario); i++) {
        const mb_section *section = mb_scenario_section(made->scenario, i);
        made->points += section->point_count;
        for (size_t j = 0; j < section->point_count; j++) {
            const mb_experiment *experiment = &section->points[j].experiment;
            made->jobs += experiment->policy_count * experiment->seeds;
        }
    }
    return MB_OK;
}

mb_stretch *mb_stretch_hold(mb_stretch *stretch) {
    stretch->holders++;
    return stretch;
}

void mb_stretch_release(mb_stretch *stretch) {
    if (!stretch || --stretch->holders) return;
    mb_scenario_free(stretch->scenario);
    free(stretch);
}

static mb_status add_experiment(const mb_experiment *experiment, mb_inputs *inputs, mb_error *error) {
    mb_status status = MB_OK;
    for (size_t i = 0; i < experiment->policy_count && status == MB_OK; i++)
        status = mb_inputs_add(inputs, "policy", experiment->policies[i].path, error);
    return status;
}

mb_status mb_stretch_inputs(const mb_stretch *stretch, mb_inputs *inputs, mb_error *error) {
    const char *path;
    mb_status status = mb_inputs_unchanged(inputs, error);
    if (status == MB_OK)
        status = mb_inputs_add(inputs, "scenario", mb_scenario_path(stretch->scenario), error);
    for (size_t i = 0; status == MB_OK && (path = mb_scenario_module(stretch->scenario, i)) != NULL; i++)
        status = mb_inputs_add(inputs, "module", path, error);
    for (size_t i = 0; status == MB_OK && (path = mb_scenario_file(stretch->scenario, i)) != NULL; i++)
        status = mb_inputs_add(inputs, "data", path, error);
    for (size_t i = 0; i < mb_scenario_section_count(stretch->scenario) && status == MB_OK; i++) {
        const mb_section *section = mb_scenario_section(stretch->scenario, i);
        for (size_t j = 0; j < section->point_count && status == MB_OK; j++)
            status = add_experiment(&section->points[j].experiment, inputs, error);
    }
    return status;
}

// To the next point, if this one has no more jobs.
static bool settle(const mb_stretch *stretch, mb_cursor *cursor) {
    for (;;) {
        const mb_section *section = mb_scenario_section(stretch->scenario, cursor->section);
        if (!section) return false;
        if (cursor->local == section->point_count) {
            cursor->section++;
            cursor->local = 0;
            continue;
        }
        cursor->experiment = &section->points[cursor->local].experiment;
        if (cursor->policy < cursor->experiment->policy_count && cursor->seed < cursor->experiment->seeds)
            return true;
        cursor->point++;
        cursor->local++;
        cursor->policy = 0;
        cursor->seed = 0;
    }
}

bool mb_stretch_next(const mb_stretch *stretch, mb_cursor *cursor) {
    if (!cursor->started)
        cursor->started = true;
    else {
        cursor->index++;
        if (++cursor->seed == cursor->experiment->seeds) {
            cursor->seed = 0;
            cursor->policy++;
        }
    }
    return settle(stretch, cursor);
}

const mb_experiment *mb_stretch_at(const mb_stretch *stretch, size_t point, size_t *local) {
    size_t at = point - stretch->first_point;
    for (size_t i = 0; i < mb_scenario_section_count(stretch->scenario); i++) {
        const mb_section *section = mb_scenario_section(stretch->scenario, i);
        *local = at;
        if (at < section->point_count) return &section->points[at].experiment;
        at -= section->point_count;
    }
    return NULL;
}
