// SPDX-License-Identifier: MIT
#include "report/beside.h"

#include "report/format.h"

#include <math.h>

// Of the replicas' time; less is what every router leaves that decides when requests arrive.
#define WORTH_SAYING 0.01

static double replicas_of(const mb_experiment *experiment) {
    double replicas = 0;
    for (size_t i = 0; i < experiment->group_count; i++)
        replicas += (double)experiment->groups[i].hardware.replicas;
    return replicas;
}

// Replica-seconds of an average run of the policy, and of how many.
static double average(const mb_results *results, size_t policy, double *all_s) {
    const mb_section *section = mb_results_section(results);
    const int idle = mb_measure_index("idle_beside_s"), duration = mb_measure_index("duration_s");
    double seconds = 0, runs = 0;
    *all_s = 0;
    for (size_t point = 0; point < section->point_count; point++) {
        const mb_experiment *experiment = &section->points[point].experiment;
        for (uint32_t seed = 0; policy < experiment->policy_count && seed < experiment->seeds; seed++) {
            const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
            if (!outcome->finished || isnan(outcome->values[idle])) continue;
            seconds += outcome->values[idle];
            *all_s += outcome->values[duration] * replicas_of(experiment);
            runs++;
        }
    }
    *all_s /= runs;
    return seconds / runs;
}

void mb_say_beside(const mb_results *results, mb_strbuf *text) {
    const mb_experiment *experiment = &mb_results_section(results)->points[0].experiment;
    const char *before = "replicas stood idle while requests that they could have served waited in another's "
                         "own queue: under ";
    for (size_t i = 0; i < experiment->policy_count; i++) {
        double all_s;
        const double seconds = average(results, i, &all_s);
        if (!(seconds > WORTH_SAYING * all_s)) continue;
        char idle[MB_TEXT_SIZE], all[MB_TEXT_SIZE];
        mb_digits(idle, MB_TEXT_SIZE, seconds, 3);
        mb_digits(all, MB_TEXT_SIZE, all_s, 3);
        mb_strbuf_add(text, before);
        mb_add_printable(text, experiment->policies[i].label);
        mb_strbuf_printf(text, " %s of %s replica-seconds", idle, all);
        before = ", ";
    }
}
