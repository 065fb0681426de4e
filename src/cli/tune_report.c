// SPDX-License-Identifier: MIT
#include "cli/tune_report.h"

#include "base/strbuf.h"
#include "cli/answer.h"
#include "report/format.h"
#include "report/json_values.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- sentences -------------------------------------------------------------------------------------------

// One sentence a line; those that begin with "warning: " are warnings.
static void say_values(mb_strbuf *text, const mb_tuned *policy) {
    char *label = mb_tune_label(policy, policy->best);
    text->failed = text->failed || !label;
    mb_strbuf_add(text, label ? label : "");
    free(label);
}

static bool lower_is_better(const mb_tune_options *options) {
    return mb_measures[options->measure].better == MB_BETTER_LOWER;
}

static bool really_better(const mb_tune_options *options, const mb_tuned *policy) {
    return mb_difference_real(&policy->difference) && policy->difference.a_larger != lower_is_better(options);
}

static void say_how_many(mb_strbuf *text, const mb_tuned *policy) {
    double combinations = 1;
    char number[MB_TEXT_SIZE];
    for (size_t i = 0; i < policy->axis_count; i++)
        combinations *= (double)policy->axes[i]->levels;
    mb_format_count(number, combinations);
    if (policy->search.whole && policy->trials == policy->search.count)
        mb_strbuf_printf(text, "%s: all %s combinations were tried.\n", policy->label, number);
    else
        mb_strbuf_printf(text, "%s: %zu of %s combinations were tried.\n", policy->label, policy->trials,
                         number);
}

static void say_edges(mb_strbuf *text, const mb_tuned *policy) {
    const size_t *levels = &policy->search.levels[policy->best * policy->axis_count];
    for (size_t i = 0; i < policy->axis_count; i++) {
        const mb_axis *axis = policy->axes[i];
        char value[MB_AXIS_TEXT], low[MB_AXIS_TEXT], high[MB_AXIS_TEXT];
        if (!mb_axis_at_edge(axis, levels[i])) continue;
        mb_axis_text(axis, levels[i], value);
        mb_axis_text(axis, 0, low);
        mb_axis_text(axis, axis->levels - 1, high);
        mb_strbuf_printf(text,
                         "warning: %s: %s=%s lies at the edge of its range %s..%s: a better value may lie "
                         "beyond\n",
                         policy->label, axis->key, value, low, high);
    }
}

static void say_judgement(const mb_tune_options *options, mb_strbuf *text, const mb_tuned *policy) {
    const char *measure = mb_measures[options->measure].name;
    if (policy->same_requests) {
        mb_strbuf_printf(
            text,
            "warning: %s is not judged: its fresh seeds play requests that it was tuned by, as a "
            "trace does that plays the same rows for every seed (window_per_seed, or jitter, gives "
            "each its own)\n",
            policy->label);
        return;
    }
    if (isnan(policy->levels[0].value) || isnan(policy->levels[1].value))
        mb_strbuf_printf(
            text, "warning: %s: on some fresh seed %s values %s: the comparison is of the others\n",
            policy->label, isnan(policy->levels[1].value) ? "the tuned" : "its own",
            mb_measure_is_latency(options->measure) ? "fail or serve less than 99 % of the requests"
                                                    : "fail or have no such measure");
    if (really_better(options, policy)) return;
    mb_strbuf_printf(text, "warning: %s: ", policy->label);
    say_values(text, policy);
    if (mb_difference_real(&policy->difference))
        mb_strbuf_printf(text, " is worse on the fresh seeds than its own values%s: keep these\n",
                         policy->start == SIZE_MAX ? ", which were not among those tried"
                                                   : "; it fits the seeds that it was tuned by");
    else
        mb_strbuf_printf(
            text,
            " is not significantly better in %s than its own values on the fresh seeds: keep these, "
            "or judge by more (--fresh)\n",
            measure);
}

