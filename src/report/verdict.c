// SPDX-License-Identifier: MIT
#include "report/verdict.h"

#include "report/columns.h"
#include "report/format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ONE_SEED "With one seed there is no interval: the differences may be chance; try `--seeds=5`."
// From here on a factor reads better than a percentage.
#define MANY_PERCENT 200

static const mb_experiment *experiment_at(const mb_results *results, size_t point) {
    return &mb_results_section(results)->points[point].experiment;
}

static const char *label_of(const mb_results *results, size_t point, size_t policy) {
    return experiment_at(results, point)->policies[policy].label;
}

// Share of the requests that a policy served, over the seeds; NAN: no run finished.
static double served_share(const mb_results *results, size_t point, size_t policy) {
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
    const double first = served_share(results, point, a), second = served_share(results, point, b);
    return !too_far_apart(measure, fmin(first, second), fmax(first, second));
}

static void compare_shares(const mb_results *results, size_t point, int measure, mb_standing *standing) {
    double least = INFINITY, most = -INFINITY;
    for (size_t p = 0; p < experiment_at(results, point)->policy_count; p++) {
        const double share = served_share(results, point, p);
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
    const bool has_slo = isfinite(slo->ttft_s) || isfinite(slo->tbt_s) || isfinite(slo->e2e_s);
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
static bool tied_with_best(const mb_standing *standing, size_t p) {
    const mb_difference *difference = &standing->against[p];
    if (difference->pairs < 2) return difference->pairs == 1 && !difference->worth;
    return !mb_difference_real(difference);
}

// "A, B and C": the best and all that cannot be told from it.
static void add_tied(mb_strbuf *text, const mb_results *results, size_t point, const mb_standing *standing) {
    const size_t count = experiment_at(results, point)->policy_count;
    size_t last = standing->best, tied = 0;
    for (size_t p = 0; p < count; p++) {
        if (!tied_with_best(standing, p)) continue;
        last = p;
        tied++;
    }
    if (tied > 2 && tied + 1 == count) {
        mb_strbuf_printf(text, "the %zu policies", count);
        return;
    }
    mb_add_printable(text, label_of(results, point, standing->best));
    for (size_t p = 0; p < last; p++) {
        if (!tied_with_best(standing, p)) continue;
        mb_strbuf_add(text, ", ");
        mb_add_printable(text, label_of(results, point, p));
    }
    mb_strbuf_add(text, " and ");
    mb_add_printable(text, label_of(results, point, last));
}

// "fifo 100 %, strict 1.0 %": the shares of the requests that two policies served.
static void add_shares(mb_strbuf *text, const mb_results *results, size_t point,
                       const mb_standing *standing) {
    const size_t policies[] = {standing->most, standing->least};
    for (size_t i = 0; i < 2; i++) {
        mb_strbuf_add(text, i ? ", " : "");
        mb_add_printable(text, label_of(results, point, policies[i]));
        mb_strbuf_printf(text, " %.3g %%", 100 * served_share(results, point, policies[i]));
    }
}

typedef enum finding { NOTHING, AHEAD, BEST, TIED, REFUSED } finding;

// One headline measure's part of the sentence; parts of the same kind about the same policies are joined.
typedef struct clause {
    finding finding;
    mb_strbuf who, what;
} clause;

static void word_clause(const mb_results *results, size_t point, int measure, const mb_standing *standing,
                        clause *part) {
    mb_add_measure(&part->what, measure);
    const mb_difference *gap = &standing->against[standing->runner_up];
    if (standing->refused) {
        part->finding = REFUSED;
        add_shares(&part->who, results, point, standing);
    } else if (gap->pairs >= 2 ? !standing->real : !gap->worth) {
        part->finding = TIED;
        add_tied(&part->who, results, point, standing);
    } else {
        part->finding = gap->pairs >= 2 ? BEST : AHEAD;
        mb_add_printable(&part->who, label_of(results, point, standing->best));
        mb_add_gap(&part->what, gap, measure, label_of(results, point, standing->runner_up));
    }
}

static void judge(const mb_results *results, size_t point, int measure, clause *part) {
    const mb_standing standing = mb_standing_of(results, point, measure);
    if (standing.against) word_clause(results, point, measure, &standing, part);
    part->what.failed = part->what.failed || standing.failed;
    free(standing.against);
}

// Add part `first` and the later ones that say the same of the same policies.
static void add_group(clause *parts, size_t count, size_t first, mb_strbuf *sentence) {
    const finding kind = parts[first].finding;
    const char *who = parts[first].who.text ? parts[first].who.text : "";
    if (sentence->length) mb_strbuf_add(sentence, "; ");
    if (kind == TIED)
        mb_strbuf_printf(sentence, "no real difference between %s in ", who);
    else if (kind == REFUSED)
        mb_strbuf_printf(
            sentence, "no verdict, for the policies served different shares of the requests (%s), on ", who);
    else
        mb_strbuf_printf(sentence, "%s is %s in ", who, kind == BEST ? "best" : "ahead");
    size_t members[MB_MAX_HEADLINES], same = 0;
    for (size_t i = first; i < count; i++)
        if (parts[i].finding == kind && parts[i].who.text && strcmp(parts[i].who.text, who) == 0)
            members[same++] = i;
    const bool plain = kind == TIED || kind == REFUSED;
    const char *comma = plain ? ", " : ", in ", *last = plain ? " or " : " and in ";
    for (size_t i = 0; i < same; i++) {
        if (i) mb_strbuf_add(sentence, i + 1 < same ? comma : last);
        mb_strbuf_add(sentence, parts[members[i]].what.text ? parts[members[i]].what.text : "");
        sentence->failed = sentence->failed || parts[members[i]].what.failed;
        parts[members[i]].finding = NOTHING;
    }
}

// Latencies leave out what was not served: say so where that is more than rounding.
static void add_served(const mb_results *results, size_t point, mb_strbuf *sentence) {
    double least = 1;
    for (size_t p = 0; p < experiment_at(results, point)->policy_count; p++) {
        const double share = served_share(results, point, p);
        if (share < least) least = share;
    }
    if (least < 1)
        mb_strbuf_printf(sentence, " Latencies are of the requests that were served, %s%.4g %% of all.",
                         experiment_at(results, point)->policy_count > 1 ? "at least " : "",
                         floor(1e4 * least) / 100);
}

static void judge_point(const mb_results *results, size_t point, mb_strbuf *sentence) {
    int measures[MB_MAX_HEADLINES];
    clause parts[MB_MAX_HEADLINES] = {{0}};
    const size_t count = mb_headlines(mb_results_section(results), measures);
    bool alone = false, latency = false;
    for (size_t i = 0; i < count; i++) {
        judge(results, point, measures[i], &parts[i]);
        const finding found = parts[i].finding;
        alone = alone || found == AHEAD;
        latency = latency || (mb_measure_is_latency(measures[i]) && found != NOTHING && found != REFUSED);
    }
    for (size_t i = 0; i < count; i++)
        if (parts[i].finding != NOTHING) add_group(parts, count, i, sentence);
    if (sentence->length) mb_strbuf_add(sentence, ".");
    if (latency) add_served(results, point, sentence);
    if (alone) mb_strbuf_add(sentence, " " ONE_SEED);
    for (size_t i = 0; i < count; i++) {
        mb_strbuf_deinit(&parts[i].who);
        mb_strbuf_deinit(&parts[i].what);
    }
}

// What one measure says at a point of a sweep.
typedef struct win {
    const char *label; // the winner's; NULL: no real difference
    bool compared, alone, refused, failed;
} win;

static win win_at(const mb_results *results, size_t point, int measure) {
    const mb_standing standing = mb_standing_of(results, point, measure);
    win result = {.failed = standing.failed};
    if (!standing.against) return result;
    const mb_difference *gap = &standing.against[standing.runner_up];
    result.compared = true;
    result.refused = standing.refused;
    result.alone = gap->pairs < 2 && !standing.refused;
    if (result.alone ? gap->worth : standing.real) result.label = label_of(results, point, standing.best);
    free(standing.against);
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
    size_t compared = 0, open = 0, refused = 0;
    bool alone = false;
    for (size_t i = 0; i < count; i++) {
        wins[i] = win_at(results, i, measure);
        compared += wins[i].compared;
        open += wins[i].compared && !wins[i].label && !wins[i].refused;
        refused += wins[i].refused;
        sentence->failed = sentence->failed || wins[i].failed;
        alone = alone || wins[i].alone;
    }
    if (!compared) return false;
    mb_strbuf_add(sentence, sentence->length ? "\n" : "");
    mb_add_measure(sentence, measure);
    mb_strbuf_add(sentence, ": ");
    if (refused < compared) add_wins(wins, count, compared, sentence);
    if (open && open < compared) mb_strbuf_printf(sentence, "; no real difference at %zu", open);
    if (refused)
        mb_strbuf_printf(sentence,
                         "%sno verdict at %zu, where the policies served different shares of the requests",
                         refused < compared ? "; " : "", refused);
    mb_strbuf_add(sentence, ".");
    return alone;
}

static void judge_policies(const mb_results *results, mb_strbuf *sentence) {
    const mb_section *section = mb_results_section(results);
    if (!section->point_count) return;
    if (results->baseline) {
        mb_verdict_baseline(results, sentence);
        return;
    }
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

void mb_verdict(const mb_results *results, mb_strbuf *sentence) {
    judge_policies(results, sentence);
    if (results->control && sentence->length) mb_strbuf_add(sentence, "\n");
    mb_control_verdict(results, sentence);
}
