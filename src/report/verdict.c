// SPDX-License-Identifier: MIT
#include "report/verdict.h"

#include "report/columns.h"
#include "report/format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Percentiles come from a sketch that may be off by this much; a smaller difference is not worth a word.
#define WORTH_MENTIONING 1e-3
#define ONE_SEED "With one seed there is no interval: the differences may be chance; try `--seeds=5`."
// From here on a factor reads better than a percentage.
#define MANY_PERCENT 200

static const mb_experiment *experiment_at(const mb_results *results, size_t point) {
    return &mb_results_section(results)->points[point].experiment;
}

static const char *label_of(const mb_results *results, size_t point, size_t policy) {
    return experiment_at(results, point)->policies[policy].label;
}

// The mean of `policy` over the seeds that `other` finished too.
static double paired_mean(const mb_results *results, size_t point, size_t policy, size_t other, int measure) {
    const uint32_t seeds = experiment_at(results, point)->seeds;
    const mb_outcome *a = mb_results_at(results, point, policy, 0),
                     *b = mb_results_at(results, point, other, 0);
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t s = 0; s < seeds; s++) {
        if (!a[s].finished || !b[s].finished || isnan(a[s].values[measure]) || isnan(b[s].values[measure]))
            continue;
        sum += a[s].values[measure];
        count++;
    }
    return count ? sum / count : NAN;
}

bool mb_really_different(const mb_results *results, size_t point, size_t a, size_t b, int measure) {
    const mb_difference difference = mb_compare(results, point, a, b, measure);
    const double reference = paired_mean(results, point, b, a, measure);
    return difference.real && fabs(difference.mean) > WORTH_MENTIONING * fabs(reference);
}

// The best of the others by mean over the seeds shared with the best.
static size_t find_runner_up(const mb_results *results, size_t point, size_t best, int measure) {
    const double sign = mb_measures[measure].better == MB_BETTER_HIGHER ? 1 : -1;
    size_t runner_up = SIZE_MAX;
    double smallest_lead = INFINITY;
    for (size_t p = 0; p < experiment_at(results, point)->policy_count; p++) {
        const double lead = p == best ? NAN : sign * mb_compare(results, point, best, p, measure).mean;
        if (isnan(lead) || lead >= smallest_lead) continue;
        smallest_lead = lead;
        runner_up = p;
    }
    return runner_up;
}

mb_standing mb_standing_of(const mb_results *results, size_t point, int measure) {
    mb_standing standing = {.best = mb_best(results, point, measure), .runner_up = SIZE_MAX};
    if (standing.best == SIZE_MAX) return standing;
    standing.runner_up = find_runner_up(results, point, standing.best, measure);
    if (standing.runner_up == SIZE_MAX) return standing;
    standing.gap = mb_compare(results, point, standing.best, standing.runner_up, measure);
    standing.reference = paired_mean(results, point, standing.runner_up, standing.best, measure);
    standing.real = true;
    for (size_t p = 0; p < experiment_at(results, point)->policy_count && standing.real; p++) {
        if (p == standing.best || mb_compare(results, point, standing.best, p, measure).pairs == 0) continue;
        standing.real = mb_really_different(results, point, standing.best, p, measure);
    }
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
    const bool has_slo = isfinite(slo->ttft_s) || isfinite(slo->tbt_s) || isfinite(slo->e2e_s);
    measures[count++] = mb_measure_index(has_slo ? "goodput_rps" : "throughput_rps");
    measures[count++] = mb_measure_index("e2e_p99_s");
    measures[count++] = mb_measure_index("e2e_mean_s");
    return count;
}

