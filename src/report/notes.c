// SPDX-License-Identifier: MIT
#include "report/notes.h"

#include "model/roofline.h"
#include "report/asked.h"
#include "report/beside.h"
#include "report/crowd.h"
#include "report/failures.h"
#include "report/format.h"
#include "report/overload.h"
#include "report/regret.h"
#include "report/roofline_text.h"
#include "report/states.h"
#include "report/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Below this share of waiting requests a policy has nothing to decide.
#define HARDLY_WAITED 0.01
#define HARDLY_BATCHED 1.02 // requests per batch

// Takes the text over.
static void add_note(mb_notes *notes, mb_note_kind kind, mb_strbuf *text) {
    if (notes->count == notes->capacity) {
        const size_t capacity = notes->capacity ? 2 * notes->capacity : 8;
        mb_note *items = realloc(notes->items, capacity * sizeof *items);
        if (!items) {
            notes->failed = true;
            mb_strbuf_deinit(text);
            return;
        }
        notes->items = items;
        notes->capacity = capacity;
    }
    notes->failed = notes->failed || text->failed;
    if (text->text && !text->failed)
        notes->items[notes->count++] = (mb_note){kind, text->text};
    else
        mb_strbuf_deinit(text);
    *text = (mb_strbuf){0};
}

void mb_notes_deinit(mb_notes *notes) {
    for (size_t i = 0; i < notes->count; i++)
        free(notes->items[i].text);
    free(notes->items);
    *notes = (mb_notes){0};
}

// --- sums over the runs of a policy ----------------------------------------------------------------------

typedef struct totals {
    const char *label, *first_rejection;
    double runs, requests, rejected, idle_s, batches, extrapolated, duration_s, stranded;
    double never, cut, censored; // unfinished: when nothing could happen any more; at stop_time; of these
    double cold;                 // runs whose warm-up did not end
} totals;

static double or_zero(double value) {
    return isfinite(value) ? value : 0;
}

static void add_outcome(totals *sum, const mb_outcome *outcome) {
    static const char *const names[] = {"requests",         "rejected", "unfinished", "censored",
                                        "idle_with_work_s", "batches",  "duration_s"};
    double *const into[] = {&sum->requests,  &sum->rejected, outcome->stopped ? &sum->cut : &sum->never,
                            &sum->censored,  &sum->idle_s,   &sum->batches,
                            &sum->duration_s};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        *into[i] += or_zero(outcome->values[mb_measure_index(names[i])]);
    sum->runs++;
    sum->cold += outcome->cold;
    sum->stranded += outcome->stopped ? 0 : (double)outcome->stranded;
    sum->extrapolated += (double)outcome->extrapolated_batches;
    if (!sum->first_rejection && outcome->first_rejection[0]) sum->first_rejection = outcome->first_rejection;
}

// Sums by label over points and seeds; points of a sweep may differ in their policies. The caller frees it.
static totals *sum_up(const mb_results *results, size_t *count) {
    const mb_section *section = mb_results_section(results);
    size_t most = 0;
    for (size_t i = 0; i < section->point_count; i++)
        most += section->points[i].experiment.policy_count;
    totals *sums = calloc(most ? most : 1, sizeof *sums);
    *count = 0;
    for (size_t i = 0; sums && i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        if (!outcome->finished) continue;
        const char *label = section->points[outcome->point].experiment.policies[outcome->policy].label;
        size_t at = 0;
        while (at < *count && strcmp(sums[at].label, label) != 0)
            at++;
        if (at == *count) sums[(*count)++].label = label;
        add_outcome(&sums[at], outcome);
    }
    return sums;
}

// "X" or, when all policies have the same story, "every policy".
static void add_who(mb_strbuf *text, const totals *sum, bool all) {
    if (all)
        mb_strbuf_add(text, "every policy");
    else
        mb_add_printable(text, sum->label);
}

