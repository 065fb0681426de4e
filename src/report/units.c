// SPDX-License-Identifier: MIT
#include "report/units.h"

#include <math.h>

// Steps of real engines take 4 ms to 1 s and a token of a prompt some 50 us; nobody promises 5 s between
// tokens.
#define LONGEST_STEP_S 5.0
#define LONGEST_TOKEN_S 0.5
#define LONGEST_GAP_S 5.0

typedef struct doubt {
    const char *name;
    double value_s, longest_s;
} doubt;

static void doubt_all(const doubt *doubts, size_t count, mb_strbuf *text) {
    for (size_t i = 0; i < count; i++)
        if (isfinite(doubts[i].value_s) && doubts[i].value_s >= doubts[i].longest_s)
            mb_strbuf_printf(text, "%s%s = %.6g s", text->length ? ", " : "", doubts[i].name,
                             doubts[i].value_s);
}

static void doubt_law(const mb_latency *latency, mb_strbuf *text) {
    const bool batch = latency->kind == MB_LATENCY_BATCH, step = latency->kind == MB_LATENCY_STEP;
    const doubt doubts[] = {{"latency.alpha", batch ? latency->law.alpha_s : 0, LONGEST_STEP_S},
                            {"latency.base", step ? latency->step.base_s : 0, LONGEST_STEP_S},
                            {"latency.per_token", step ? latency->step.per_token_s : 0, LONGEST_TOKEN_S},
                            {"latency.host", latency->host_s, LONGEST_STEP_S}};
    doubt_all(doubts, sizeof doubts / sizeof *doubts, text);
}

// Of several groups of replicas the first one whose law is in doubt.
void mb_doubt_units(const mb_results *results, mb_strbuf *text) {
    const mb_experiment *experiment = &mb_results_section(results)->points[0].experiment;
    for (size_t i = 0; i < experiment->group_count && !text->length; i++)
        doubt_law(&experiment->groups[i].latency, text);
    const doubt doubts[] = {{"slo.tbt", experiment->slo.tbt_s, LONGEST_GAP_S},
                            {"slo.gap", experiment->slo.gap_s, LONGEST_GAP_S}};
    doubt_all(doubts, sizeof doubts / sizeof *doubts, text);
    if (text->length) mb_strbuf_add(text, ": were milliseconds meant? Times are in seconds");
}
