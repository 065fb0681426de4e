// SPDX-License-Identifier: MIT
#include "report/time_table.h"

#include "report/format.h"
#include "report/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Plain means over the seeds, which add up; NAN: none.
typedef struct spent {
    double parts[MB_PARTS], e2e;
} spent;

static spent spent_by(const mb_results *results, size_t point, size_t policy) {
    const int first = mb_measure_index("why_waiting_s");
    const uint32_t seeds = mb_results_section(results)->points[point].experiment.seeds;
    spent sum = {0};
    uint32_t count = 0;
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
        if (!outcome->finished || isnan(outcome->values[first])) continue;
        count++;
        for (int i = 0; i < MB_PARTS; i++)
            sum.parts[i] += outcome->values[first + i];
    }
    for (int i = 0; i < MB_PARTS; i++) {
        sum.parts[i] = count ? sum.parts[i] / count : (double)NAN;
        sum.e2e += sum.parts[i];
    }
    return sum;
}

static const mb_experiment *experiment_at(const mb_results *results, size_t point) {
    return &mb_results_section(results)->points[point].experiment;
}

// --- the table

typedef struct layout {
    const mb_results *results;
    mb_sheet *sheet;
    bool shown[MB_PARTS];
    bool several; // points
    double factor;
} layout;

// Which parts anybody spent time on; false: nobody asked.
static bool choose(layout *l) {
    double largest = NAN;
    for (size_t point = 0; point < mb_results_section(l->results)->point_count; point++)
        for (size_t p = 0; p < experiment_at(l->results, point)->policy_count; p++) {
            const spent s = spent_by(l->results, point, p);
            largest = fmax(largest, s.e2e);
            for (int i = 0; i < MB_PARTS; i++)
                l->shown[i] = l->shown[i] || s.parts[i] > 0;
        }
    l->factor = largest < 0.1 ? 1000 : 1;
    return !isnan(largest);
}

static void put_number(layout *l, char **cell, double value, int decimals) {
    char text[MB_TEXT_SIZE];
    mb_format_value(text, value * l->factor, decimals);
    mb_sheet_put(l->sheet, cell, text);
}

static void fill_row(layout *l, size_t row, size_t point, size_t policy) {
    mb_sheet *sheet = l->sheet;
    char **cells = sheet->cells + row * sheet->columns;
    const char *label = mb_results_section(l->results)->points[point].label;
    if (l->several) mb_sheet_put(sheet, cells++, label ? label : "");
    mb_sheet_put(sheet, cells++, experiment_at(l->results, point)->policies[policy].label);
    const spent s = spent_by(l->results, point, policy);
    const int decimals = mb_decimals(s.e2e * l->factor, NAN);
    put_number(l, cells++, s.e2e, decimals);
    for (int i = 0; i < MB_PARTS; i++)
        if (l->shown[i]) put_number(l, cells++, s.parts[i], decimals);
    sheet->group[row] = policy == 0;
}

static void fill_heads(layout *l) {
    mb_sheet *sheet = l->sheet;
    size_t column = 0;
    for (; column < sheet->text_columns; column++) {
        mb_sheet_put(sheet, &sheet->heads[column],
                     column + 1 < sheet->text_columns ? "point" : "where the time went");
        mb_sheet_put(sheet, &sheet->units[column], "");
    }
    for (int i = -1; i < MB_PARTS; i++) {
        if (i >= 0 && !l->shown[i]) continue;
        mb_sheet_put(sheet, &sheet->heads[column], i < 0 ? "E2E mean" : mb_time_part_name((mb_time_part)i));
        mb_sheet_put(sheet, &sheet->units[column++], l->factor > 1 ? "ms" : "s");
    }
}

void mb_time_sheet(const mb_results *results, mb_sheet *sheet) {
    *sheet = (mb_sheet){0};
    layout l = {.results = results, .sheet = sheet};
    const size_t points = mb_results_section(results)->point_count;
    if (!choose(&l)) return;
    l.several = points > 1;
    sheet->text_columns = l.several ? 2 : 1;
    sheet->columns = sheet->text_columns + 1;
    for (int i = 0; i < MB_PARTS; i++)
        sheet->columns += l.shown[i];
    for (size_t point = 0; point < points; point++)
        sheet->rows += experiment_at(results, point)->policy_count;
    if (!mb_sheet_allocate(sheet)) return;
    fill_heads(&l);
    size_t row = 0;
    for (size_t point = 0; point < points; point++)
        for (size_t p = 0; p < experiment_at(results, point)->policy_count; p++)
            fill_row(&l, row++, point, p);
}