static void note_rejected(mb_notes *notes, const totals *sums, size_t count) {
    bool all = count > 1;
    for (size_t i = 1; i < count; i++)
        all = all && sums[i].rejected * sums[0].requests == sums[0].rejected * sums[i].requests;
    for (size_t i = 0; i < (all ? 1 : count); i++) {
        if (sums[i].rejected <= 0) continue;
        char rejected[MB_TEXT_SIZE], requests[MB_TEXT_SIZE];
        mb_format_count(rejected, sums[i].rejected);
        mb_format_count(requests, sums[i].requests);
        mb_strbuf text = {0};
        add_who(&text, &sums[i], all);
        mb_strbuf_printf(&text, " rejected %s of %s requests, which its latencies leave out", rejected,
                         requests);
        if (sums[i].first_rejection) {
            mb_strbuf_add(&text, " (the first: ");
            mb_add_printable(&text, sums[i].first_rejection);
            mb_strbuf_add(&text, ")");
        }
        add_note(notes, MB_NOTE_PLAIN, &text);
    }
}

#define STRANDED                                                                                             \
    "; some wait, with their memory, in a replica's own queue: admit from `replica.queue`, or use a router"
static void note_unfinished(mb_notes *notes, const totals *sums, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (sums[i].never <= 0) continue;
        char unfinished[MB_TEXT_SIZE], requests[MB_TEXT_SIZE];
        mb_format_count(unfinished, sums[i].never);
        mb_format_count(requests, sums[i].requests);
        mb_strbuf text = {0};
        add_who(&text, &sums[i], false);
        mb_strbuf_printf(&text, " never served %s of %s requests, which its latencies leave out%s",
                         unfinished, requests, sums[i].stranded > 0 ? STRANDED : "");
        add_note(notes, MB_NOTE_WARNING, &text);
    }
}

static void note_cut(mb_notes *notes, const totals *sums, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (sums[i].cut <= 0) continue;
        char cut[MB_TEXT_SIZE], requests[MB_TEXT_SIZE], censored[MB_TEXT_SIZE];
        mb_format_count(cut, sums[i].cut);
        mb_format_count(requests, sums[i].requests);
        mb_format_count(censored, sums[i].censored);
        mb_strbuf text = {0};
        add_who(&text, &sums[i], false);
        mb_strbuf_printf(
            &text,
            " had not finished %s of %s requests at `stop_time`, which its latencies leave out; %s of "
            "them were not late yet and are in no SLO measure",
            cut, requests, sums[i].censored > 0 ? censored : "none");
        add_note(notes, MB_NOTE_WARNING, &text);
    }
}

static void note_cold(mb_notes *notes, const totals *sums, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (sums[i].cold <= 0) continue;
        mb_strbuf text = {0};
        add_who(&text, &sums[i], false);
        mb_strbuf_printf(
            &text, ": in %.0f of %.0f runs all was over before the `warmup` was, so nothing was measured",
            sums[i].cold, sums[i].runs);
        add_note(notes, MB_NOTE_WARNING, &text);
    }
}

// What is told elsewhere, if there is something.
static void note_said(mb_notes *notes, mb_note_kind kind, const mb_results *results,
                      void (*say)(const mb_results *, mb_strbuf *)) {
    mb_strbuf text = {0};
    say(results, &text);
    if (text.length) add_note(notes, kind, &text);
}

static void note_idle(mb_notes *notes, const totals *sums, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (sums[i].idle_s <= 1e-9 * sums[i].duration_s) continue; // rounding of times
        mb_strbuf text = {0};
        add_who(&text, &sums[i], false);
        char idle[MB_TEXT_SIZE];
        mb_digits(idle, MB_TEXT_SIZE, sums[i].idle_s / sums[i].runs, 3);
        mb_strbuf_printf(&text,
                         " left replicas idle for %s replica-seconds per run while requests waited, without "
                         "`step:idle`: most policy bugs look like that",
                         idle);
        add_note(notes, MB_NOTE_WARNING, &text);
    }
}

// One note for all policies: the range is the scenario's, not theirs.
static void note_extrapolated(mb_notes *notes, const totals *sums, size_t count) {
    mb_strbuf text = {0};
    for (size_t i = 0; i < count; i++) {
        if (sums[i].extrapolated <= 0 || sums[i].batches <= 0) continue;
        mb_strbuf_add(&text, text.length ? ", "
                                         : "batches outside the range that the latency model was fitted on, "
                                           "whose times are extrapolated: ");
        add_who(&text, &sums[i], false);
        char share[MB_TEXT_SIZE];
        mb_digits(share, MB_TEXT_SIZE, 100 * sums[i].extrapolated / sums[i].batches, 2);
        mb_strbuf_printf(&text, " %s %%", share);
    }
    if (text.length) add_note(notes, MB_NOTE_PLAIN, &text);
}

