// SPDX-License-Identifier: MIT
#include "report/regret.h"

#include "report/columns.h"
#include "report/format.h"
#include "report/standing.h"
#include "run/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// What the table shows; CSV and JSON have all of mb_bound_measures.
static const char *const shown[] = {"throughput_rps", "goodput_rps", "duration_s", "ttft_mean_s",
                                    "ttft_p99_s",     "e2e_mean_s",  "e2e_p99_s",  "slo_attainment"};
enum { MOST = sizeof shown / sizeof *shown };

typedef struct layout {
    const mb_results *results;
    const mb_section *section;
    mb_sheet *sheet;
    size_t count;
    mb_column columns[MOST];
} layout;

static bool bounded(const mb_results *results, size_t point) {
    return mb_level(&results->reference->bound, point, 0, mb_measure_index("finished")).count > 0;
}

static double clairvoyant_level(const mb_results *results, size_t point, int measure) {
    const size_t best = mb_clairvoyant(results, point, measure);
    return best == SIZE_MAX ? (double)NAN
                            : mb_level(&results->reference->clairvoyant, point, best, measure).value;
}

static void choose(layout *l) {
    const mb_slo *slo = &l->section->points[0].experiment.slo;
    const bool promised = isfinite(slo->ttft_s) || isfinite(slo->tbt_s) || isfinite(slo->e2e_s) ||
                          (slo->gap_s > 0 && isfinite(slo->gap_s)) ||
                          l->section->points[0].experiment.workload.class_count;
    for (size_t i = 0; i < MOST; i++) {
        const int measure = mb_measure_index(shown[i]);
        const bool of_slo = strcmp(shown[i], "goodput_rps") == 0 || strcmp(shown[i], "slo_attainment") == 0;
        double largest = NAN;
        for (size_t point = 0; point < l->section->point_count; point++)
            largest = fmax(largest, fmax(mb_level(&l->results->reference->bound, point, 0, measure).value,
                                         clairvoyant_level(l->results, point, measure)));
        if (!isnan(largest) && (promised || !of_slo)) l->columns[l->count++] = mb_column_of(measure, largest);
    }
}

// The names of a row; returns its cells of numbers.
static char **begin_row(layout *l, size_t *row, size_t point, const char *name, bool first) {
    mb_sheet *sheet = l->sheet;
    char **cells = sheet->cells + *row * sheet->columns;
    sheet->group[(*row)++] = first;
    const char *label = l->section->points[point].label;
    if (sheet->text_columns > 1) mb_sheet_put(sheet, &cells[0], label ? label : "");
    mb_sheet_put(sheet, &cells[sheet->text_columns - 1], name);
    return cells + sheet->text_columns;
}

static void put_level(layout *l, char **cell, const mb_column *column, mb_estimate level) {
    char text[MB_TEXT_SIZE];
    mb_format_interval(text, level.value * column->factor, level.low * column->factor,
                       level.high * column->factor);
    mb_sheet_put(l->sheet, cell, text);
}

static void put_regret(layout *l, char **cell, mb_estimate regret) {
    char text[MB_TEXT_SIZE + 3];
    mb_format_interval(text, 100 * regret.value, 100 * regret.low, 100 * regret.high);
    if (!isnan(regret.value)) memcpy(text + strlen(text), " %", 3);
    mb_sheet_put(l->sheet, cell, text);
}

static void fill_point(layout *l, size_t *row, size_t point) {
    const mb_results *results = l->results;
    const mb_reference *reference = results->reference;
    const mb_experiment *experiment = &l->section->points[point].experiment;
    const bool any = bounded(results, point);
    char **cells = any ? begin_row(l, row, point, "bound", true) : NULL;
    for (size_t i = 0; any && i < l->count; i++)
        put_level(l, &cells[i], &l->columns[i], mb_level(&reference->bound, point, 0, l->columns[i].measure));
    cells = begin_row(l, row, point, "clairvoyant", !any);
    for (size_t i = 0; i < l->count; i++) {
        const size_t best = mb_clairvoyant(results, point, l->columns[i].measure);
        mb_estimate level = {.value = NAN, .low = NAN, .high = NAN};
        if (best != SIZE_MAX) level = mb_level(&reference->clairvoyant, point, best, l->columns[i].measure);
        put_level(l, &cells[i], &l->columns[i], level);
    }
    for (size_t p = 0; any && p < experiment->policy_count; p++) {
        mb_strbuf name = {0};
        mb_strbuf_printf(&name, "regret of %s", experiment->policies[p].label);
        cells = begin_row(l, row, point, name.text ? name.text : "", false);
        mb_strbuf_deinit(&name);
        for (size_t i = 0; i < l->count; i++)
            put_regret(l, &cells[i], mb_regret_level(results, point, p, l->columns[i].measure));
    }
}

