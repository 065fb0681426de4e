// SPDX-License-Identifier: MIT
#include "cli/search_report.h"

#include "base/strbuf.h"
#include "cli/answer.h"
#include "report/format.h"
#include "report/json_values.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// `row`: choices times policies.
static const mb_search_task *task_at(const mb_search_result *result, size_t row, uint32_t seed) {
    return &result->tasks[row * result->seeds + seed];
}

static const char *label_of(const mb_search_result *result, size_t policy) {
    return mb_scenario_section(result->scenario, 0)->points[0].experiment.policies[policy].label;
}

typedef struct summary {
    uint32_t found, everywhere, nowhere, wild;
    mb_sample sample;
    double least, most;
    size_t runs; // the most of any seed
    bool ascending;
} summary;

static summary summarise(const mb_search_result *result, size_t row) {
    summary s = {.sample = {.scale = MB_SCALE_POSITIVE}, .least = INFINITY, .most = -INFINITY};
    s.ascending = task_at(result, row, 0)->ascending;
    for (uint32_t seed = 0; seed < result->seeds; seed++) {
        const mb_search_task *task = task_at(result, row, seed);
        if (task->run_count > s.runs) s.runs = task->run_count;
        s.everywhere += task->end == MB_MET_EVERYWHERE;
        s.nowhere += task->end == MB_MET_NOWHERE;
        s.wild += task->not_monotone;
        if (task->end != MB_FOUND) continue;
        s.found++;
        s.ascending = task->ascending;
        mb_sample_add(&s.sample, task->answer);
        s.least = fmin(s.least, task->answer);
        s.most = fmax(s.most, task->answer);
    }
    return s;
}

// What stands for the policy: of whole numbers what every seed is content with, else the level.
static void write_answer(const mb_search_options *options, const mb_search_result *result, const summary *s,
                         char text[MB_TEXT_SIZE]) {
    const bool all_whole = result->whole && s->found && s->found + s->everywhere == result->seeds;
    if (!s->found && !s->everywhere && !s->nowhere)
        snprintf(text, MB_TEXT_SIZE, "does not run");
    else if (s->everywhere == result->seeds)
        snprintf(text, MB_TEXT_SIZE, "all of %g..%g", options->low, options->high);
    else if (s->nowhere == result->seeds)
        snprintf(text, MB_TEXT_SIZE, "none of %g..%g", options->low, options->high);
    else if (s->found < result->seeds && !all_whole)
        snprintf(text, MB_TEXT_SIZE, "%u of %u seeds: %g to %g", s->found, result->seeds, s->least, s->most);
    else if (result->whole)
        snprintf(text, MB_TEXT_SIZE, "%s %g", s->ascending ? "up to" : "from",
                 s->ascending ? s->least : s->most);
    else {
        const mb_estimate level = mb_sample_level(&s->sample);
        char number[MB_TEXT_SIZE];
        mb_format_interval(number, level.value, level.low, level.high);
        snprintf(text, MB_TEXT_SIZE, "%s %.40s", s->ascending ? "up to" : "from", number);
    }
}

static bool any_price(const mb_search_result *result) {
    for (size_t i = 0; i < result->choices * result->policies; i++)
        if (result->needs[i].known && !isnan(result->needs[i].usd_per_hour)) return true;
    return false;
}