// One note for each roofline that the points have.
static void note_roofline(mb_notes *notes, const mb_results *results) {
    const mb_section *section = mb_results_section(results);
    const mb_roofline *before = NULL;
    for (size_t i = 0; i < section->point_count; i++) {
        const mb_experiment *experiment = &section->points[i].experiment;
        for (size_t group = 0; group < experiment->group_count; group++) {
            const mb_roofline *roofline = experiment->groups[group].roofline;
            if (!roofline || (before && mb_roofline_alike(before, roofline))) continue;
            before = roofline;
            mb_strbuf text = {0};
            const bool sure = mb_roofline_text(roofline, &text);
            add_note(notes, sure ? MB_NOTE_PLAIN : MB_NOTE_WARNING, &text);
        }
    }
}

static void note_left_out(mb_notes *notes, uint64_t count, const char *why) {
    if (!count) return;
    char rows[MB_TEXT_SIZE];
    mb_format_count(rows, (double)count);
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s row%s of the trace %s were left out", rows, count == 1 ? "" : "s", why);
    add_note(notes, MB_NOTE_PLAIN, &text);
}

static void note_skipped(mb_notes *notes, const mb_results *results) {
    uint64_t zero = 0, empty = 0, longer = 0; // the most of any run
    for (size_t i = 0; i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        if (outcome->skipped_zero > zero) zero = outcome->skipped_zero;
        if (outcome->skipped_empty > empty) empty = outcome->skipped_empty;
        if (outcome->skipped_long > longer) longer = outcome->skipped_long;
    }
    note_left_out(notes, zero, "with a prompt or an output of zero tokens");
    note_left_out(notes, empty, "without prompt or output tokens, as requests that failed are written,");
    note_left_out(notes, longer, "longer than workload.longest");
}

// Work done twice: an engine that preempts much runs, but slowly, and nothing else in the table says why.
static void note_recomputed(mb_notes *notes, const mb_results *results, size_t point, size_t policy) {
    static const double WORTH_SAYING = 0.05;
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    double computed = 0, again = 0, preemptions = 0, lost_s = 0, seeds = 0;
    for (uint32_t seed = 0; seed < experiment->seeds; seed++) {
        const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
        if (!outcome->finished) continue;
        computed += (double)outcome->computed_tokens;
        again += (double)outcome->recomputed_tokens;
        preemptions += outcome->values[mb_measure_index("preemptions")];
        lost_s += fmax(0, outcome->values[mb_measure_index("lost_s")]); // NAN: nothing can fail
        seeds++;
    }
    if (!(again > WORTH_SAYING * computed)) return;
    char count[MB_TEXT_SIZE];
    mb_format_count(count, preemptions / seeds);
    mb_strbuf text = {0};
    mb_add_printable(&text, experiment->policies[policy].label);
    mb_strbuf_printf(&text, " computed %.0f %% of its tokens again after %s preemptions per run: %s",
                     100 * again / computed, count,
                     lost_s > 0 ? "what replicas held was lost when they failed"
                                : "the KV memory is small for what it admits");
    add_note(notes, MB_NOTE_PLAIN, &text);
}

// Shares of requests that met every SLO of their class, means over the seeds.
static void note_classes(mb_notes *notes, const mb_results *results, size_t point, size_t policy) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    const size_t classes = experiment->workload.class_count;
    if (!classes) return;
    mb_strbuf text = {0};
    mb_strbuf_add(&text, "SLOs met by ");
    mb_add_printable(&text, experiment->policies[policy].label);
    for (size_t i = 0; i < classes; i++) {
        double met = 0, judged = 0;
        for (uint32_t seed = 0; seed < experiment->seeds; seed++) {
            const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
            if (!outcome->finished) continue;
            met += (double)outcome->classes[i].slo_met;
            judged += (double)(outcome->classes[i].counted - outcome->classes[i].censored);
        }
        mb_strbuf_add(&text, i ? ", " : ": ");
        mb_add_printable(&text, mb_workload_class_name(&experiment->workload, (uint32_t)i));
        if (judged > 0)
            mb_strbuf_printf(&text, " %.3g %%", 100 * met / judged);
        else
            mb_strbuf_add(&text, " -");
    }
    add_note(notes, MB_NOTE_PLAIN, &text);
}

