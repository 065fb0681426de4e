// SPDX-License-Identifier: MIT
#include "report/sheet.h"

#include "report/asked.h"
#include "report/baseline.h"
#include "report/columns.h"
#include "report/format.h"
#include "report/labels.h"
#include "report/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct builder {
    const mb_results *results;
    const mb_section *section;
    mb_sheet *sheet;
    mb_label_columns labels;
    size_t measure_count;
    mb_column measures[MB_MAX_COLUMNS];
} builder;

static char *copy_slice(const char *text, size_t length) {
    mb_strbuf whole = {0}, clean = {0};
    mb_strbuf_add_bytes(&whole, text, length);
    if (whole.text) mb_add_printable(&clean, whole.text);
    mb_strbuf_add(&clean, "");
    if (whole.failed || clean.failed) mb_strbuf_deinit(&clean);
    mb_strbuf_deinit(&whole);
    return clean.text;
}

void mb_sheet_put(mb_sheet *sheet, char **cell, const char *text) {
    *cell = copy_slice(text, strlen(text));
    sheet->failed = sheet->failed || !*cell;
}

static size_t count_rows(const mb_section *section) {
    size_t rows = 0;
    for (size_t i = 0; i < section->point_count; i++)
        rows += section->points[i].experiment.policy_count;
    return rows;
}

// A sweep of one policy needs no column that says the same in every row.
static bool needs_policy_column(const mb_section *section) {
    const char *only = NULL;
    for (size_t i = 0; i < section->point_count; i++) {
        const mb_experiment *experiment = &section->points[i].experiment;
        for (size_t p = 0; p < experiment->policy_count; p++) {
            if (only && strcmp(only, experiment->policies[p].label) != 0) return true;
            only = experiment->policies[p].label;
        }
    }
    return section->point_count < 2;
}

static double largest_mean(const builder *b, int measure) {
    double largest = 0;
    for (size_t i = 0; i < b->results->count; i++) {
        const mb_outcome *outcome = &b->results->outcomes[i];
        if (outcome->finished && outcome->values[measure] > largest) largest = outcome->values[measure];
    }
    return largest;
}

// "gpus" for "cluster.gpus", unless another key ends like that.
static mb_slice short_name(const mb_label_columns *labels, size_t column) {
    const mb_slice name = labels->names[column];
    mb_slice ends[MB_MAX_KEYS];
    for (size_t i = 0; i < labels->count; i++) {
        ends[i] = labels->names[i];
        for (size_t at = 0; at < labels->names[i].length; at++)
            if (labels->names[i].text[at] == '.')
                ends[i] = (mb_slice){labels->names[i].text + at + 1, labels->names[i].length - at - 1};
    }
    for (size_t i = 0; i < labels->count; i++)
        if (i != column && mb_slice_equal(ends[i], ends[column])) return name;
    return ends[column].length ? ends[column] : name;
}

static void fill_heads(builder *b) {
    mb_sheet *sheet = b->sheet;
    for (size_t i = 0; i < b->labels.count; i++) {
        const mb_slice name = short_name(&b->labels, i);
        sheet->heads[i] = copy_slice(name.text, name.length);
        sheet->failed = sheet->failed || !sheet->heads[i];
        mb_sheet_put(sheet, &sheet->units[i], "");
    }
    if (b->sheet->policy_column) {
        mb_sheet_put(sheet, &sheet->heads[b->labels.count], "policy");
        mb_sheet_put(sheet, &sheet->units[b->labels.count], "");
    }
    for (size_t i = 0; i < b->measure_count; i++) {
        mb_sheet_put(sheet, &sheet->heads[sheet->text_columns + i], b->measures[i].label);
        mb_sheet_put(sheet, &sheet->units[sheet->text_columns + i], b->measures[i].unit);
    }
}

