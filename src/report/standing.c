// SPDX-License-Identifier: MIT
#include "report/standing.h"

#include "report/columns.h"
#include "report/format.h"

#include <math.h>
#include <string.h>

// From here on a factor reads better than a percentage.
#define MANY_PERCENT 200

static const mb_experiment *experiment_at(const mb_results *results, size_t point) {
    return &mb_results_section(results)->points[point].experiment;
}

double mb_served_share(const mb_results *results, size_t point, size_t policy) {
    return mb_level(results, point, policy, mb_measure_index("served_share")).value;
}

// How far the shares may lie apart: a tenth of the requests beyond the percentile, lest those that one policy
// did not serve are the very ones that it is about.
static double share_tolerance(int measure) {
    const char *name = mb_measures[measure].name;
    return strstr(name, "_max_") ? 0 : strstr(name, "_p99_") ? 0.001 : strstr(name, "_p95_") ? 0.005 : 0.01;
}

static bool too_far_apart(int measure, double least, double most) {
    return mb_measure_is_latency(measure) && most - least > share_tolerance(measure) + 1e-12;
}

bool mb_shares_alike(const mb_results *results, size_t point, size_t a, size_t b, int measure) {
    const double first = mb_served_share(results, point, a), second = mb_served_share(results, point, b);
    return !too_far_apart(measure, fmin(first, second), fmax(first, second));
}

static void compare_shares(const mb_results *results, size_t point, int measure, mb_standing *standing) {
    double least = INFINITY, most = -INFINITY;
    for (size_t p = 0; p < experiment_at(results, point)->policy_count; p++) {
        const double share = mb_served_share(results, point, p);
        if (share < least) {
            least = share;
            standing->least = p;
        }
        if (share > most) {
            most = share;
            standing->most = p;
        }
    }
    standing->refused = too_far_apart(measure, least, most);
}

mb_standing mb_standing_of(const mb_results *results, size_t point, int measure) {
    mb_standing standing = {.best = mb_best(results, point, measure, SIZE_MAX), .runner_up = SIZE_MAX};
    if (standing.best == SIZE_MAX) return standing;
    standing.runner_up = mb_best(results, point, measure, standing.best);
    if (standing.runner_up == SIZE_MAX) return standing;
    compare_shares(results, point, measure, &standing);
    standing.against = mb_compare_all(results, point, standing.best, measure, MB_FAMILY_WITH_REFERENCE);
    standing.failed = !standing.against;
    standing.real = !standing.refused && !standing.failed;
    const bool higher = mb_measures[measure].better == MB_BETTER_HIGHER;
    for (size_t p = 0; p < experiment_at(results, point)->policy_count && standing.real; p++) {
        const mb_difference *difference = &standing.against[p];
        if (difference->pairs) // else the best itself, or nothing to compare with
            standing.real = mb_difference_real(difference) && difference->a_larger == higher;
    }
    standing.real = standing.real && standing.against[standing.runner_up].pairs;
    return standing;
}

size_t mb_headlines(const mb_section *section, int measures[MB_MAX_HEADLINES]) {
    size_t count = 0;
    for (size_t i = 0; section->columns && section->columns[i] && count < MB_MAX_HEADLINES; i++) {
        const int measure = mb_measure_index(section->columns[i]);
        if (measure >= 0 && mb_measures[measure].better != MB_BETTER_NEITHER) measures[count++] = measure;
    }
    if (section->columns) return count;
    const mb_slo *slo = &section->points[0].experiment.slo;
    const bool has_slo = isfinite(slo->ttft_s) || isfinite(slo->tbt_s) || isfinite(slo->e2e_s) ||
                         (slo->gap_s > 0 && isfinite(slo->gap_s));
    measures[count++] = mb_measure_index(has_slo ? "goodput_rps" : "throughput_rps");
    measures[count++] = mb_measure_index("e2e_p99_s");
    measures[count++] = mb_measure_index("e2e_mean_s");
    return count;
}

void mb_add_measure(mb_strbuf *text, int measure) {
    const char *name = mb_measures[measure].name;
    if (strcmp(name, "e2e_p99_s") == 0)
        mb_strbuf_add(text, "p99 latency");
    else if (strcmp(name, "e2e_mean_s") == 0)
        mb_strbuf_add(text, "mean latency");
    else
        mb_strbuf_add(text, mb_column_of(measure, INFINITY).label);
}

// "+12 % over B, 95 % CI 9 to 15 %"; the runner-up's name is added between.
typedef struct gap_words {
    char size[MB_TEXT_SIZE], low[MB_TEXT_SIZE], high[MB_TEXT_SIZE];
    const char *unit;  // after the last number
    const char *joint; // between size and name
} gap_words;

static void without_plus(char text[MB_TEXT_SIZE]) {
    if (*text == '+') memmove(text, text + 1, strlen(text));
}

static gap_words describe_gap(const mb_difference *gap, int measure) {
    const bool higher = mb_measures[measure].better == MB_BETTER_HIGHER;
    gap_words words = {.unit = " %", .joint = higher ? "over" : "against"};
    const double values[] = {gap->value, gap->low, gap->high};
    char *const texts[] = {words.size, words.low, words.high};
    const bool share = !gap->ratio && mb_measure_scale(measure) == MB_SCALE_SHARE;
    const bool times = gap->ratio && 100 * (gap->value - 1) > MANY_PERCENT;
    if (!gap->ratio) words.unit = share ? " points" : ""; // percent of a percentage would mislead
    if (times) {
        words.unit = " times";
        words.joint = "that of";
    }
    for (size_t i = 0; i < 3; i++) {
        if (times)
            mb_digits(texts[i], MB_TEXT_SIZE, values[i], 2);
        else if (gap->ratio && values[i] < 0.01)
            snprintf(texts[i], MB_TEXT_SIZE, "%+.4g", 100 * (values[i] - 1));
        else if (gap->ratio || share)
            mb_format_percent(texts[i], 100 * (gap->ratio ? values[i] - 1 : values[i]));
        else
            snprintf(texts[i], MB_TEXT_SIZE, "%+.3g", values[i]);
    }
    without_plus(words.low);
    if (words.low[0] != '-') without_plus(words.high);
    return words;
}

void mb_add_gap(mb_strbuf *text, const mb_difference *gap, int measure, const char *name) {
    const gap_words words = describe_gap(gap, measure);
    mb_strbuf_printf(text, " (%s%s", words.size, words.unit);
    if (name) {
        mb_strbuf_printf(text, " %s ", words.joint);
        mb_add_printable(text, name);
    }
    if (gap->high - gap->low > 1e-6 * fabs(gap->value))
        mb_strbuf_printf(text, ", 95 %% CI %s to %s%s", words.low, words.high, words.unit);
    mb_strbuf_add(text, ")");
}

// Policy p cannot be told from the best: no real difference, or with a single seed none at all.
