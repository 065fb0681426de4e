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
    const mb_roofline *roofline = mb_scenario_section(scenario, 0)->points[0].experiment.roofline;
    mb_strbuf said = {0}, all = {0};
    *text = NULL;
    if (!roofline) return MB_OK;
    const bool sure = mb_roofline_text(roofline, &said);
    mb_strbuf_printf(&all, "%s%s", sure ? "" : "warning: ", said.text ? said.text : "");
    const bool failed = said.failed || all.failed;
    mb_strbuf_deinit(&said);
    if (failed) mb_strbuf_deinit(&all);
    *text = all.text;
    return failed ? mb_fail_memory(error) : MB_OK;
}
