// SPDX-License-Identifier: MIT
#include "report/baseline.h"

#include "report/format.h"
#include "report/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum side { BETTER, WORSE, NO_DIFFERENCE, ALONE, REFUSED, SIDES } side;

// Where policy stands against the baseline in one measure; `difference` is policy against baseline.
static side side_of(const mb_results *results, size_t point, size_t policy, size_t baseline, int measure,
                    const mb_difference *difference) {
    if (!mb_shares_alike(results, point, policy, baseline, measure)) return REFUSED;
    if (difference->pairs < 2) return ALONE;
    if (!mb_difference_real(difference)) return NO_DIFFERENCE;
    return difference->a_larger == (mb_measures[measure].better == MB_BETTER_HIGHER) ? BETTER : WORSE;
}

bool mb_better_than_baseline(const mb_results *results, size_t point, size_t policy, size_t baseline,
                             int measure, const mb_difference *difference) {
    return side_of(results, point, policy, baseline, measure, difference) == BETTER;
}

static const char *label_of(const mb_results *results, size_t point, size_t policy) {
    return mb_results_section(results)->points[point].experiment.policies[policy].label;
}

// "fast against fifo: better in goodput (+12 %, 95 % CI 9 to 15 %), in p99 latency (...); no real difference
// in ..."
static void judge_policy(const mb_results *results, size_t point, size_t policy, size_t baseline,
                         mb_strbuf *text) {
    static const char *const words[SIDES] = {
        "better in ", "worse in ", "no real difference in ", "one seed, which may be chance: ",
        "no verdict, for they served different shares of the requests, on "};
    int measures[MB_MAX_HEADLINES];
    side sides[MB_MAX_HEADLINES];
    mb_difference differences[MB_MAX_HEADLINES];
    const size_t count = mb_headlines(mb_results_section(results), measures);
    for (size_t i = 0; i < count; i++) {
        mb_difference *against =
            mb_compare_all(results, point, policy, measures[i], MB_FAMILY_WITH_REFERENCE);
        text->failed = text->failed || !against;
        differences[i] = against ? against[baseline] : (mb_difference){0};
        sides[i] = side_of(results, point, policy, baseline, measures[i], &differences[i]);
        free(against);
    }
    mb_strbuf_add(text, text->length ? "\n" : "");
    mb_add_printable(text, label_of(results, point, policy));
    mb_strbuf_add(text, " against ");
    mb_add_printable(text, label_of(results, point, baseline));
    const char *joint = ": ";
    for (side kind = 0; kind < SIDES; kind++) {
        bool first = true;
        for (size_t i = 0; i < count; i++) {
            if (sides[i] != kind || !differences[i].pairs) continue;
            mb_strbuf_add(text, first ? joint : ", in ");
            if (first) mb_strbuf_add(text, words[kind]);
            mb_add_measure(text, measures[i]);
            if (kind != REFUSED) mb_add_gap(text, &differences[i], measures[i], NULL);
            first = false;
            joint = "; ";
        }
    }
    mb_strbuf_add(text, ".");
}

// "goodput: fast is better than fifo at 5 of 8 points, worse at 1."
static void judge_label(const mb_results *results, int measure, const char *label, mb_strbuf *text) {
    size_t counts[SIDES] = {0}, points = 0;
    const size_t all = mb_results_section(results)->point_count;
    for (size_t point = 0; point < all; point++) {
        const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
        const size_t baseline = mb_baseline_at(results, point);
        for (size_t p = 0; p < experiment->policy_count && baseline != SIZE_MAX; p++) {
            if (p == baseline || strcmp(experiment->policies[p].label, label) != 0) continue;
            mb_difference *against = mb_compare_all(results, point, p, measure, MB_FAMILY_WITH_REFERENCE);
            text->failed = text->failed || !against;
            if (against && against[baseline].pairs) {
                counts[side_of(results, point, p, baseline, measure, &against[baseline])]++;
                points++;
            }
            free(against);
        }
    }
    if (!points) return;
    mb_strbuf_add(text, text->length ? "\n" : "");
    mb_add_measure(text, measure);
    mb_strbuf_add(text, ": ");
    mb_add_printable(text, label);
    mb_strbuf_printf(text, " is better than %s at %zu of %zu points, worse at %zu", results->baseline,
                     counts[BETTER], points, counts[WORSE]);
    if (counts[ALONE]) mb_strbuf_printf(text, "; one seed, and so no verdict, at %zu", counts[ALONE]);
    if (counts[REFUSED])
        mb_strbuf_printf(text, "; no verdict at %zu, where they served different shares of the requests",
                         counts[REFUSED]);
    mb_strbuf_add(text, ".");
}

// Points of a sweep may differ in their policies: each label once.
static void judge_sweep(const mb_results *results, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    int measures[MB_MAX_HEADLINES];
    const size_t count = mb_headlines(section, measures);
    for (size_t i = 0; i < count; i++)
        for (size_t point = 0; point < section->point_count; point++)
            for (size_t p = 0; p < section->points[point].experiment.policy_count; p++) {
                const char *label = label_of(results, point, p);
                bool seen = false;
                for (size_t before = 0; before < point && !seen; before++)
                    for (size_t q = 0; q < section->points[before].experiment.policy_count && !seen; q++)
                        seen = strcmp(label_of(results, before, q), label) == 0;
                if (!seen) judge_label(results, measures[i], label, text);
            }
}

void mb_verdict_baseline(const mb_results *results, mb_strbuf *text) {
    if (mb_results_section(results)->point_count > 1) {
        judge_sweep(results, text);
        return;
    }
    const size_t baseline = mb_baseline_at(results, 0);
    const size_t count = mb_results_section(results)->points[0].experiment.policy_count;
    for (size_t p = 0; p < count && baseline != SIZE_MAX; p++)
        if (p != baseline) judge_policy(results, 0, p, baseline, text);
}
