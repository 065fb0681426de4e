// SPDX-License-Identifier: MIT
#include "report/party_table.h"

#include "report/format.h"
#include "run/party_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The names of all of a policy at a point, in order of appearance over the seeds.
typedef struct names {
    const char *list[2 * MB_PARTIES_MOST];
    size_t count;
} names;

static const mb_experiment *experiment_at(const mb_results *results, size_t point) {
    return &mb_results_section(results)->points[point].experiment;
}

static names names_of(const mb_results *results, size_t point, size_t policy) {
    names found = {.count = 0};
    for (uint32_t seed = 0; seed < experiment_at(results, point)->seeds; seed++) {
        const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
        for (size_t i = 0; i < outcome->party_count; i++) {
            size_t at = 0;
            while (at < found.count && strcmp(found.list[at], outcome->parties[i].name) != 0)
                at++;
            if (at == found.count && at < sizeof found.list / sizeof *found.list)
                found.list[found.count++] = outcome->parties[i].name;
        }
    }
    return found;
}

static mb_estimate level_of(const mb_results *results, size_t point, size_t policy, const char *name,
                            size_t value) {
    mb_sample sample = {.scale = mb_party_values[value].share ? MB_SCALE_SHARE : MB_SCALE_POSITIVE};
    for (uint32_t seed = 0; seed < experiment_at(results, point)->seeds; seed++) {
        const mb_party_row *row = mb_party_row_find(mb_results_at(results, point, policy, seed), name);
        if (row && !isnan(row->values[value])) mb_sample_add(&sample, row->values[value]);
    }
    return mb_sample_level(&sample);
}

static void fill_row(const mb_results *results, mb_sheet *sheet, size_t row, size_t point, size_t policy,
                     const char *name) {
    char **cells = sheet->cells + row * sheet->columns, text[MB_TEXT_SIZE];
    const char *label = mb_results_section(results)->points[point].label;
    if (sheet->text_columns == 3) mb_sheet_put(sheet, cells++, label ? label : "");
    mb_sheet_put(sheet, cells++, name);
    mb_sheet_put(sheet, cells++, experiment_at(results, point)->policies[policy].label);
    for (size_t i = 0; i < MB_PARTY_VALUES; i++) {
        const mb_estimate level = level_of(results, point, policy, name, i);
        const double factor = mb_party_values[i].factor;
        mb_format_interval(text, level.value * factor, level.low * factor, level.high * factor);
        mb_sheet_put(sheet, cells++, text);
    }
}

static void fill_heads(const mb_results *results, mb_sheet *sheet) {
    const char *heads[] = {"point", mb_by_name(experiment_at(results, 0)->by), "policy"};
    for (size_t i = 0; i < sheet->text_columns; i++) {
        mb_sheet_put(sheet, &sheet->heads[i], heads[3 - sheet->text_columns + i]);
        mb_sheet_put(sheet, &sheet->units[i], "");
    }
    for (size_t i = 0; i < MB_PARTY_VALUES; i++) {
        mb_sheet_put(sheet, &sheet->heads[sheet->text_columns + i], mb_party_values[i].label);
        mb_sheet_put(sheet, &sheet->units[sheet->text_columns + i], mb_party_values[i].unit);
    }
}

// For each point all classes or clients, and of each all policies side by side. Counts the rows first, then
// fills them.
static size_t walk(const mb_results *results, mb_sheet *fill) {
    size_t rows = 0;
    for (size_t point = 0; point < mb_results_section(results)->point_count; point++) {
        const size_t policies = experiment_at(results, point)->policy_count;
        const names first = names_of(results, point, 0);
        for (size_t i = 0; i < first.count; i++)
            for (size_t policy = 0; policy < policies; policy++, rows++) {
                if (!fill) continue;
                fill_row(results, fill, rows, point, policy, first.list[i]);
                fill->group[rows] = policy == 0;
            }
    }
    return rows;
}

void mb_party_sheet(const mb_results *results, mb_sheet *sheet) {
    *sheet = (mb_sheet){0};
    const size_t points = mb_results_section(results)->point_count;
    if (!points || !experiment_at(results, 0)->by) return;
    sheet->rows = walk(results, NULL);
    if (!sheet->rows) return;
    sheet->text_columns = points > 1 ? 3 : 2;
    sheet->columns = sheet->text_columns + MB_PARTY_VALUES;
    if (!mb_sheet_allocate(sheet)) return;
    fill_heads(results, sheet);
    walk(results, sheet);
}

void mb_party_explain(const mb_results *results, mb_strbuf *text) {
    const mb_by by = experiment_at(results, 0)->by;
    mb_strbuf_printf(text,
                     "Requests that arrived after the warm-up, by %s; times of those that were served, "
                     "levels over the seeds as above.",
                     mb_by_name(by));
    for (size_t i = 0; i < results->count; i++)
        if (mb_party_row_find(&results->outcomes[i], "others")) {
            mb_strbuf_printf(text, " \"others\" are all after the first %d.", MB_PARTIES_MOST - 1);
            return;
        }
}
