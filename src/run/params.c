// SPDX-License-Identifier: MIT
#include "run/params.h"

#include "policy/policy_lua.h"

#include <stdlib.h>

// A script loads in a millisecond. One that takes longer than this is left to its run, which says so, so that
// it is not waited for twice.
#define LOOK_S 0.2

// Of the first policy's parameters, which all have that were set for all, those that this one declares.
static mb_status ask_policy(const mb_experiment *experiment, size_t number, const mb_broken_policy *broken,
                            bool *known, mb_error *error) {
    const mb_policy_spec *first = &experiment->policies[0], *spec = &experiment->policies[number];
    mb_limits limits = experiment->limits;
    if (limits.hook_s > LOOK_S) limits.hook_s = LOOK_S;
    mb_lua_policy policy;
    const mb_status status = mb_lua_policy_open(&policy, spec, &limits, NULL, 0, 0, error);
    if (status != MB_OK) {
        const bool others = broken && policy.broken && experiment->policy_count > 1;
        if (!policy.late && !others) return status;
        if (!policy.late) broken->tell(broken->context, spec, error);
        for (size_t i = 0; i < first->param_count; i++)
            known[i] = true; // who knows
        return MB_OK;
    }
    for (size_t i = 0; i < first->param_count; i++) {
        char text[MB_PARAM_TEXT_SIZE];
        known[i] = known[i] || mb_lua_policy_param(&policy, first->params[i].name, text);
    }
    mb_lua_policy_close(&policy);
    return MB_OK;
}

mb_status mb_check_policies(const mb_experiment *experiment, const mb_broken_policy *broken,
                            mb_error *error) {
    const mb_policy_spec *first = &experiment->policies[0];
    bool *known = calloc(first->param_count + 1, sizeof *known);
    mb_status status = known ? MB_OK : mb_fail_memory(error);
    for (size_t i = 0; i < experiment->policy_count && status == MB_OK; i++)
        status = ask_policy(experiment, i, broken, known, error);
    for (size_t i = 0; i < first->param_count && status == MB_OK; i++)
        if (first->params[i].if_declared && !known[i])
            status = mb_fail(error, MB_BAD_INPUT, "params.%s: no policy here has a parameter of that name",
                             first->params[i].name);
    free(known);
    return status;
}

mb_status mb_check_scenario(const mb_scenario *scenario, const mb_broken_policy *broken, mb_error *error) {
    mb_status status = MB_OK;
    for (size_t i = 0; i < mb_scenario_section_count(scenario); i++) {
        const mb_section *section = mb_scenario_section(scenario, i);
        for (size_t j = 0; j < section->point_count && status == MB_OK; j++)
            status = mb_check_policies(&section->points[j].experiment, broken, error);
    }
    return status;
}
