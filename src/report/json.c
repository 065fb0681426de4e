// SPDX-License-Identifier: MIT
#include "report/json.h"

#include "report/asked.h"
#include "report/format.h"
#include "report/json_values.h"
#include "report/labels.h"
#include "report/notes.h"
#include "report/standing.h"
#include "report/time_table.h"
#include "report/verdict.h"
#include "run/reference.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *measures_json(bool *lost, const double values[MB_MEASURE_COUNT]) {
    json_t *object = json_object();
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        if (i < MB_MEASURES_ALWAYS || !isnan(values[i]))
            mb_json_set(lost, object, mb_measures[i].name, mb_json_number(values[i]));
    return object;
}

static json_t *classes_json(bool *lost, const mb_workload *workload, const mb_outcome *outcome) {
    json_t *object = json_object();
    for (size_t i = 0; i < outcome->class_count; i++) {
        const mb_class_metrics *metrics = &outcome->classes[i];
        const double measured = metrics->measured ? (double)metrics->measured : (double)NAN;
        const uint64_t judged = metrics->counted - metrics->censored;
        const double met = judged ? (double)metrics->slo_met / (double)judged : (double)NAN;
        json_t *one = json_object();
        mb_json_set(lost, one, "requests", json_integer((json_int_t)metrics->counted));
        mb_json_set(lost, one, "measured", json_integer((json_int_t)metrics->measured));
        mb_json_set(lost, one, "censored", json_integer((json_int_t)metrics->censored));
        mb_json_set(lost, one, "slo_attainment", mb_json_number(met));
        mb_json_set(lost, one, "ttft_mean_s", mb_json_number(metrics->ttft_s / measured));
        mb_json_set(lost, one, "e2e_mean_s", mb_json_number(metrics->e2e_s / measured));
        mb_json_set(lost, object, mb_workload_class_name(workload, (uint32_t)i), one);
    }
    return object;
}

static json_t *parties_json(bool *lost, const mb_outcome *outcome) {
    json_t *object = json_object();
    for (size_t i = 0; i < outcome->party_count; i++) {
        json_t *one = json_object();
        for (size_t v = 0; v < MB_PARTY_VALUES; v++)
            mb_json_set(lost, one, mb_party_values[v].name, mb_json_number(outcome->parties[i].values[v]));
        mb_json_set(lost, object, outcome->parties[i].name, one);
    }
    return object;
}

static json_t *cuts_json(bool *lost, const mb_outcome *outcome) {
    json_t *sets = json_array();
    for (size_t i = 0; i < outcome->cut_count; i++) {
        json_t *edges = json_array();
        for (uint32_t edge = 0; edge + 1 < outcome->cuts[i].bins; edge++)
            mb_json_append(lost, edges, mb_json_number(outcome->cuts[i].edges[edge]));
        mb_json_append(lost, sets, edges);
    }
    return sets;
}

static json_t *run_json(bool *lost, const mb_workload *workload, const mb_outcome *outcome) {
    json_t *run = json_object();
    mb_json_set(lost, run, "seed", json_integer((json_int_t)outcome->seed_index + 1));
    mb_json_set(lost, run, "finished", json_boolean(outcome->finished));
    if (outcome->error) {
        mb_json_set(lost, run, "error", mb_json_text(outcome->error->message));
        if (outcome->error->traceback[0])
            mb_json_set(lost, run, "traceback", mb_json_text(outcome->error->traceback));
    }
    if (outcome->first_rejection[0])
        mb_json_set(lost, run, "first_rejection", mb_json_text(outcome->first_rejection));
    if (!outcome->finished) return run;
    mb_json_set(lost, run, "values", measures_json(lost, outcome->values));
    if (outcome->class_count) mb_json_set(lost, run, "classes", classes_json(lost, workload, outcome));
    if (outcome->party_count) mb_json_set(lost, run, "by", parties_json(lost, outcome));
    if (outcome->cut_count) mb_json_set(lost, run, "bin_edges", cuts_json(lost, outcome));
    if (outcome->sampled)
        mb_json_set(lost, run, "sample", json_string(outcome->sample_judged ? "judged" : "before"));
    if (outcome->batch_means.batches) {
        mb_json_set(lost, run, "mean_batches", json_integer((json_int_t)outcome->batch_means.batches));
        mb_json_set(lost, run, "mean_batch_requests", json_integer((json_int_t)outcome->batch_means.size));
    }
    mb_json_set(lost, run, "skipped_zero", json_integer((json_int_t)outcome->skipped_zero));
    mb_json_set(lost, run, "skipped_empty", json_integer((json_int_t)outcome->skipped_empty));
    mb_json_set(lost, run, "skipped_long", json_integer((json_int_t)outcome->skipped_long));
    mb_json_set(lost, run, "memory_stops", json_integer((json_int_t)outcome->memory_stops));
    mb_json_set(lost, run, "extrapolated_batches", json_integer((json_int_t)outcome->extrapolated_batches));
    return run;
}