static void fill_row(builder *b, size_t row, size_t point, size_t policy) {
    mb_sheet *sheet = b->sheet;
    char **cells = sheet->cells + row * sheet->columns;
    const mb_point *where = &b->section->points[point];
    const mb_summary summary = mb_summarise(b->results, point, policy);
    for (size_t i = 0; i < b->labels.count; i++) {
        const mb_slice value = mb_label_value(&b->labels, where->label, i);
        cells[i] = copy_slice(value.text, value.length);
        sheet->failed = sheet->failed || !cells[i];
    }
    if (b->sheet->policy_column)
        mb_sheet_put(sheet, &cells[b->labels.count], where->experiment.policies[policy].label);
    for (size_t i = 0; i < b->measure_count; i++) {
        const mb_column *column = &b->measures[i];
        char text[MB_TEXT_SIZE];
        mb_format_interval(text, summary.level[column->measure] * column->factor,
                           summary.low[column->measure] * column->factor,
                           summary.high[column->measure] * column->factor);
        mb_sheet_put(sheet, &cells[sheet->text_columns + i], text);
    }
    sheet->group[row] = policy == 0;
    sheet->intervals = sheet->intervals || summary.seeds > 1;
}

static void star(builder *b, size_t row, size_t measure) {
    b->sheet->best[row * b->sheet->columns + b->sheet->text_columns + measure] = true;
    b->sheet->any_best = true;
}

// `row` is the first of the point.
static void mark_against_baseline(builder *b, size_t row, size_t point, size_t baseline) {
    for (size_t i = 0; i < b->measure_count; i++) {
        const int measure = b->measures[i].measure;
        for (size_t p = 0; p < b->section->points[point].experiment.policy_count; p++) {
            if (p == baseline || mb_measures[measure].better == MB_BETTER_NEITHER) continue;
            mb_difference *against = mb_compare_all(b->results, point, p, measure, MB_FAMILY_WITH_REFERENCE);
            b->sheet->failed = b->sheet->failed || !against;
            if (against &&
                mb_better_than_baseline(b->results, point, p, baseline, measure, &against[baseline]))
                star(b, row + p, i);
            free(against);
        }
    }
}

static void mark_best(builder *b, size_t row, size_t point) {
    if (b->section->points[point].experiment.policy_count < 2) return;
    if (b->results->baseline) {
        const size_t baseline = mb_baseline_at(b->results, point);
        if (baseline != SIZE_MAX) mark_against_baseline(b, row, point, baseline);
        return;
    }
    for (size_t i = 0; i < b->measure_count; i++) {
        const mb_standing standing = mb_standing_of(b->results, point, b->measures[i].measure);
        free(standing.against);
        b->sheet->failed = b->sheet->failed || standing.failed;
        if (standing.real) star(b, row + standing.best, i);
    }
}

static void choose_columns(builder *b) {
    static const mb_slo none = {INFINITY, INFINITY, INFINITY, INFINITY, false, 0};
    static const mb_reader nobody = {0};
    int measures[MB_MAX_COLUMNS];
    const mb_experiment *first = b->section->point_count ? &b->section->points[0].experiment : NULL;
    b->measure_count = mb_choose_columns(b->section->columns, first ? &first->slo : &none,
                                         first ? &first->reader : &nobody, measures);
    for (size_t i = 0; i < b->measure_count; i++)
        b->measures[i] = mb_column_of(measures[i], largest_mean(b, measures[i]));
}

bool mb_sheet_allocate(mb_sheet *sheet) {
    const size_t cells = sheet->rows * sheet->columns;
    sheet->heads = calloc(sheet->columns + 1, sizeof *sheet->heads);
    sheet->units = calloc(sheet->columns + 1, sizeof *sheet->units);
    sheet->cells = calloc(cells + 1, sizeof *sheet->cells);
    sheet->best = calloc(cells + 1, sizeof *sheet->best);
    sheet->group = calloc(sheet->rows + 1, sizeof *sheet->group);
    sheet->failed = !sheet->heads || !sheet->units || !sheet->cells || !sheet->best || !sheet->group;
    return !sheet->failed;
}