static void add_edge(mb_strbuf *text, double edge) {
    char count[MB_TEXT_SIZE];
    if (edge < 1000) {
        mb_strbuf_printf(text, "%.4g", edge);
        return;
    }
    mb_format_count(count, edge);
    mb_strbuf_add(text, count);
}

// Edges that a rule found: each from the lowest to the highest of the seeds.
static void add_edges(mb_strbuf *text, const mb_outcome *runs, uint32_t seeds) {
    enum { MOST_EDGES = 8 };
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t seed = 0; seed < seeds; seed++) {
        if (!runs[seed].cut_count) continue;
        least = runs[seed].cuts[0].bins < least ? runs[seed].cuts[0].bins : least;
        most = runs[seed].cuts[0].bins > most ? runs[seed].cuts[0].bins : most;
    }
    if (least < most) { // equal edges are one
        mb_strbuf_printf(text, " made %u to %u bins", least, most);
        return;
    }
    const uint32_t edges = most - 1, shown = edges > MOST_EDGES ? MOST_EDGES : edges;
    mb_strbuf_add(text, " cut its bins at ");
    bool differ = false;
    for (uint32_t i = 0; i < shown; i++) {
        double low = INFINITY, high = -INFINITY;
        for (uint32_t seed = 0; seed < seeds; seed++) {
            if (!runs[seed].cut_count) continue;
            low = fmin(low, runs[seed].cuts[0].edges[i]);
            high = fmax(high, runs[seed].cuts[0].edges[i]);
        }
        if (i) mb_strbuf_add(text, i + 1 == edges ? " and " : ", ");
        add_edge(text, low);
        if (low < high) mb_strbuf_add(text, "-");
        if (low < high) add_edge(text, high);
        differ = differ || low < high;
    }
    if (shown < edges) mb_strbuf_printf(text, " and %u more", edges - shown);
    if (differ) mb_strbuf_add(text, " (lowest-highest of the seeds)");
}

// What a policy knew of the lengths beforehand, and where it cut its bins by that.
static void note_sample(mb_notes *notes, const mb_results *results, size_t point, size_t policy) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    const mb_outcome *runs = mb_results_at(results, point, policy, 0);
    uint32_t sampled = 0, judged = 0, judged_seed = 0;
    bool cut = false;
    for (uint32_t seed = 0; seed < experiment->seeds; seed++) {
        sampled += runs[seed].sampled;
        judged += runs[seed].sample_judged;
        if (runs[seed].sample_judged) judged_seed = seed + 1;
        cut = cut || (runs[seed].cut_count && runs[seed].cuts[0].bins > 1);
    }
    if (!sampled) return;
    mb_strbuf text = {0};
    mb_add_printable(&text, experiment->policies[policy].label);
    if (cut) add_edges(&text, runs, experiment->seeds);
    mb_strbuf_add(&text, cut ? ", by " : " looked at ");
    if (experiment->oracle)
        mb_strbuf_add(&text, "the run itself, as an oracle");
    else if (!judged)
        mb_strbuf_add(&text, experiment->workload.kind == MB_WORKLOAD_TRACE
                                 ? "the rows before each seed's own"
                                 : "other draws of the workload, each seed by its own");
    else {
        mb_strbuf_add(&text, "rows that are judged here themselves");
        if (judged < sampled && judged == 1) mb_strbuf_printf(&text, " in seed %u", judged_seed);
        if (judged < sampled && judged > 1) mb_strbuf_printf(&text, " in %u seeds", judged);
        mb_strbuf_add(&text, ", since none comes before them (`workload.skip_rows` makes room)");
    }
    add_note(notes, MB_NOTE_PLAIN, &text);
}

