// SPDX-License-Identifier: MIT
#include "report/states.h"

void mb_say_states(const mb_results *results, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    for (size_t i = 0; i < section->point_count; i++) {
        const mb_experiment *experiment = &section->points[i].experiment;
        for (size_t g = 0; g < experiment->group_count; g++) {
            const mb_group *group = &experiment->groups[g];
            if (group->state_bytes <= 0) continue;
            mb_strbuf_printf(
                text,
                "the KV memory planned for %s holds tokens alone: the %.3g MB of state that each of its "
                "requests keeps in layers without attention are not in it, so an engine has room "
                "for fewer at once (mbsand plan says for how many)",
                group->model, group->state_bytes / 1e6);
            return;
        }
    }
}