void mb_sheet_build(const mb_results *results, mb_sheet *sheet) {
    *sheet = (mb_sheet){0};
    builder b = {.results = results, .section = mb_results_section(results), .sheet = sheet};
    b.labels = mb_label_columns_of(b.section);
    sheet->policy_column = needs_policy_column(b.section);
    choose_columns(&b);
    sheet->text_columns = b.labels.count + sheet->policy_column;
    sheet->columns = sheet->text_columns + b.measure_count;
    sheet->rows = count_rows(b.section);
    if (!mb_sheet_allocate(sheet)) return;
    fill_heads(&b);
    size_t row = 0;
    for (size_t point = 0; point < b.section->point_count; point++) {
        const size_t policies = b.section->points[point].experiment.policy_count;
        mark_best(&b, row, point);
        for (size_t policy = 0; policy < policies; policy++)
            fill_row(&b, row++, point, policy);
    }
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

void mb_sheet_deinit(mb_sheet *sheet) {
    free_texts(sheet->heads, sheet->columns);
    free_texts(sheet->units, sheet->columns);
    free_texts(sheet->cells, sheet->rows * sheet->columns);
    free_texts(sheet->remarks, sheet->rows);
    free(sheet->best);
    free(sheet->group);
    *sheet = (mb_sheet){0};
}

static const char *first_description(const mb_section *section) {
    const char *description = section->point_count ? section->points[0].experiment.description : NULL;
    return description ? description : "";
}

static bool descriptions_differ(const mb_section *section) {
    for (size_t i = 1; i < section->point_count; i++) {
        const char *other = section->points[i].experiment.description;
        if (strcmp(first_description(section), other ? other : "") != 0) return true;
    }
    return false;
}

static bool any_oracle(const mb_section *section) {
    bool any = false;
    for (size_t i = 0; i < section->point_count; i++)
        any = any || section->points[i].experiment.oracle;
    return any;
}

// "10,000 requests, ... (the first of 8 points); policy fifo; oracle: ...".
void mb_sheet_describe(const mb_sheet *sheet, const mb_results *results, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    if (section->point_count) mb_describe_point(results, 0, text);
    if (section->point_count > 1) {
        mb_strbuf_printf(text, text->length ? " (%s%zu points)" : "%s%zu points",
                         text->length && descriptions_differ(section) ? "the first of " : "",
                         section->point_count);
    }
    if (!sheet->policy_column && section->point_count && section->points[0].experiment.policy_count) {
        mb_strbuf_add(text, text->length ? "; policy " : "policy ");
        mb_add_printable(text, section->points[0].experiment.policies[0].label);
    }
    if (any_oracle(section))
        mb_strbuf_add(text, text->length ? "; oracle: policies may see the true output lengths"
                                         : "oracle: policies may see the true output lengths");
}

void mb_sheet_explain_star(const mb_results *results, mb_strbuf *text) {
    mb_strbuf_add(text, "better than ");
    if (results->baseline)
        mb_add_printable(text, results->baseline);
    else
        mb_strbuf_add(text, "every other policy there");
    mb_strbuf_printf(text, ": paired by seed, 5 %%, Holm's correction over %s.",
                     results->baseline ? "the policies" : "the comparisons with it");
}

// "16 to 31 batches of 512 to 1,024 requests".
static void add_batches(const mb_results *results, mb_strbuf *text) {
    uint64_t least = UINT64_MAX, most = 0, smallest = UINT64_MAX, largest = 0;
    for (size_t i = 0; i < results->count; i++) {
        const mb_batch_interval *found = &results->outcomes[i].batch_means;
        if (!results->outcomes[i].finished || !found->batches) continue;
        least = found->batches < least ? found->batches : least;
        most = found->batches > most ? found->batches : most;
        smallest = found->size < smallest ? found->size : smallest;
        largest = found->size > largest ? found->size : largest;
    }
    if (!most) return;
    const uint64_t numbers[] = {least, most, smallest, largest};
    char words[4][MB_TEXT_SIZE];
    for (size_t i = 0; i < 4; i++)
        mb_format_count(words[i], (double)numbers[i]);
    mb_strbuf_printf(text, "One run: 95 %% CI of means over requests, by the means of %s%s%s batches",
                     words[0], least < most ? " to " : "", least < most ? words[1] : "");
    mb_strbuf_printf(text,
                     " of %s%s%s requests in order of arrival; none where batches are still correlated.",
                     words[2], smallest < largest ? " to " : "", smallest < largest ? words[3] : "");
}

void mb_sheet_explain_levels(const mb_sheet *sheet, const mb_results *results, mb_strbuf *text) {
    if (sheet->intervals)
        mb_strbuf_add(text, "Geometric means over the seeds (shares: of the odds; with a 0 or 1 among them: "
                            "means), 95 % CI.");
    else
        add_batches(results, text);
}
