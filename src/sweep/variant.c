// SPDX-License-Identifier: MIT
#include "sweep/variant.h"

#include "report/roofline_text.h"

#include <stdlib.h>
#include <string.h>

mb_status mb_variant_load(const char *path, const mb_overrides *given, const char *const *sets,
                          size_t set_count, mb_scenario **scenario, mb_error *error) {
    mb_overrides overrides = *given;
    const char **all = calloc(given->set_count + set_count + 1, sizeof *all);
    if (!all) return mb_fail_memory(error);
    if (given->set_count) memcpy(all, given->sets, given->set_count * sizeof *all);
    if (set_count) memcpy(all + given->set_count, sets, set_count * sizeof *all);
    overrides.sets = all;
    overrides.set_count += set_count;
    const mb_status status = mb_scenario_load(path, &overrides, scenario, error);
    free(all);
    return status;
}

mb_status mb_variant_check(const mb_scenario *scenario, const char *who, mb_error *error) {
    if (mb_scenario_skipped(scenario))
        return mb_fail(error, MB_BAD_INPUT, "the scenario does not run here: %s",
                       mb_scenario_skipped(scenario));
    if (mb_scenario_section_count(scenario) == 1 && mb_scenario_section(scenario, 0)->point_count == 1)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s needs a scenario of one section that sweeps nothing; give a swept key one value "
                   "with --set",
                   who);
}

mb_status mb_variant_caution(const mb_scenario *scenario, char **text, mb_error *error) {
    const mb_experiment *experiment = &mb_scenario_section(scenario, 0)->points[0].experiment;
    const mb_roofline *before = NULL;
    mb_strbuf all = {0};
    bool failed = false;
    *text = NULL;
    for (size_t i = 0; i < experiment->group_count; i++) {
        const mb_roofline *roofline = experiment->groups[i].roofline;
        if (!roofline || (before && mb_roofline_alike(before, roofline))) continue;
        before = roofline;
        mb_strbuf said = {0};
        const bool sure = mb_roofline_text(roofline, &said);
        mb_strbuf_printf(&all, "%s%s%s", all.length ? "; " : "",
                         sure ? "" : "warning: ", said.text ? said.text : "");
        failed = failed || said.failed;
        mb_strbuf_deinit(&said);
    }
    failed = failed || all.failed;
    if (failed) mb_strbuf_deinit(&all);
    *text = all.text;
    return failed ? mb_fail_memory(error) : MB_OK;
}
