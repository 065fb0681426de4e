// SPDX-License-Identifier: MIT
#include "cli/preflight.h"

#include "cli/commands.h"
#include "run/params.h"

#include <string.h>

static mb_status check_baseline(const mb_section *section, const char *baseline, mb_error *error) {
    mb_strbuf there = {0};
    for (size_t i = 0; i < section->point_count; i++)
        for (size_t p = 0; p < section->points[i].experiment.policy_count; p++) {
            const char *label = section->points[i].experiment.policies[p].label;
            if (strcmp(label, baseline) == 0) {
                mb_strbuf_deinit(&there);
                return MB_OK;
            }
            if (i == 0) mb_strbuf_printf(&there, "%s%s", p ? ", " : "", label);
        }
    mb_fail(error, MB_BAD_INPUT, "--baseline: no policy here is called '%s'; there are %s", baseline,
            there.text ? there.text : "none");
    mb_strbuf_deinit(&there);
    return MB_BAD_INPUT;
}

// Once for each script, however many points run it.
static void tell_broken(void *context, const mb_policy_spec *spec, const mb_error *error) {
    const char **last = context;
    if (*last && strcmp(*last, spec->path) == 0) return;
    *last = spec->path;
    mb_cli_say(stderr, "mbsand: warning: %s does not load, the other policies run: %s\n", spec->label,
               error->message);
}

mb_status mb_check_before(const mb_scenario *scenario, const char *baseline, mb_error *error) {
    const char *last_broken = NULL;
    const mb_broken_policy broken = {.tell = tell_broken, .context = &last_broken};
    mb_status status = mb_check_scenario(scenario, &broken, error);
    for (size_t i = 0; i < mb_scenario_section_count(scenario) && status == MB_OK && baseline; i++)
        status = check_baseline(mb_scenario_section(scenario, i), baseline, error);
    return status;
}