// What policies are measured against: levels, and which policy the clairvoyant is in each measure.
static json_t *reference_json(bool *lost, const mb_results *results, size_t point) {
    const mb_results *runs = &results->reference->clairvoyant;
    const mb_experiment *experiment = &mb_results_section(runs)->points[point].experiment;
    const mb_error *refusal = mb_results_at(&results->reference->bound, point, 0, 0)->error;
    json_t *object = json_object(), *bounds = json_object(), *clairvoyant = json_object();
    for (const char *const *name = mb_bound_measures; *name; name++) {
        const int measure = mb_measure_index(*name);
        const size_t best = mb_clairvoyant(results, point, measure);
        mb_json_set(lost, bounds, *name,
                    mb_json_number(mb_level(&results->reference->bound, point, 0, measure).value));
        json_t *one = json_object();
        mb_json_set(lost, one, "policy",
                    mb_json_text(best == SIZE_MAX ? NULL : experiment->policies[best].label));
        mb_json_set(
            lost, one, "level",
            mb_json_number(best == SIZE_MAX ? (double)NAN : mb_level(runs, point, best, measure).value));
        mb_json_set(lost, clairvoyant, *name, one);
    }
    mb_json_set(lost, object, "bound", bounds);
    mb_json_set(lost, object, "no_bound", mb_json_text(refusal ? refusal->message : NULL));
    mb_json_set(lost, object, "clairvoyant", clairvoyant);
    return object;
}

static json_t *regret_json(bool *lost, const mb_results *results, size_t point, size_t policy) {
    json_t *object = json_object();
    for (const char *const *name = mb_bound_measures; *name; name++) {
        const mb_estimate regret = mb_regret_level(results, point, policy, mb_measure_index(*name));
        json_t *one = json_object();
        mb_json_set(lost, one, "level", mb_json_number(regret.value));
        mb_json_set(lost, one, "low", mb_json_number(regret.low));
        mb_json_set(lost, one, "high", mb_json_number(regret.high));
        mb_json_set(lost, object, *name, one);
    }
    return object;
}

static json_t *policy_json(bool *lost, const mb_results *results, size_t point, size_t policy) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    const mb_summary summary = mb_summarise(results, point, policy);
    json_t *object = json_object(), *runs = json_array();
    mb_json_set(lost, object, "policy", mb_json_text(experiment->policies[policy].label));
    mb_json_set(lost, object, "path", mb_json_text(experiment->policies[policy].path));
    mb_json_set(lost, object, "params", mb_params_json(lost, &experiment->policies[policy]));
    mb_json_set(lost, object, "seeds_finished", json_integer(summary.seeds));
    mb_json_set(lost, object, "level", measures_json(lost, summary.level));
    mb_json_set(lost, object, "low", measures_json(lost, summary.low));
    mb_json_set(lost, object, "high", measures_json(lost, summary.high));
    if (results->control) {
        const mb_summary control = mb_summarise(results->control, point, policy);
        mb_json_set(lost, object, "control_level", measures_json(lost, control.level));
        mb_json_set(lost, object, "control_low", measures_json(lost, control.low));
        mb_json_set(lost, object, "control_high", measures_json(lost, control.high));
    }
    if (results->reference) mb_json_set(lost, object, "regret", regret_json(lost, results, point, policy));
    mb_json_set(lost, object, "mean", measures_json(lost, summary.mean));
    mb_json_set(lost, object, "half_width", measures_json(lost, summary.half_width));
    for (uint32_t seed = 0; seed < experiment->seeds; seed++) {
        const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
        if (outcome->started || outcome->finished)
            mb_json_append(lost, runs, run_json(lost, &experiment->workload, outcome));
    }
    mb_json_set(lost, object, "runs", runs);
    return object;
}

