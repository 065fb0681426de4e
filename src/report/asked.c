// SPDX-License-Identifier: MIT
#include "report/asked.h"

#include "report/format.h"

#include <math.h>

static const mb_experiment *experiment_at(const mb_results *results, size_t point) {
    return &mb_results_section(results)->points[point].experiment;
}

static size_t runs_at(const mb_results *results, size_t point) {
    const mb_experiment *experiment = experiment_at(results, point);
    return experiment->policy_count * experiment->seeds;
}

static uint64_t arrived(const mb_outcome *outcome) {
    return (uint64_t)outcome->values[mb_measure_index("requests")];
}

mb_asked mb_asked_at(const mb_results *results, size_t point) {
    mb_asked found = {.asked = experiment_at(results, point)->workload.limit, .least = UINT64_MAX};
    const mb_outcome *first = mb_results_at(results, point, 0, 0);
    for (size_t i = 0; i < runs_at(results, point); i++) {
        if (!first[i].finished || isnan(first[i].values[mb_measure_index("requests")])) continue;
        const uint64_t requests = arrived(&first[i]);
        if (requests < found.least) found.least = requests;
        if (requests > found.most) found.most = requests;
    }
    return found;
}

static bool falls_short(const mb_asked *found) {
    return found->asked && found->least < found->asked;
}

static void add_count(mb_strbuf *text, uint64_t count) {
    char number[MB_TEXT_SIZE];
    mb_format_count(number, (double)count);
    mb_strbuf_add(text, number);
}

// "27", or "27 to 31".
static void add_simulated(mb_strbuf *text, const mb_asked *found) {
    add_count(text, found->least);
    if (found->most == found->least) return;
    mb_strbuf_add(text, " to ");
    add_count(text, found->most);
}

void mb_describe_point(const mb_results *results, size_t point, mb_strbuf *text) {
    const char *description = experiment_at(results, point)->description;
    const mb_asked found = mb_asked_at(results, point);
    if (falls_short(&found)) {
        add_simulated(text, &found);
        mb_strbuf_add(text, " of ");
    }
    mb_add_printable(text, description ? description : "");
}

// Why a run saw no more requests.
static void add_reason(mb_strbuf *text, const mb_experiment *experiment, const mb_outcome *outcome) {
    const mb_workload *workload = &experiment->workload;
    const bool closed = mb_workload_closed(workload);
    if (outcome->stopped && !outcome->arrivals_ended)
        mb_strbuf_printf(text, "`stop_time`, %.6g s, came first", experiment->stop_s);
    else if (outcome->past_end || (closed && isfinite(workload->until_s)))
        mb_strbuf_add(text,
                      isfinite(workload->until_s) ? "`until_time` came first" : "the window ends first");
    else if (closed && !outcome->arrivals_ended)
        mb_strbuf_add(text, "users wait for answers that never came");
    else if (closed)
        mb_strbuf_add(text, "nobody had more to send");
    else
        mb_strbuf_printf(text,
                         workload->kind == MB_WORKLOAD_TRACE ? "the trace ends at %.6g s"
                                                             : "no more arrive after %.6g s",
                         outcome->last_arrival_s);
}

static const mb_outcome *first_short(const mb_results *results, size_t point) {
    const uint64_t asked = experiment_at(results, point)->workload.limit;
    const mb_outcome *outcome = mb_results_at(results, point, 0, 0);
    while (!outcome->finished || arrived(outcome) >= asked)
        outcome++;
    return outcome;
}

// A trace may end before the time that it was to be played for.
static const mb_outcome *first_early(const mb_results *results, size_t point) {
    const mb_workload *workload = &experiment_at(results, point)->workload;
    const bool bounded = isfinite(workload->until_s) || isfinite(workload->trace.to_s);
    const mb_outcome *first = mb_results_at(results, point, 0, 0);
    if (workload->kind != MB_WORKLOAD_TRACE || workload->limit || !bounded) return NULL;
    for (size_t i = 0; i < runs_at(results, point); i++)
        if (first[i].finished && first[i].arrivals_ended && !first[i].past_end) return &first[i];
    return NULL;
}

void mb_describe_shortfall(const mb_results *results, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    const mb_outcome *early = NULL;
    size_t points = 0, where = 0;
    for (size_t i = 0; i < section->point_count; i++) {
        const mb_asked found = mb_asked_at(results, i);
        if (!early) early = first_early(results, i);
        if (!falls_short(&found)) continue;
        if (!points++) where = i;
    }
    if (points) {
        const mb_asked found = mb_asked_at(results, where);
        if (section->point_count > 1)
            mb_strbuf_printf(text, "at %zu of %zu points ", points, section->point_count);
        add_simulated(text, &found);
        mb_strbuf_add(text, " requests were simulated and not the ");
        add_count(text, found.asked);
        mb_strbuf_add(text, points > 1 ? " of `limit` (at the first of them): " : " of `limit`: ");
        add_reason(text, experiment_at(results, where), first_short(results, where));
    } else if (early)
        mb_strbuf_printf(text,
                         "the trace ends at %.6g s, before the time that was asked for (`to`, `until_time`)",
                         early->last_arrival_s);
}
