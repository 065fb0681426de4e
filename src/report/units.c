// SPDX-License-Identifier: MIT
#include "report/units.h"

#include "report/format.h"

#include <math.h>

// Steps of real engines take 4 ms to 1 s and a token of a prompt some 50 us; nobody promises 5 s between
// tokens.
#define LONGEST_STEP_S 5.0
#define LONGEST_TOKEN_S 0.5
#define LONGEST_GAP_S 5.0
#define SECONDS_A_YEAR 31556952.0
#define LATEST_STAMP_S 1e11 // the year 5138

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

void mb_doubt_stamps(const mb_results *results, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    for (size_t i = 0; i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        const double first_s = outcome->trace_first_s;
        if (!(first_s >= LATEST_STAMP_S)) continue;
        const char *path = section->points[outcome->point].experiment.workload.trace.path;
        char years[MB_TEXT_SIZE];
        mb_format_count(years, first_s / SECONDS_A_YEAR);
        mb_strbuf_add(text, "the times of ");
        mb_add_printable(text, path ? path : "the trace"); // a database of a sweep has no path
        mb_strbuf_printf(text,
                         " begin at %.6g s, %s years after 1970: is their unit a %s times smaller? "
                         "`time_unit = 0.001` (`trace.csv`, `trace.jsonl`) reads milliseconds, 1e-6 "
                         "microseconds, 1e-9 nanoseconds",
                         first_s, years,
                         first_s < 1e3 * LATEST_STAMP_S   ? "thousand"
                         : first_s < 1e6 * LATEST_STAMP_S ? "million"
                                                          : "billion");
        return;
    }
}
