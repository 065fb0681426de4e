// SPDX-License-Identifier: MIT
#include "run/params.h"

#include "policy/policy_lua.h"

mb_status mb_check_params(const mb_experiment *experiment, mb_error *error) {
    const mb_policy_spec *first = &experiment->policies[0];
    for (size_t i = 0; i < first->param_count; i++) {
        if (!first->params[i].if_declared) continue;
        const char *name = first->params[i].name;
        bool known = false;
        for (size_t j = 0; j < experiment->policy_count && !known; j++) {
            mb_lua_policy policy;
            if (mb_lua_policy_open(&policy, &experiment->policies[j], &experiment->limits, NULL, 0, 0,
                                   error) != MB_OK)
                return MB_OK; // its runs will say what is wrong with it, and the others go on
            char text[MB_PARAM_TEXT_SIZE];
            known = mb_lua_policy_param(&policy, name, text);
            mb_lua_policy_close(&policy);
        }
        if (!known)
            return mb_fail(error, MB_BAD_INPUT, "params.%s: no policy here has a parameter of that name",
                           name);
    }
    return MB_OK;
}