static void say_policy(const mb_tune_options *options, const mb_tune_result *result, mb_strbuf *text,
                       const mb_tuned *policy) {
    if (!policy->axis_count) {
        mb_strbuf_printf(text, "%s has none of these parameters.\n", policy->label);
        return;
    }
    say_how_many(text, policy);
    if (policy->failed)
        mb_strbuf_printf(text, "warning: %s: %zu of these failed; the first: %s\n", policy->label,
                         policy->failed, policy->failure ? policy->failure->message : "");
    if (policy->best == SIZE_MAX) {
        if (policy->trials)
            mb_strbuf_printf(text, "warning: %s: %s\n", policy->label,
                             mb_measure_is_latency(options->measure)
                                 ? "no value serves 99 % of the requests with every seed"
                                 : "no value has such a measure with every seed");
        return;
    }
    if (policy->best == policy->start && !result->interrupted)
        mb_strbuf_printf(text, "%s: none of them is better than its own values.\n", policy->label);
    if (policy->is_judged) say_judgement(options, text, policy);
    say_edges(text, policy);
}

static void say_all(const mb_tune_options *options, const mb_tune_result *result, mb_strbuf *text) {
    const uint32_t seeds = result->seeds;
    mb_strbuf_printf(text, "%s, %s is better: tuned on %s 1%s", mb_measures[options->measure].name,
                     lower_is_better(options) ? "lower" : "higher", seeds > 1 ? "seeds" : "seed", "");
    if (seeds > 1) mb_strbuf_printf(text, " to %u", seeds);
    mb_strbuf_printf(text,
                     ", judged on seeds %u to %u, which the tuning has not seen; both values on the same "
                     "requests, 95 %% CI; * is real after Holm's correction.\n",
                     seeds + 1, seeds + options->fresh);
    if (result->interrupted)
        mb_strbuf_printf(
            text, "warning: interrupted: the best so far on the seeds of the tuning, not judged yet%s\n",
            options->db ? "; the same command goes on from there" : "");
    for (size_t i = 0; i < result->policy_count; i++)
        say_policy(options, result, text, &result->policies[i]);
    if (result->caution) mb_strbuf_printf(text, "%s\n", result->caution);
}

// --- the table -------------------------------------------------------------------------------------------

static void put(mb_sheet *sheet, size_t row, size_t column, const char *text) {
    mb_sheet_put(sheet, &sheet->cells[row * sheet->columns + column], text);
}

static void put_change(const mb_tuned *policy, char text[MB_TEXT_SIZE]) {
    const mb_difference *d = &policy->difference;
    const char *star = mb_difference_real(d) ? " *" : "";
    char value[MB_TEXT_SIZE], low[MB_TEXT_SIZE], high[MB_TEXT_SIZE];
    if (!d->ratio) {
        mb_format_interval(value, d->value, d->low, d->high);
        snprintf(text, MB_TEXT_SIZE, "%.40s%s", value, star);
        return;
    }
    mb_format_percent(value, 100 * (d->value - 1));
    mb_format_percent(low, 100 * (d->low - 1));
    mb_format_percent(high, 100 * (d->high - 1));
    snprintf(text, MB_TEXT_SIZE, "%.15s %% (%.15s..%.15s)%s", value, low, high, star);
}

static const mb_axis *axis_of(const mb_tuned *policy, const mb_axis *axis, size_t *index) {
    for (*index = 0; *index < policy->axis_count; ++*index)
        if (policy->axes[*index] == axis) return axis;
    return NULL;
}

static void fill_row(const mb_tune_options *options, const mb_tune_result *result, mb_sheet *sheet,
                     size_t row) {
    const mb_tuned *policy = &result->policies[row];
    const size_t axes = options->axis_count;
    const bool found = policy->best != SIZE_MAX;
    char text[MB_TEXT_SIZE];
    put(sheet, row, 0, policy->label);
    for (size_t i = 0; i < axes; i++) {
        size_t index;
        char value[2 * MB_AXIS_TEXT + 8] = "-", level[MB_AXIS_TEXT];
        if (axis_of(policy, &options->axes[i], &index) && found) {
            mb_axis_text(policy->axes[index],
                         policy->search.levels[policy->best * policy->axis_count + index], level);
            snprintf(value, sizeof value, "%s%s%s%s", level, policy->defaults[index][0] ? " (" : "",
                     policy->defaults[index], policy->defaults[index][0] ? ")" : "");
        }
        put(sheet, row, 1 + i, value);
    }
    const double level = found ? mb_tune_level(options, result, policy, policy->best) : (double)NAN;
    mb_format_interval(text, level, NAN, NAN);
    put(sheet, row, axes + 1, text);
    const bool judged = policy->is_judged && !policy->same_requests;
    for (size_t i = 0; i < 2; i++) {
        const mb_estimate *e = &policy->levels[i];
        if (judged)
            mb_format_interval(text, e->value, e->low, e->high);
        else
            mb_format_value(text, NAN, 0);
        put(sheet, row, axes + 2 + i, text);
    }
    if (judged) put_change(policy, text);
    put(sheet, row, axes + 4, judged ? text : "-");
}

