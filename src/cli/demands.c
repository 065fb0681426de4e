// SPDX-License-Identifier: MIT
#include "cli/demands.h"

#include "cli/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mb_status mb_demand_parse(const char *text, mb_demand *demand, mb_error *error) {
    const size_t length = strcspn(text, "<>=");
    const char *sign = text + length, *number = sign + 1;
    char *end = NULL;
    *demand = (mb_demand){.text = text};
    if (*sign == '<' || *sign == '>') {
        demand->at_most = *sign == '<';
        demand->strict = sign[1] != '=';
        number += !demand->strict;
        demand->bound = strtod(number, &end);
        demand->measure = mb_measure_find(text, length);
        if (demand->measure < 0)
            return mb_fail(error, MB_BAD_INPUT, "--assert %s: '%.*s' is no measure; for example %s", text,
                           (int)length, text, mb_measure_example(text, length));
    }
    if (!end || end == number || *end || !isfinite(demand->bound))
        return mb_fail(error, MB_BAD_INPUT,
                       "--assert %s: expected a measure, <, <=, > or >=, and a number, as in 'ttft_p99<0.5'",
                       text);
    return MB_OK;
}

bool mb_demand_is_kept(const mb_demand *demand, double value) {
    if (demand->at_most) return demand->strict ? value < demand->bound : value <= demand->bound;
    return demand->strict ? value > demand->bound : value >= demand->bound;
}

size_t mb_demand_check(const mb_demand *demand, const mb_results *results) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    size_t broken = 0;
    for (size_t point = 0; point < section->point_count; point++)
        for (size_t policy = 0; policy < section->points[point].experiment.policy_count; policy++) {
            const double value = mb_level(results, point, policy, demand->measure).value;
            if (mb_demand_is_kept(demand, value)) continue;
            const char *label = section->points[point].label;
            char number[64] = "no value";
            if (!isnan(value)) snprintf(number, sizeof number, "%.6g", value);
            mb_cli_say(stderr, "mbsand: --assert %s: %s%s%s has %s\n", demand->text,
                       section->points[point].experiment.policies[policy].label,
                       label && *label ? " at " : "", label ? label : "", number);
            broken++;
        }
    return broken;
}