static mb_status fill_sheet(const mb_search_options *options, const mb_search_result *result, mb_sheet *sheet,
                            mb_error *error) {
    const size_t lists = options->list_count;
    const bool priced = any_price(result);
    *sheet = (mb_sheet){
        .text_columns = lists + 1, .columns = lists + 4 + priced, .rows = result->choices * result->policies};
    if (!mb_sheet_allocate(sheet)) return mb_fail_memory(error);
    const char *const heads[] = {"policy", options->key, "seeds", "runs each", "USD/h"};
    for (size_t i = 0; i < sheet->columns; i++) {
        mb_sheet_put(sheet, &sheet->heads[i], i < lists ? options->lists[i].key : heads[i - lists]);
        mb_sheet_put(sheet, &sheet->units[i], "");
    }
    for (size_t row = 0; row < sheet->rows; row++) {
        const summary s = summarise(result, row);
        const mb_search_need *need = &result->needs[row];
        char text[MB_TEXT_SIZE];
        char **cells = &sheet->cells[sheet->columns * row];
        for (size_t i = 0; i < lists; i++)
            mb_sheet_put(sheet, &cells[i], mb_search_item(options, row / result->policies, i));
        cells += lists;
        sheet->group[row] = row % result->policies == 0 && result->policies > 1;
        mb_sheet_put(sheet, &cells[0], label_of(result, row % result->policies));
        write_answer(options, result, &s, text);
        mb_sheet_put(sheet, &cells[1], text);
        snprintf(text, sizeof text, "%u", result->seeds);
        mb_sheet_put(sheet, &cells[2], text);
        snprintf(text, sizeof text, "%zu", s.runs);
        mb_sheet_put(sheet, &cells[3], text);
        mb_format_value(text, need->known ? need->usd_per_hour : (double)NAN, 2);
        if (priced) mb_sheet_put(sheet, &cells[4], text);
    }
    return sheet->failed ? mb_fail_memory(error) : MB_OK;
}

// "cluster.gpu=h100-80gb cluster.tp=2"
static void add_choice(mb_strbuf *text, const mb_search_options *options, size_t choice) {
    for (size_t i = 0; i < options->list_count; i++)
        mb_strbuf_printf(text, "%s%s=%s", i ? " " : "", options->lists[i].key,
                         mb_search_item(options, choice, i));
}

// The combination that meets the SLOs for the least money.
static void say_cheapest(const mb_search_options *options, const mb_search_result *result, size_t policy,
                         mb_strbuf *text) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < result->choices; i++) {
        const mb_search_need *need = &result->needs[i * result->policies + policy];
        if (!need->known || isnan(need->usd_per_hour)) continue;
        if (best == SIZE_MAX ||
            need->usd_per_hour < result->needs[best * result->policies + policy].usd_per_hour)
            best = i;
    }
    if (best == SIZE_MAX) return;
    const mb_search_need *need = &result->needs[best * result->policies + policy];
    mb_strbuf_printf(text, "Cheapest for %s: ", label_of(result, policy));
    add_choice(text, options, best);
    if (!isnan(need->value)) mb_strbuf_printf(text, " with %s=%g", options->key, need->value);
    mb_strbuf_printf(text, ", %.2f USD an hour.\n", need->usd_per_hour);
}

// Of step times; once where the same is to be said of all.
static void say_cautions(const mb_search_options *options, const mb_search_result *result, mb_strbuf *text) {
    const char *first = NULL;
    bool alike = true;
    for (size_t i = 0; i < result->choices; i++) {
        if (result->reasons[i]) continue;
        const char *caution = result->cautions[i] ? result->cautions[i] : "";
        if (!first) first = caution;
        alike = alike && strcmp(first, caution) == 0;
    }
    for (size_t i = 0; i < result->choices; i++) {
        const char *caution = result->cautions[i];
        if (!caution) continue;
        const size_t word = strncmp(caution, "warning: ", 9) == 0 ? 9 : 0;
        if (word) mb_strbuf_add(text, "warning: ");
        if (!alike) add_choice(text, options, i);
        mb_strbuf_printf(text, "%s%s\n", alike ? "" : ": ", caution + word);
        if (alike) return;
    }
}