void mb_regret_sheet(const mb_results *results, mb_sheet *sheet) {
    *sheet = (mb_sheet){0};
    if (!results->reference || !mb_results_section(results)->point_count) return;
    layout l = {.results = results, .section = mb_results_section(results), .sheet = sheet};
    choose(&l);
    if (!l.count) return;
    sheet->text_columns = l.section->point_count > 1 ? 2 : 1;
    sheet->columns = sheet->text_columns + l.count;
    for (size_t i = 0; i < l.section->point_count; i++)
        sheet->rows += bounded(results, i) ? 2 + l.section->points[i].experiment.policy_count : 1;
    if (!mb_sheet_allocate(sheet)) return;
    for (size_t i = 0; i < sheet->text_columns; i++) {
        const bool last = i + 1 == sheet->text_columns;
        mb_sheet_put(sheet, &sheet->heads[i], last ? "best possible" : "point");
        mb_sheet_put(sheet, &sheet->units[i], "");
    }
    for (size_t i = 0; i < l.count; i++) {
        mb_sheet_put(sheet, &sheet->heads[sheet->text_columns + i], l.columns[i].label);
        mb_sheet_put(sheet, &sheet->units[sheet->text_columns + i], l.columns[i].unit);
    }
    size_t row = 0;
    for (size_t point = 0; point < l.section->point_count; point++)
        fill_point(&l, &row, point);
}

// "srpt in E2E mean and E2E p99, sjf in ...": at a single point.
static void name_clairvoyants(const mb_results *results, mb_strbuf *text) {
    const mb_experiment *experiment =
        &mb_results_section(&results->reference->clairvoyant)->points[0].experiment;
    const char *joint = "; here ";
    for (size_t p = 0; p < experiment->policy_count; p++) {
        bool any = false;
        for (size_t i = 0; i < MOST; i++) {
            const int measure = mb_measure_index(shown[i]);
            if (mb_clairvoyant(results, 0, measure) != p) continue;
            if (!any) mb_strbuf_add(text, joint);
            if (!any) mb_add_printable(text, experiment->policies[p].label);
            mb_strbuf_add(text, any ? ", " : " (");
            mb_add_measure(text, measure);
            any = true;
            joint = ", ";
        }
        if (any) mb_strbuf_add(text, ")");
    }
}

void mb_regret_explain(const mb_results *results, mb_strbuf *text) {
    bool any = false, left_out = false;
    if (!results->reference) return;
    const mb_section *section = mb_results_section(results);
    const int measure = mb_measure_index("e2e_mean_s");
    for (size_t point = 0; point < section->point_count; point++) {
        const bool here = bounded(results, point);
        any = any || here;
        for (size_t p = 0; here && p < section->points[point].experiment.policy_count; p++)
            left_out = left_out || !mb_regret_level(results, point, p, measure).count;
    }
    if (any)
        mb_strbuf_add(text,
                      "bound: no policy does better on these requests. Regret: of a time, the share that "
                      "a better policy could save at most; of a rate, the share of the bound that is "
                      "missing. ");
    if (left_out)
        mb_strbuf_add(text, "None where a policy did not serve every request: its values are of others. ");
    mb_strbuf_add(text, "clairvoyant, no bound but a reference: the best of the policies here, and of ");
    const mb_reference *reference = results->reference;
    mb_strbuf_printf(text, "%s and %s, on exact predictions and with leave to see every length",
                     reference->oracles[0].label, reference->oracles[1].label);
    if (section->point_count == 1) name_clairvoyants(results, text);
    mb_strbuf_add(text, ".");
}

void mb_regret_refusals(const mb_results *results, mb_strbuf *text) {
    if (!results->reference) return;
    const mb_results *bound = &results->reference->bound;
    size_t refused = 0;
    const char *reason = NULL;
    for (size_t i = 0; i < bound->count; i++) {
        const mb_outcome *outcome = &bound->outcomes[i];
        if (outcome->seed_index > 0 || !outcome->error) continue;
        reason = reason ? reason : outcome->error->message;
        refused++;
    }
    if (!refused) return;
    if (refused == mb_results_section(results)->point_count)
        mb_strbuf_printf(text, "no bound, and no regret: %s", reason);
    else
        mb_strbuf_printf(text, "no bound, and no regret, at %zu points: %s", refused, reason);
}
