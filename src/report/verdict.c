// SPDX-License-Identifier: MIT
#include "report/verdict.h"

#include "report/baseline.h"
#include "report/columns.h"
#include "report/control.h"
#include "report/format.h"
#include "report/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ONE_SEED "With one seed there is no interval: the differences may be chance; try `--seeds=5`."

static const mb_experiment *experiment_at(const mb_results *results, size_t point) {
    return &mb_results_section(results)->points[point].experiment;
}

static const char *label_of(const mb_results *results, size_t point, size_t policy) {
    return experiment_at(results, point)->policies[policy].label;
}

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
        mb_strbuf_printf(text, " %.3g %%", 100 * mb_served_share(results, point, policies[i]));
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
        const double share = mb_served_share(results, point, p);
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
// Returns whether anything is best anywhere.
static bool add_wins(const win *wins, size_t count, size_t compared, mb_strbuf *sentence) {
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
    return !first;
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
    const bool best = add_wins(wins, count, compared, sentence);
    if (open == compared)
        mb_strbuf_add(sentence, "no real difference at any point");
    else if (open)
        mb_strbuf_printf(sentence, "%sno real difference at %zu%s", best ? "; " : "", open,
                         best        ? ""
                         : open == 1 ? " point"
                                     : " points");
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