static void note_policies(mb_notes *notes, const mb_results *results) {
    const mb_section *section = mb_results_section(results);
    if (section->point_count > 1) return; // a sweep's story is in its table and in the JSON
    for (size_t policy = 0; policy < section->points[0].experiment.policy_count; policy++) {
        note_recomputed(notes, results, 0, policy);
        note_classes(notes, results, 0, policy);
        note_sample(notes, results, 0, policy);
    }
}

// --- failures --------------------------------------------------------------------------------------------

static void note_failures(mb_notes *notes, const mb_results *results) {
    mb_run_failures failures;
    mb_run_failures_collect(results, &failures);
    for (size_t i = 0; i < failures.count; i++) {
        const mb_error *error = failures.items[i].first->error;
        mb_strbuf text = {0};
        mb_run_failure_describe(results, &failures.items[i], &text);
        add_note(notes, MB_NOTE_WARNING, &text);
        if (!error || !error->traceback[0]) continue;
        mb_strbuf_add(&text, error->traceback);
        add_note(notes, MB_NOTE_TRACE, &text);
    }
    if (!failures.untold) return;
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%zu more runs failed", failures.untold);
    add_note(notes, MB_NOTE_WARNING, &text);
}

static void note_interruption(mb_notes *notes, const mb_results *results) {
    if (!results->interrupted) return;
    size_t finished = 0;
    for (size_t i = 0; i < results->count; i++)
        finished += results->outcomes[i].finished;
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "only %zu of %zu runs finished, and the numbers are of those", finished,
                     results->count);
    add_note(notes, MB_NOTE_WARNING, &text);
}

// --- a scenario that cannot tell policies apart ----------------------------------------------------------

static bool same_latencies(const mb_outcome *a, const mb_outcome *b) {
    for (int m = 0; m < MB_MEASURE_COUNT; m++) {
        if (!mb_measure_is_latency(m)) continue;
        if (a->values[m] != b->values[m] && !(isnan(a->values[m]) && isnan(b->values[m]))) return false;
    }
    return true;
}

typedef enum tells { TELLS_APART, TELLS_NO_QUEUE, TELLS_IDENTICAL } tells;

static tells judge_point(const mb_results *results, size_t point) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    const int waited = mb_measure_index("waited_fraction"), batch = mb_measure_index("batch_mean");
    const mb_outcome *first = mb_results_at(results, point, 0, 0);
    bool calm = true, identical = true;
    size_t finished = 0;
    for (size_t i = 0; i < experiment->policy_count * experiment->seeds; i++) {
        const mb_outcome *outcome = &first[i];
        const mb_outcome *reference = &first[outcome->seed_index];
        if (!outcome->finished) continue;
        finished++;
        // Requests that arrive together are batched without a wait: that is a choice too.
        calm = calm && outcome->memory_stops == 0 && !(outcome->values[waited] >= HARDLY_WAITED) &&
               !(outcome->values[batch] >= HARDLY_BATCHED);
        identical = identical && reference->finished && same_latencies(outcome, reference);
    }
    if (finished < 2 || finished <= experiment->seeds) return TELLS_APART; // fewer than two policies
    return calm ? TELLS_NO_QUEUE : identical ? TELLS_IDENTICAL : TELLS_APART;
}

static void note_indifference(mb_notes *notes, const mb_results *results) {
    const mb_section *section = mb_results_section(results);
    size_t calm = 0, identical = 0;
    for (size_t i = 0; i < section->point_count; i++) {
        if (section->points[i].experiment.policy_count < 2) continue;
        const tells judged = judge_point(results, i);
        calm += judged == TELLS_NO_QUEUE;
        identical += judged == TELLS_IDENTICAL;
    }
    if (!calm && !identical) return;
    const bool trace = section->points[0].experiment.workload.kind == MB_WORKLOAD_TRACE;
    mb_strbuf text = {0};
    if (section->point_count > 1)
        mb_strbuf_printf(&text, "at %zu of %zu points ", calm + identical, section->point_count);
    mb_strbuf_add(&text, "this load cannot tell the policies apart: ");
    if (calm)
        mb_strbuf_add(
            &text, "under each of them fewer than 1 % of the requests waited, and memory never filled up; ");
    else
        mb_strbuf_add(&text, "their latencies are equal to the last digit; ");
    mb_strbuf_printf(&text, "raise %s or lower `cluster.gpus`",
                     trace ? "`workload.rate_scale`" : "the workload's rate (`workload.arrivals`)");
    add_note(notes, MB_NOTE_WARNING, &text);
}

