// SPDX-License-Identifier: MIT
#include "report/control.h"

#include "report/format.h"

#include <math.h>
#include <stdlib.h>

// Less than this faster is not scarce.
#define HARDLY_FASTER 1.01

// The mean latency of a policy in the scenario, against the same in the control, paired by seed.
static mb_difference against_control(const mb_results *results, size_t point, size_t policy, int measure) {
    mb_pairs pairs = {0};
    const uint32_t seeds = mb_results_section(results)->points[point].experiment.seeds;
    for (uint32_t s = 0; s < seeds; s++) {
        const mb_outcome *here = mb_results_at(results, point, policy, s);
        const mb_outcome *there = mb_results_at(results->control, point, policy, s);
        const double a = here->values[measure], b = there->values[measure];
        if (here->finished && there->finished && !isnan(a) && !isnan(b)) mb_pairs_add(&pairs, a, b);
    }
    return mb_pairs_compare(&pairs, MB_SCALE_POSITIVE);
}

static bool scarce(const mb_difference *found) {
    return (found->pairs < 2 || found->p <= 1 - MB_CONFIDENCE) && found->ratio &&
           found->value > HARDLY_FASTER;
}

static size_t policies_at(const mb_results *results, size_t point) {
    return mb_results_section(results)->points[point].experiment.policy_count;
}

// "450 -> 4.2 s under fifo, ..."
static void add_levels(const mb_results *results, int measure, mb_strbuf *text) {
    for (size_t p = 0; p < policies_at(results, 0); p++) {
        char here[MB_TEXT_SIZE], there[MB_TEXT_SIZE];
        const double a = mb_level(results, 0, p, measure).value,
                     b = mb_level(results->control, 0, p, measure).value;
        mb_format_value(here, a, mb_decimals(a, a / 10));
        mb_format_value(there, b, mb_decimals(b, b / 10));
        mb_strbuf_printf(text, "%s%s instead of %s s under ", p ? ", " : ": mean latency ", there, here);
        mb_add_printable(text, mb_results_section(results)->points[0].experiment.policies[p].label);
    }
}

void mb_control_verdict(const mb_results *results, mb_strbuf *text) {
    if (!results->control) return;
    const mb_section *section = mb_results_section(results);
    const int measure = mb_measure_index("e2e_mean_s");
    size_t tells = 0, compared = 0;
    for (size_t point = 0; point < section->point_count; point++) {
        bool any = false, pairs = false;
        for (size_t p = 0; p < policies_at(results, point); p++) {
            const mb_difference found = against_control(results, point, p, measure);
            pairs = pairs || found.pairs;
            any = any || (found.pairs && scarce(&found));
        }
        tells += any;
        compared += pairs;
    }
    if (!compared) return;
    mb_strbuf_add(text, "Control with unlimited memory and twice the replicas");
    if (section->point_count == 1) add_levels(results, measure, text);
    if (tells && section->point_count == 1)
        mb_strbuf_add(text,
                      ". What is scarce here slows requests down: the scenario can tell policies apart.");
    else if (tells)
        mb_strbuf_printf(
            text,
            ": faster at %zu of %zu points, where what is scarce slows requests down; only there can "
            "the scenario tell policies apart.",
            tells, compared);
    else
        mb_strbuf_printf(
            text,
            "%s policy is faster there by more than 1 %%: neither memory nor GPUs are scarce, and "
            "the scenario cannot tell how well policies share them out.",
            section->point_count == 1 ? ". No" : ": no");
}