// A sentence a line; those that begin with "warning: " are warnings.
static void say_all(const mb_search_options *options, const mb_search_result *result, mb_strbuf *text) {
    uint32_t wild = 0, partly = 0;
    mb_strbuf_add(text, result->whole
                            ? "What every seed is content with, by a bisection for each.\n"
                            : "Where the SLOs are just met, by a bisection for each seed: the geometric "
                              "mean of the seeds, 95 % CI.\n");
    for (size_t row = 0; row < result->choices * result->policies; row++) {
        const summary s = summarise(result, row);
        wild += s.wild;
        partly += s.found && s.found < result->seeds && !(result->whole && !s.nowhere);
    }
    if (result->choices > 1)
        for (size_t i = 0; i < result->policies; i++)
            say_cheapest(options, result, i, text);
    if (any_price(result))
        mb_strbuf_add(
            text, "USD/h: the scenario's prices, list prices as of their date where it names none, of all "
                  "GPUs that the answer has.\n");
    for (size_t i = 0; i < result->choices; i++) {
        bool unpriced = false;
        for (size_t j = 0; j < result->policies && any_price(result); j++)
            unpriced = unpriced || (result->needs[i * result->policies + j].known &&
                                    isnan(result->needs[i * result->policies + j].usd_per_hour));
        if (!unpriced && !result->reasons[i]) continue;
        mb_strbuf_add(text, "warning: ");
        add_choice(text, options, i);
        if (result->reasons[i])
            mb_strbuf_printf(text, " does not run: %s\n", result->reasons[i]);
        else
            mb_strbuf_add(text,
                          " has no price and is not among the cheapest; --set cluster.usd_per_hour gives "
                          "one\n");
    }
    say_cautions(options, result, text);
    if (partly)
        mb_strbuf_add(text,
                      "warning: some seeds meet the SLOs at every value of the range, or at none: the answer "
                      "is of the others\n");
    if (wild)
        mb_strbuf_add(text,
                      "warning: over this key the measures do not go one way with some seeds (`--format csv` "
                      "has the runs): a bisection finds one of several answers\n");
}

static mb_status print_table(const mb_search_options *options, const mb_search_result *result, bool markdown,
                             const char *notes, mb_error *error) {
    mb_sheet sheet;
    mb_status status = fill_sheet(options, result, &sheet, error);
    if (status == MB_OK) status = mb_answer_print(&sheet, notes, markdown, error);
    mb_sheet_deinit(&sheet);
    return status;
}

static const char *end_of(const mb_search_task *task) {
    return task->end == MB_FOUND            ? "found"
           : task->end == MB_MET_EVERYWHERE ? "met everywhere"
           : task->end == MB_NOT_RUN        ? "does not run"
                                            : "met nowhere";
}

static void add_csv_text(const char *text) {
    mb_strbuf field = {0};
    mb_add_csv(&field, text);
    if (field.text) fputs(field.text, stdout);
    mb_strbuf_deinit(&field);
}

static void print_row(const mb_search_options *options, const mb_search_result *result, size_t row,
                      const mb_search_task *task, size_t index) {
    const bool run = index < task->run_count; // the answer comes last
    for (size_t i = 0; i < options->list_count; i++) {
        add_csv_text(mb_search_item(options, row / result->policies, i));
        putchar(',');
    }
    add_csv_text(label_of(result, row % result->policies));
    printf(",%u,%s,", task->seed + 1, run ? "run" : end_of(task));
    if (run || task->end == MB_FOUND) printf("%.17g", run ? task->runs[index].at : task->answer);
    for (size_t k = 0; k < options->slo_count; k++) {
        putchar(',');
        if (run && !isnan(task->runs[index].values[k])) printf("%.17g", task->runs[index].values[k]);
    }
    printf(",%s", !run ? task->not_monotone ? "not monotone" : "" : task->runs[index].ratio <= 1 ? "1" : "0");
    const mb_search_need *need = &result->needs[row];
    if (any_price(result)) putchar(',');
    if (any_price(result) && !run && need->known && !isnan(need->usd_per_hour))
        printf("%.17g", need->usd_per_hour);
    putchar('\n');
}

static void print_csv(const mb_search_options *options, const mb_search_result *result, const char *notes) {
    for (size_t i = 0; i < options->list_count; i++) {
        add_csv_text(options->lists[i].key);
        putchar(',');
    }
    printf("policy,seed,row,");
    add_csv_text(options->key);
    for (size_t i = 0; i < options->slo_count; i++)
        printf(",%s", mb_measures[options->slos[i].measure].name);
    puts(any_price(result) ? ",met,usd_per_hour" : ",met");
    for (size_t row = 0; row < result->choices * result->policies; row++)
        for (uint32_t seed = 0; seed < result->seeds; seed++) {
            const mb_search_task *task = task_at(result, row, seed);
            for (size_t i = 0; i <= task->run_count; i++)
                print_row(options, result, row, task, i);
        }
    mb_answer_warn(notes);
}