// Seeds that change nothing give intervals of zero width, which look like certainty.
static void note_no_randomness(mb_notes *notes, const mb_results *results) {
    uint32_t most = 0;
    for (size_t i = 0; i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        const mb_outcome *reference = outcome - outcome->seed_index;
        if (!outcome->finished || !reference->finished) continue;
        if (outcome->seed_index > most) most = outcome->seed_index;
        if (!same_latencies(outcome, reference)) return;
    }
    if (most < 1) return;
    mb_strbuf text = {0};
    mb_strbuf_add(
        &text,
        "all seeds gave the same numbers: nothing in this scenario is random, so one seed is enough and "
        "there is no interval");
    add_note(notes, MB_NOTE_PLAIN, &text);
}

// Seeds that were added to make an interval narrow: how far that went, and what it costs.
static void note_until(mb_notes *notes, const mb_results *results) {
    const mb_section *section = mb_results_section(results);
    const mb_until *until = &results->until;
    if (!(until->width > 0)) return;
    uint32_t least = UINT32_MAX, most = 0;
    double widest = 0;
    for (size_t i = 0; i < section->point_count; i++) {
        const uint32_t seeds = section->points[i].experiment.seeds;
        least = seeds < least ? seeds : least;
        most = seeds > most ? seeds : most;
        widest = fmax(widest, mb_until_width(results, i));
    }
    mb_strbuf text = {0};
    if (least == most)
        mb_strbuf_printf(&text, "%u seeds", most);
    else
        mb_strbuf_printf(&text, "%u to %u seeds", least, most);
    mb_strbuf_printf(
        &text, " were run, half as many again after each look, for an interval of `%s` within ±%.3g %%: ",
        mb_measures[until->measure].name, 100 * until->width);
    if (widest <= until->width)
        mb_strbuf_printf(&text, "±%.2g %% is reached; ", 100 * widest);
    else
        mb_strbuf_printf(&text, "not reached, ±%.3g %% is left (`--max-seeds` is %u); ", 100 * widest,
                         until->most);
    mb_strbuf_add(
        &text, "stopping where it looks narrow makes intervals hold the truth a little less often than 95 %");
    add_note(notes, widest <= until->width ? MB_NOTE_PLAIN : MB_NOTE_WARNING, &text);
}

void mb_notes_collect(const mb_results *results, mb_notes *notes) {
    size_t count = 0;
    totals *sums = sum_up(results, &count);
    notes->failed |= !sums;
    if (!sums) return;
    note_interruption(notes, results);
    note_failures(notes, results);
    note_indifference(notes, results);
    note_idle(notes, sums, count);
    note_said(notes, MB_NOTE_WARNING, results, mb_say_beside);
    note_said(notes, MB_NOTE_WARNING, results, mb_doubt_units);
    note_said(notes, MB_NOTE_WARNING, results, mb_doubt_stamps);
    note_said(notes, MB_NOTE_PLAIN, results, mb_say_overload);
    note_said(notes, MB_NOTE_WARNING, results, mb_describe_shortfall);
    note_cold(notes, sums, count);
    note_unfinished(notes, sums, count);
    note_cut(notes, sums, count);
    note_rejected(notes, sums, count);
    note_policies(notes, results);
    note_extrapolated(notes, sums, count);
    note_roofline(notes, results);
    note_said(notes, MB_NOTE_WARNING, results, mb_say_states);
    note_skipped(notes, results);
    note_no_randomness(notes, results);
    note_until(notes, results);
    note_said(notes, MB_NOTE_WARNING, results, mb_regret_refusals);
    note_said(notes, MB_NOTE_WARNING, results, mb_service_crowd);
    free(sums);
}