static json_t *difference_json(bool *lost, const mb_difference *difference) {
    json_t *object = json_object();
    mb_json_set(lost, object, "pairs", json_integer(difference->pairs));
    mb_json_set(lost, object, difference->ratio ? "ratio" : "difference", mb_json_number(difference->value));
    mb_json_set(lost, object, "low", mb_json_number(difference->low));
    mb_json_set(lost, object, "high", mb_json_number(difference->high));
    mb_json_set(lost, object, "p", mb_json_number(difference->p));
    mb_json_set(lost, object, "p_holm", mb_json_number(difference->p_holm));
    mb_json_set(lost, object, "real", json_boolean(mb_difference_real(difference)));
    return object;
}

// Policy a against the policies after it, or against the baseline alone.
static void compare_json(bool *lost, const mb_results *results, size_t point, size_t a, int measure,
                         json_t *list) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    const size_t baseline = mb_baseline_at(results, point);
    mb_difference *against = mb_compare_all(results, point, a, measure, MB_FAMILY_ALL_PAIRS);
    *lost = *lost || !against;
    for (size_t b = 0; against && b < experiment->policy_count; b++) {
        if (baseline == SIZE_MAX ? b <= a : b != baseline || a == baseline) continue;
        json_t *one = difference_json(lost, &against[b]);
        mb_json_set(lost, one, "measure", mb_json_text(mb_measures[measure].name));
        mb_json_set(lost, one, "policy", mb_json_text(experiment->policies[a].label));
        mb_json_set(lost, one, "against", mb_json_text(experiment->policies[b].label));
        mb_json_append(lost, list, one);
    }
    free(against);
}

// The pairs of policies that are tested, in the measures of the verdict.
static json_t *comparisons_json(bool *lost, const mb_results *results, size_t point) {
    json_t *list = json_array();
    int measures[MB_MAX_HEADLINES];
    const size_t count = mb_headlines(mb_results_section(results), measures);
    for (size_t i = 0; i < count; i++)
        for (size_t a = 0; a < mb_results_section(results)->points[point].experiment.policy_count; a++)
            compare_json(lost, results, point, a, measures[i], list);
    return list;
}

static json_t *keys_json(bool *lost, const mb_section *section, size_t point) {
    const mb_label_columns columns = mb_label_columns_of(section);
    json_t *keys = json_object();
    for (size_t i = 0; i < columns.count && !columns.whole; i++) {
        const mb_slice value = mb_label_value(&columns, section->points[point].label, i);
        if (json_object_setn_new(keys, columns.names[i].text, columns.names[i].length,
                                 json_stringn(value.text, value.length)) != 0)
            *lost = true;
    }
    return keys;
}

static json_t *until_json(bool *lost, const mb_results *results, size_t point) {
    json_t *object = json_object();
    mb_json_set(lost, object, "measure", mb_json_text(mb_measures[results->until.measure].name));
    mb_json_set(lost, object, "width", mb_json_number(results->until.width));
    mb_json_set(lost, object, "max_seeds", json_integer(results->until.most));
    mb_json_set(lost, object, "reached", mb_json_number(mb_until_width(results, point)));
    return object;
}

static json_t *description_json(bool *lost, const mb_results *results, size_t point) {
    mb_strbuf text = {0};
    mb_describe_point(results, point, &text);
    *lost = *lost || text.failed;
    json_t *value = mb_json_text(text.text ? text.text : "");
    mb_strbuf_deinit(&text);
    return value;
}