static void name_measure(int measure, char text[MB_TEXT_SIZE]) {
    const char *name = mb_measures[measure].name;
    if (strcmp(name, "e2e_p99_s") == 0)
        snprintf(text, MB_TEXT_SIZE, "p99 latency");
    else if (strcmp(name, "e2e_mean_s") == 0)
        snprintf(text, MB_TEXT_SIZE, "mean latency");
    else
        snprintf(text, MB_TEXT_SIZE, "%s", mb_column_of(measure, INFINITY).label);
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

static gap_words describe_gap(const mb_standing *standing, int measure) {
    const mb_difference *gap = &standing->gap;
    const bool higher = mb_measures[measure].better == MB_BETTER_HIGHER;
    const double low = gap->mean - gap->half_width, high = gap->mean + gap->half_width;
    const mb_column column = mb_column_of(measure, INFINITY);
    gap_words words = {.unit = " %", .joint = higher ? "over" : "against"};
    const double percent = 100 / fabs(standing->reference);
    if (strcmp(column.unit, "%") == 0) { // percent of a percentage would mislead
        words.unit = " points";
        mb_format_percent(words.size, 100 * gap->mean);
        mb_format_percent(words.low, 100 * low);
        mb_format_percent(words.high, 100 * high);
    } else if (!isfinite(percent)) {
        words.unit = "";
        snprintf(words.size, MB_TEXT_SIZE, "%+.3g", gap->mean);
        snprintf(words.low, MB_TEXT_SIZE, "%.3g", low);
        snprintf(words.high, MB_TEXT_SIZE, "%.3g", high);
    } else if (percent * gap->mean > MANY_PERCENT) {
        words.unit = " times";
        words.joint = "that of";
        snprintf(words.size, MB_TEXT_SIZE, "%.2g", 1 + gap->mean * percent / 100);
        snprintf(words.low, MB_TEXT_SIZE, "%.2g", 1 + low * percent / 100);
        snprintf(words.high, MB_TEXT_SIZE, "%.2g", 1 + high * percent / 100);
    } else {
        mb_format_percent(words.size, percent * gap->mean);
        mb_format_percent(words.low, percent * low);
        mb_format_percent(words.high, percent * high);
    }
    without_plus(words.low);
    if (words.low[0] != '-') without_plus(words.high);
    return words;
}

static void add_gap(mb_strbuf *text, const mb_results *results, size_t point, const mb_standing *standing,
                    int measure) {
    const gap_words words = describe_gap(standing, measure);
    mb_strbuf_printf(text, " (%s%s %s ", words.size, words.unit, words.joint);
    mb_add_printable(text, label_of(results, point, standing->runner_up));
    if (standing->gap.half_width > 0)
        mb_strbuf_printf(text, ", 95 %% CI %s to %s%s", words.low, words.high, words.unit);
    mb_strbuf_add(text, ")");
}

// Policy p cannot be told from the best: no real difference, or with a single seed none at all.
static bool tied_with_best(const mb_results *results, size_t point, size_t best, size_t p, int measure) {
    const mb_difference difference = mb_compare(results, point, best, p, measure);
    if (p == best || difference.pairs == 0) return false;
    if (difference.pairs == 1) return difference.mean == 0;
    return !mb_really_different(results, point, best, p, measure);
}

// "A, B and C": the best and all that cannot be told from it.
static void add_tied(mb_strbuf *text, const mb_results *results, size_t point, size_t best, int measure) {
    const size_t count = experiment_at(results, point)->policy_count;
    size_t last = best, tied = 0;
    for (size_t p = 0; p < count; p++) {
        if (!tied_with_best(results, point, best, p, measure)) continue;
        last = p;
        tied++;
    }
    if (tied > 2 && tied + 1 == count) {
        mb_strbuf_printf(text, "the %zu policies", count);
        return;
    }
    mb_add_printable(text, label_of(results, point, best));
    for (size_t p = 0; p < last; p++) {
        if (!tied_with_best(results, point, best, p, measure)) continue;
        mb_strbuf_add(text, ", ");
        mb_add_printable(text, label_of(results, point, p));
    }
    mb_strbuf_add(text, " and ");
    mb_add_printable(text, label_of(results, point, last));
}

typedef enum finding { NOTHING, AHEAD, BEST, TIED } finding;

// One headline measure's part of the sentence; parts of the same kind about the same policies are joined.
typedef struct clause {
    finding finding;
    mb_strbuf who, what;
} clause;

static void judge(const mb_results *results, size_t point, int measure, clause *part) {
    const mb_standing standing = mb_standing_of(results, point, measure);
    if (standing.runner_up == SIZE_MAX) return;
    char name[MB_TEXT_SIZE];
    name_measure(measure, name);
    mb_strbuf_add(&part->what, name);
    const bool equal = standing.gap.mean == 0;
    if (standing.gap.pairs >= 2 ? !standing.real : equal) {
        part->finding = TIED;
        add_tied(&part->who, results, point, standing.best, measure);
        return;
    }
    part->finding = standing.gap.pairs >= 2 ? BEST : AHEAD;
    mb_add_printable(&part->who, label_of(results, point, standing.best));
    add_gap(&part->what, results, point, &standing, measure);
}

// Add part `first` and the later ones that say the same of the same policies.
static void add_group(clause *parts, size_t count, size_t first, mb_strbuf *sentence) {
    const finding kind = parts[first].finding;
    const char *who = parts[first].who.text ? parts[first].who.text : "";
    if (sentence->length) mb_strbuf_add(sentence, "; ");
    if (kind == TIED)
        mb_strbuf_printf(sentence, "no real difference between %s in ", who);
    else
        mb_strbuf_printf(sentence, "%s is %s in ", who, kind == BEST ? "best" : "ahead");
    size_t members[MB_MAX_HEADLINES], same = 0;
    for (size_t i = first; i < count; i++)
        if (parts[i].finding == kind && parts[i].who.text && strcmp(parts[i].who.text, who) == 0)
            members[same++] = i;
    const char *comma = kind == TIED ? ", " : ", in ", *last = kind == TIED ? " or " : " and in ";
    for (size_t i = 0; i < same; i++) {
        if (i) mb_strbuf_add(sentence, i + 1 < same ? comma : last);
        mb_strbuf_add(sentence, parts[members[i]].what.text ? parts[members[i]].what.text : "");
        parts[members[i]].finding = NOTHING;
    }
}

static void judge_point(const mb_results *results, size_t point, mb_strbuf *sentence) {
    int measures[MB_MAX_HEADLINES];
    clause parts[MB_MAX_HEADLINES] = {{0}};
    const size_t count = mb_headlines(mb_results_section(results), measures);
    bool alone = false;
    for (size_t i = 0; i < count; i++) {
        judge(results, point, measures[i], &parts[i]);
        alone = alone || parts[i].finding == AHEAD;
    }
    for (size_t i = 0; i < count; i++)
        if (parts[i].finding != NOTHING) add_group(parts, count, i, sentence);
    if (sentence->length) mb_strbuf_add(sentence, ".");
    if (alone)
        mb_strbuf_add(sentence,
                      " With one seed there is no interval: the differences may be chance; try `--seeds=5`.");
    for (size_t i = 0; i < count; i++) {
        mb_strbuf_deinit(&parts[i].who);
        mb_strbuf_deinit(&parts[i].what);
    }
}

// What one measure says at a point of a sweep.
typedef struct win {
    const char *label; // the winner's; NULL: no real difference
    bool compared, alone;
} win;

static win win_at(const mb_results *results, size_t point, int measure) {
    const mb_standing standing = mb_standing_of(results, point, measure);
    if (standing.runner_up == SIZE_MAX) return (win){0};
    win result = {.compared = true, .alone = standing.gap.pairs < 2};
    if (result.alone ? standing.gap.mean != 0 : standing.real)
        result.label = label_of(results, point, standing.best);
    return result;
}

// "A is best at 5 of 8 points, B at 1": policies by label, since points may differ in theirs.
static void add_wins(const win *wins, size_t count, size_t compared, mb_strbuf *sentence) {
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        size_t points = 0;
        bool counted = false;
        for (size_t j = 0; j < count && wins[i].label && !counted; j++) {
            const bool same = wins[j].label && strcmp(wins[i].label, wins[j].label) == 0;
            counted = same && j < i;
            points += same;
        }
        if (!wins[i].label || counted) continue;
        mb_strbuf_add(sentence, first ? "" : ", ");
        mb_add_printable(sentence, wins[i].label);
        if (first)
            mb_strbuf_printf(sentence, " is best at %zu of %zu points", points, compared);
        else
            mb_strbuf_printf(sentence, " at %zu", points);
        first = false;
    }
    if (first) mb_strbuf_add(sentence, "no real difference at any point");
}