static mb_status build(const mb_tune_options *options, const mb_tune_result *result, mb_sheet *sheet,
                       mb_error *error) {
    const size_t axes = options->axis_count;
    const char *measure = mb_measures[options->measure].name;
    const char *const heads[] = {measure, measure, measure, "change"};
    const char *const units[] = {"tuning seeds", "as it is", "tuned", "by tuning"};
    *sheet = (mb_sheet){.text_columns = 1, .columns = axes + 5, .rows = result->policy_count};
    if (!mb_sheet_allocate(sheet)) return mb_fail_memory(error);
    mb_sheet_put(sheet, &sheet->heads[0], "policy");
    mb_sheet_put(sheet, &sheet->units[0], "");
    for (size_t i = 0; i < axes; i++) {
        mb_sheet_put(sheet, &sheet->heads[1 + i], options->axes[i].key);
        mb_sheet_put(sheet, &sheet->units[1 + i], "tuned (own)");
    }
    for (size_t i = 0; i < 4; i++) {
        mb_sheet_put(sheet, &sheet->heads[axes + 1 + i], heads[i]);
        mb_sheet_put(sheet, &sheet->units[axes + 1 + i], units[i]);
    }
    for (size_t i = 0; i < result->policy_count; i++)
        fill_row(options, result, sheet, i);
    return sheet->failed ? mb_fail_memory(error) : MB_OK;
}

static mb_status print_table(const mb_tune_options *options, const mb_tune_result *result, bool markdown,
                             const char *notes, mb_error *error) {
    mb_sheet sheet;
    mb_status status = build(options, result, &sheet, error);
    if (status == MB_OK) status = mb_answer_print(&sheet, notes, markdown, error);
    mb_sheet_deinit(&sheet);
    return status;
}

// --- every run -------------------------------------------------------------------------------------------

static void put_number(double value) {
    if (!isnan(value)) printf("%.17g", value);
}

static void print_row(const mb_tune_options *options, const mb_tuned *policy, size_t trial, const char *role,
                      uint32_t seed, const mb_tune_run *run) {
    mb_strbuf text = {0};
    if (!run->done) return;
    mb_add_csv(&text, policy->label);
    mb_strbuf_printf(&text, ",%s,%u", role, seed);
    for (size_t i = 0; i < options->axis_count; i++) {
        size_t index;
        char value[MB_AXIS_TEXT] = "";
        if (axis_of(policy, &options->axes[i], &index) && trial != SIZE_MAX)
            mb_axis_text(policy->axes[index], policy->search.levels[trial * policy->axis_count + index],
                         value);
        else if (index < policy->axis_count)
            snprintf(value, sizeof value, "%s", policy->defaults[index]);
        mb_strbuf_add(&text, ",");
        mb_add_csv(&text, value);
    }
    fputs(text.text ? text.text : "", stdout);
    putchar(',');
    put_number(run->value);
    putchar(',');
    put_number(run->served);
    putchar('\n');
    mb_strbuf_deinit(&text);
}

static void print_csv(const mb_tune_options *options, const mb_tune_result *result, const char *notes) {
    mb_strbuf head = {0};
    mb_strbuf_add(&head, "policy,role,seed");
    for (size_t i = 0; i < options->axis_count; i++) {
        mb_strbuf_add(&head, ",");
        mb_add_csv(&head, options->axes[i].key);
    }
    printf("%s,%s,served_share\n", head.text ? head.text : "", mb_measures[options->measure].name);
    mb_strbuf_deinit(&head);
    for (size_t i = 0; i < result->policy_count; i++) {
        const mb_tuned *policy = &result->policies[i];
        for (size_t j = 0; j < policy->search.count; j++)
            for (uint32_t seed = 0; seed < result->seeds; seed++)
                print_row(options, policy, j, j == policy->best ? "best" : "tried", seed + 1,
                          &policy->runs[j * result->seeds + seed]);
        for (size_t which = 0; which < 2 && policy->is_judged; which++)
            for (uint32_t seed = 0; seed < options->fresh; seed++)
                print_row(options, policy, which ? policy->best : SIZE_MAX, which ? "tuned" : "as it is",
                          result->seeds + seed + 1, &policy->judged[which][seed]);
    }
    mb_answer_warn(notes);
}