// --- sentences

// "0.42 s", "42 ms": about two digits.
static void add_seconds(mb_strbuf *text, double seconds) {
    const bool small = seconds < 0.0995;
    const double value = small ? seconds * 1000 : seconds;
    mb_strbuf_printf(text, "%.*f %s", value < 0.995 ? 2 : value < 9.95 ? 1 : 0, value, small ? "ms" : "s");
}

// Parts on which `a` spent less (or more) than `b`, largest first, but for what hardly matters.
static void add_parts(mb_strbuf *text, const spent *a, const spent *b, bool less, const char *joint) {
    double most = INFINITY;
    const double least = fmax(0.02 * fabs(b->e2e - a->e2e), 1e-3 * fmin(a->e2e, b->e2e));
    for (int largest = 0; largest >= 0; joint = ", ") {
        double next = least;
        largest = -1;
        for (int i = 0; i < MB_PARTS; i++) {
            const double gain = less ? b->parts[i] - a->parts[i] : a->parts[i] - b->parts[i];
            if (gain >= most || gain <= next) continue;
            largest = i;
            next = gain;
        }
        if (largest < 0) return;
        most = next;
        mb_strbuf_add(text, joint);
        add_seconds(text, most);
        mb_strbuf_printf(text, " %s %s", less ? "less" : "more", mb_time_part_name((mb_time_part)largest));
    }
}

static void compare(const mb_results *results, size_t a, size_t b, mb_strbuf *text) {
    const spent of_a = spent_by(results, 0, a), of_b = spent_by(results, 0, b);
    const int e2e = mb_measure_index("e2e_mean_s");
    if (isnan(of_a.e2e) || isnan(of_b.e2e)) return;
    const mb_difference gap = mb_compare(results, 0, a, b, e2e);
    const double ratio = of_a.e2e / of_b.e2e;
    const bool alike = mb_shares_alike(results, 0, a, b, e2e), faster = ratio < 1;
    const bool chance = gap.pairs >= 2 ? !(gap.p < 1 - MB_CONFIDENCE) : !gap.worth;
    char percent[MB_TEXT_SIZE];
    if (text->length) mb_strbuf_add(text, "\n");
    mb_add_printable(text, experiment_at(results, 0)->policies[a].label);
    mb_format_percent(percent, 100 * fabs(1 - ratio));
    if (!alike || chance)
        mb_strbuf_add(text, " against ");
    else if (ratio < 0.5 || ratio > 2)
        mb_strbuf_printf(text, faster ? " is %.*f times as fast as " : " takes %.*f times as long as ",
                         ratio > 0.1 && ratio < 10, faster ? 1 / ratio : ratio);
    else
        mb_strbuf_printf(text, " is %s %% %s than ", percent + 1, faster ? "faster" : "slower");
    mb_add_printable(text, experiment_at(results, 0)->policies[b].label);
    if (alike && chance) mb_strbuf_add(text, ", no real difference");
    if (alike) {
        add_parts(text, &of_a, &of_b, faster, ": ");
        add_parts(text, &of_a, &of_b, !faster, "; but ");
    } else
        mb_strbuf_add(text, ": no verdict, they served different shares of the requests");
    mb_strbuf_add(text, ".");
}

void mb_time_compare(const mb_results *results, mb_strbuf *text) {
    if (mb_results_section(results)->point_count != 1) return;
    const size_t baseline = mb_baseline_at(results, 0);
    const size_t best = mb_best(results, 0, mb_measure_index("e2e_mean_s"), SIZE_MAX);
    for (size_t p = 0; p < experiment_at(results, 0)->policy_count; p++) {
        if (baseline != SIZE_MAX && p != baseline) compare(results, p, baseline, text);
        if (baseline == SIZE_MAX && best != SIZE_MAX && p != best) compare(results, best, p, text);
    }
}

void mb_time_explain(const mb_results *results, mb_strbuf *text) {
    mb_time_compare(results, text);
    if (text->length) mb_strbuf_add(text, "\n");
    mb_strbuf_add(
        text,
        "Plain means over the requests that were served, and over the seeds; the parts add up to the E2E. "
        "waiting: for the first start; prefill: steps with its prompt; decode: its answer, at the pace of "
        "decodes alone; stalled: what others' prompts add; again: computed again after a preemption; "
        "moved: memory on the host or on its way; aside: interrupted, or left out of steps; padding: a batch "
        "went on for longer members.");
}
