// SPDX-License-Identifier: MIT
#include "page/percentiles.h"

#include "report/format.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *prefix, *label;
} times[] = {{"ttft", "time to first token"},
             {"tpot", "time per output token"},
             {"itl", "gap between tokens"},
             {"e2e", "end to end"},
             {"queue", "wait before service"}};
static const char *const statistics[] = {"mean", "p50", "p90", "p95", "p99", "max"};
enum { TIMES = sizeof times / sizeof *times, STATISTICS = sizeof statistics / sizeof *statistics };

static int measure_of(size_t time, size_t statistic) {
    char name[32];
    snprintf(name, sizeof name, "%s_%s_s", times[time].prefix, statistics[statistic]);
    return mb_measure_index(name);
}

static void put_head(mb_sheet *sheet, size_t column, const char *head, const char *unit) {
    mb_sheet_put(sheet, &sheet->heads[column], head);
    mb_sheet_put(sheet, &sheet->units[column], unit);
}

static void fill_row(mb_sheet *sheet, size_t row, const char *point, const char *policy, size_t time,
                     const mb_summary *summary) {
    char **cells = sheet->cells + row * sheet->columns;
    size_t at = 0;
    if (sheet->text_columns == 3) mb_sheet_put(sheet, &cells[at++], point ? point : "");
    mb_sheet_put(sheet, &cells[at++], policy);
    mb_sheet_put(sheet, &cells[at++], times[time].label);
    for (size_t i = 0; i < STATISTICS; i++) {
        const int measure = measure_of(time, i);
        char text[MB_TEXT_SIZE];
        mb_format_interval(text, summary->level[measure], summary->low[measure], summary->high[measure]);
        mb_sheet_put(sheet, &cells[at++], text);
    }
    sheet->group[row] = time == 0;
}

void mb_percentile_sheet(const mb_results *results, mb_sheet *sheet) {
    const mb_section *section = mb_results_section(results);
    *sheet = (mb_sheet){.text_columns = section->point_count > 1 ? 3 : 2, .policy_column = true};
    sheet->columns = sheet->text_columns + STATISTICS;
    for (size_t point = 0; point < section->point_count; point++)
        sheet->rows += section->points[point].experiment.policy_count * TIMES;
    if (!mb_sheet_allocate(sheet)) return;
    size_t at = 0, row = 0;
    if (sheet->text_columns == 3) put_head(sheet, at++, "point", "");
    put_head(sheet, at++, "policy", "");
    put_head(sheet, at++, "time", "");
    for (size_t i = 0; i < STATISTICS; i++)
        put_head(sheet, at++, statistics[i], "s");
    for (size_t point = 0; point < section->point_count; point++)
        for (size_t p = 0; p < section->points[point].experiment.policy_count; p++) {
            const mb_summary summary = mb_summarise(results, point, p);
            for (size_t time = 0; time < TIMES; time++)
                fill_row(sheet, row++, section->points[point].label,
                         section->points[point].experiment.policies[p].label, time, &summary);
        }
}