static json_t *estimate_json(bool *lost, const mb_estimate *e) {
    json_t *object = json_object();
    mb_json_set(lost, object, "value", mb_json_number(e->value));
    mb_json_set(lost, object, "low", mb_json_number(e->low));
    mb_json_set(lost, object, "high", mb_json_number(e->high));
    return object;
}

static json_t *policy_json(bool *lost, const mb_tune_options *options, const mb_tune_result *result,
                           const mb_tuned *policy) {
    json_t *object = json_object(), *values = json_object();
    const bool judged = policy->is_judged && !policy->same_requests;
    mb_json_set(lost, object, "policy", mb_json_text(policy->label));
    for (size_t i = 0; i < policy->axis_count && policy->best != SIZE_MAX; i++) {
        char text[MB_AXIS_TEXT];
        json_t *pair = json_object();
        mb_axis_text(policy->axes[i], policy->search.levels[policy->best * policy->axis_count + i], text);
        mb_json_set(lost, pair, "tuned", mb_json_text(text));
        mb_json_set(lost, pair, "own", mb_json_text(policy->defaults[i][0] ? policy->defaults[i] : NULL));
        mb_json_set(lost, values, policy->axes[i]->key, pair);
    }
    mb_json_set(lost, object, "values", values);
    mb_json_set(lost, object, "combinations_tried", json_integer((json_int_t)policy->trials));
    mb_json_set(lost, object, "all_tried", json_boolean(policy->search.whole));
    mb_json_set(lost, object, "on_tuning_seeds",
                mb_json_number(policy->best == SIZE_MAX
                                   ? (double)NAN
                                   : mb_tune_level(options, result, policy, policy->best)));
    mb_json_set(lost, object, "judged", json_boolean(judged));
    if (!judged) return object;
    const mb_difference *d = &policy->difference;
    const mb_estimate change = {.value = d->value, .low = d->low, .high = d->high};
    mb_json_set(lost, object, "as_it_is", estimate_json(lost, &policy->levels[0]));
    mb_json_set(lost, object, "tuned", estimate_json(lost, &policy->levels[1]));
    mb_json_set(lost, object, d->ratio ? "ratio" : "difference", estimate_json(lost, &change));
    mb_json_set(lost, object, "p_holm", mb_json_number(d->p_holm));
    mb_json_set(lost, object, "better", json_boolean(really_better(options, policy)));
    return object;
}

static mb_status print_json(const mb_tune_options *options, const mb_tune_result *result, const char *notes,
                            mb_error *error) {
    bool lost = false;
    json_t *whole = json_object(), *policies = json_array();
    mb_json_set(&lost, whole, "measure", mb_json_text(mb_measures[options->measure].name));
    mb_json_set(&lost, whole, "seeds", json_integer((json_int_t)result->seeds));
    mb_json_set(&lost, whole, "fresh_seeds", json_integer((json_int_t)options->fresh));
    mb_json_set(&lost, whole, "runs", json_integer((json_int_t)result->done));
    mb_json_set(&lost, whole, "interrupted", json_boolean(result->interrupted));
    for (size_t i = 0; i < result->policy_count; i++)
        mb_json_append(&lost, policies, policy_json(&lost, options, result, &result->policies[i]));
    mb_json_set(&lost, whole, "policies", policies);
    mb_json_set(&lost, whole, "notes", mb_answer_json(&lost, notes));
    return mb_answer_print_json(whole, lost, error);
}

mb_status mb_tune_print(const mb_tune_options *options, const mb_tune_result *result, mb_output_format format,
                        mb_error *error) {
    mb_strbuf notes = {0};
    say_all(options, result, &notes);
    mb_status status = notes.failed ? mb_fail_memory(error) : MB_OK;
    if (status == MB_OK && format == MB_OUTPUT_CSV)
        print_csv(options, result, notes.text);
    else if (status == MB_OK && format == MB_OUTPUT_JSON)
        status = print_json(options, result, notes.text, error);
    else if (status == MB_OK)
        status = print_table(options, result, format == MB_OUTPUT_MD, notes.text, error);
    mb_strbuf_deinit(&notes);
    return status;
}