// --- JSON ------------------------------------------------------------------------------------------------

static json_t *run_json(bool *lost, const mb_search_options *options, const mb_probe_run *run) {
    json_t *object = json_object();
    mb_json_set(lost, object, "value", mb_json_number(run->at));
    for (size_t i = 0; i < options->slo_count; i++)
        mb_json_set(lost, object, mb_measures[options->slos[i].measure].name, mb_json_number(run->values[i]));
    mb_json_set(lost, object, "met", json_boolean(run->ratio <= 1));
    return object;
}

static json_t *seed_json(bool *lost, const mb_search_options *options, const mb_search_task *task) {
    json_t *object = json_object(), *runs = json_array();
    mb_json_set(lost, object, "seed", json_integer((json_int_t)task->seed + 1));
    mb_json_set(lost, object, "end", mb_json_text(end_of(task)));
    mb_json_set(lost, object, "value", mb_json_number(task->end == MB_FOUND ? task->answer : (double)NAN));
    mb_json_set(lost, object, "monotone", json_boolean(!task->not_monotone));
    for (size_t i = 0; i < task->run_count; i++)
        mb_json_append(lost, runs, run_json(lost, options, &task->runs[i]));
    mb_json_set(lost, object, "runs", runs);
    return object;
}

static json_t *row_json(bool *lost, const mb_search_options *options, const mb_search_result *result,
                        size_t row) {
    json_t *object = json_object(), *keys = json_object(), *seeds = json_array();
    const mb_search_need *need = &result->needs[row];
    const summary s = summarise(result, row);
    char text[MB_TEXT_SIZE];
    write_answer(options, result, &s, text);
    for (size_t i = 0; i < options->list_count; i++)
        mb_json_set(lost, keys, options->lists[i].key,
                    mb_json_text(mb_search_item(options, row / result->policies, i)));
    mb_json_set(lost, object, "keys", keys);
    mb_json_set(lost, object, "policy", mb_json_text(label_of(result, row % result->policies)));
    mb_json_set(lost, object, "answer", mb_json_text(text));
    mb_json_set(lost, object, "met", mb_json_text(!s.found ? NULL : s.ascending ? "up to" : "from"));
    mb_json_set(lost, object, "usd_per_hour", mb_json_number(need->known ? need->usd_per_hour : (double)NAN));
    for (uint32_t seed = 0; seed < result->seeds; seed++)
        mb_json_append(lost, seeds, seed_json(lost, options, task_at(result, row, seed)));
    mb_json_set(lost, object, "seeds", seeds);
    return object;
}

static mb_status print_json(const mb_search_options *options, const mb_search_result *result,
                            const char *notes, mb_error *error) {
    bool lost = false;
    json_t *whole = json_object(), *slos = json_array(), *answers = json_array();
    mb_json_set(&lost, whole, "key", mb_json_text(options->key));
    mb_json_set(&lost, whole, "low", mb_json_number(options->low));
    mb_json_set(&lost, whole, "high", mb_json_number(options->high));
    for (size_t i = 0; i < options->slo_count; i++) {
        const mb_search_slo *slo = &options->slos[i];
        json_t *one = json_object();
        mb_json_set(&lost, one, "measure", mb_json_text(mb_measures[slo->measure].name));
        mb_json_set(&lost, one, slo->at_most ? "at_most" : "at_least", mb_json_number(slo->bound));
        mb_json_append(&lost, slos, one);
    }
    mb_json_set(&lost, whole, "slo", slos);
    for (size_t row = 0; row < result->choices * result->policies; row++)
        mb_json_append(&lost, answers, row_json(&lost, options, result, row));
    mb_json_set(&lost, whole, "answers", answers);
    mb_json_set(&lost, whole, "notes", mb_answer_json(&lost, notes));
    return mb_answer_print_json(whole, lost, error);
}

mb_status mb_search_print(const mb_search_options *options, const mb_search_result *result,
                          mb_output_format format, mb_error *error) {
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
