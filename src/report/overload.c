// SPDX-License-Identifier: MIT
#include "report/overload.h"

#include "report/format.h"

// First come, first served, waits that grow from nothing at a constant pace have half their maximum as their
// mean.
#define LEAST_MEAN 0.4
#define MOST_MEAN 0.6
#define LEAST_WAIT 0.2  // of the time in which requests come: somebody waited so long
#define LEAST_DRAIN 0.1 // likewise: so long it took to serve who was left

static double value_of(const mb_outcome *outcome, const char *measure) {
    return outcome->values[mb_measure_index(measure)];
}

static bool grows(const mb_outcome *outcome) {
    const double span = outcome->last_arrival_s, most = value_of(outcome, "queue_max_s");
    const double mean = value_of(outcome, "queue_mean_s") / most;
    return outcome->finished && !outcome->stopped && span > 0 && most > LEAST_WAIT * span &&
           value_of(outcome, "duration_s") > (1 + LEAST_DRAIN) * span && mean > LEAST_MEAN &&
           mean < MOST_MEAN;
}

// The first point at which it does so with every seed; NULL: none.
static const mb_outcome *find(const mb_results *results, size_t policy) {
    const mb_section *section = mb_results_section(results);
    for (size_t point = 0; point < section->point_count; point++) {
        const mb_experiment *experiment = &section->points[point].experiment;
        if (policy >= experiment->policy_count || mb_workload_closed(&experiment->workload)) continue;
        bool all = experiment->seeds > 0;
        for (uint32_t seed = 0; seed < experiment->seeds && all; seed++)
            all = grows(mb_results_at(results, point, policy, seed));
        if (all) return mb_results_at(results, point, policy, 0);
    }
    return NULL;
}

void mb_say_overload(const mb_results *results, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    const mb_outcome *first = NULL;
    for (size_t i = 0; i < section->points[0].experiment.policy_count; i++) {
        const mb_outcome *found = find(results, i);
        if (!found) continue;
        mb_strbuf_printf(text, "%s%s", first ? ", " : "the queue grows all along under ",
                         section->points[0].experiment.policies[i].label);
        if (!first) first = found;
    }
    if (!first) return;
    const double figures[] = {value_of(first, "requests") / first->last_arrival_s,
                              value_of(first, "throughput_rps"), value_of(first, "queue_max_s"),
                              first->last_arrival_s};
    char texts[4][MB_TEXT_SIZE];
    for (size_t i = 0; i < 4; i++)
        mb_digits(texts[i], MB_TEXT_SIZE, figures[i], 3);
    mb_strbuf_printf(
        text,
        ": %s requests/s come, %s are served, and waits reach %s s of the %s s in which they come (the "
        "first of these). Times under such a load say how long the run was",
        texts[0], texts[1], texts[2], texts[3]);
}