// Returns whether a single seed had to do.
static bool judge_sweep(const mb_results *results, int measure, win *wins, mb_strbuf *sentence) {
    const size_t count = mb_results_section(results)->point_count;
    size_t compared = 0, open = 0;
    bool alone = false;
    for (size_t i = 0; i < count; i++) {
        wins[i] = win_at(results, i, measure);
        compared += wins[i].compared;
        open += wins[i].compared && !wins[i].label;
        alone = alone || wins[i].alone;
    }
    if (!compared) return false;
    char name[MB_TEXT_SIZE];
    name_measure(measure, name);
    mb_strbuf_printf(sentence, "%s%s: ", sentence->length ? "\n" : "", name);
    add_wins(wins, count, compared, sentence);
    if (open && open < compared) mb_strbuf_printf(sentence, "; no real difference at %zu", open);
    mb_strbuf_add(sentence, ".");
    return alone;
}

void mb_verdict(const mb_results *results, mb_strbuf *sentence) {
    const mb_section *section = mb_results_section(results);
    if (!section->point_count) return;
    if (section->point_count == 1) {
        judge_point(results, 0, sentence);
        return;
    }
    int measures[MB_MAX_HEADLINES];
    const size_t count = mb_headlines(section, measures);
    win *wins = malloc(section->point_count * sizeof *wins);
    bool alone = false;
    for (size_t i = 0; wins && i < count; i++)
        alone |= judge_sweep(results, measures[i], wins, sentence);
    if (alone) mb_strbuf_printf(sentence, "\n%s", ONE_SEED);
    sentence->failed = sentence->failed || !wins;
    free(wins);
}