// What a reader must know beside the numbers of a section.
static void append_notes(bool *lost, json_t *list, const mb_results *results, size_t section_number) {
    mb_notes notes = {0};
    mb_notes_collect(results, &notes);
    *lost = *lost || notes.failed;
    for (size_t i = 0; i < notes.count; i++) {
        if (notes.items[i].kind == MB_NOTE_TRACE) continue; // it stands with its run
        json_t *one = json_object();
        mb_json_set(lost, one, "section", json_integer((json_int_t)section_number));
        mb_json_set(lost, one, "warning", json_boolean(notes.items[i].kind == MB_NOTE_WARNING));
        mb_json_set(lost, one, "text", mb_json_text(notes.items[i].text));
        mb_json_append(lost, list, one);
    }
    mb_notes_deinit(&notes);
}

// What a reader of the table is told of where time went; NULL: nothing.
static json_t *why_json(bool *lost, const mb_results *results) {
    mb_strbuf text = {0};
    mb_time_compare(results, &text);
    *lost = *lost || text.failed;
    json_t *value = text.length ? mb_json_text(text.text) : NULL;
    mb_strbuf_deinit(&text);
    return value;
}

static json_t *point_json(bool *lost, const mb_results *results, size_t section_number, size_t index) {
    const mb_section *section = mb_results_section(results);
    const mb_point *point = &section->points[index];
    json_t *object = json_object(), *policies = json_array();
    mb_json_set(lost, object, "section", json_integer((json_int_t)section_number));
    mb_json_set(lost, object, "title", mb_json_text(section->title));
    mb_json_set(lost, object, "question", mb_json_text(section->question));
    mb_json_set(lost, object, "point", mb_json_text(point->label ? point->label : ""));
    mb_json_set(lost, object, "keys", keys_json(lost, section, index));
    mb_json_set(lost, object, "description", description_json(lost, results, index));
    const uint64_t limit = point->experiment.workload.limit;
    mb_json_set(lost, object, "requests_asked", limit ? json_integer((json_int_t)limit) : json_null());
    mb_json_set(lost, object, "seed", json_integer((json_int_t)point->experiment.seed));
    mb_json_set(lost, object, "seeds", json_integer(point->experiment.seeds));
    mb_json_set(lost, object, "oracle", json_boolean(point->experiment.oracle));
    for (size_t policy = 0; policy < point->experiment.policy_count; policy++)
        mb_json_append(lost, policies, policy_json(lost, results, index, policy));
    mb_json_set(lost, object, "policies", policies);
    if (results->reference) mb_json_set(lost, object, "best_possible", reference_json(lost, results, index));
    mb_json_set(lost, object, "baseline", mb_json_text(results->baseline));
    mb_json_set(lost, object, "comparisons", comparisons_json(lost, results, index));
    json_t *why = why_json(lost, results);
    if (why) mb_json_set(lost, object, "why", why);
    if (results->until.width > 0) mb_json_set(lost, object, "until", until_json(lost, results, index));
    return object;
}

mb_status mb_report_json(const mb_results *const *sections, size_t count, const mb_manifest *manifest,
                         FILE *out, mb_error *error) {
    const char *reason;
    bool memory_lost = false, *lost = &memory_lost, interrupted = false;
    json_t *root = json_object(), *list = json_array(), *notes = json_array();
    if (manifest) mb_json_set(lost, root, "manifest", mb_manifest_json(lost, manifest, sections, count));
    for (size_t i = 0; i < count; i++) {
        interrupted = interrupted || sections[i]->interrupted;
        append_notes(lost, notes, sections[i], i + 1);
        for (size_t point = 0; point < mb_results_section(sections[i])->point_count; point++)
            mb_json_append(lost, list, point_json(lost, sections[i], i + 1, point));
    }
    mb_json_set(lost, root, "interrupted", json_boolean(interrupted));
    mb_json_set(lost, root, "notes", notes);
    mb_json_set(lost, root, "results", list);
    const bool written = !*lost && json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) == 0;
    if (written) fputc('\n', out);
    json_decref(root);
    if (*lost) return mb_fail_memory(error);
    if (mb_flushed(out, &reason) && written) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write the JSON: %s",
                   written || ferror(out) ? reason : "out of memory");
}
