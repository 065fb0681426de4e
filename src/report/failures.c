// SPDX-License-Identifier: MIT
#include "report/failures.h"

#include <ctype.h>
#include <string.h>

enum { MOST_STRETCHES = 6 }; // of seeds, that are listed

static const char *message_of(const mb_outcome *outcome) {
    return outcome->error && outcome->error->message[0] ? outcome->error->message
                                                        : "failed without a message";
}

static bool failed(const mb_outcome *outcome) {
    return outcome->started && outcome->status != MB_OK;
}

// Where and when, which policy/host.c and engine/timing.c write behind a sentence.
static bool begins_context(const char *text) {
    return strncmp(text, " [in ", 5) == 0 || strncmp(text, " [timing a step ", 16) == 0;
}

static bool ends(const char *text) {
    return !*text || begins_context(text);
}

// The same but for numbers, unless they are those of lines.
static bool same_sentence(const char *a, const char *b) {
    bool line = false;
    for (;;) {
        const bool digits = isdigit((unsigned char)*a) && isdigit((unsigned char)*b);
        if (digits && !line) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
            continue;
        }
        if (ends(a) || ends(b)) return ends(a) && ends(b);
        if (*a != *b) return false;
        line = *a == ':' || (digits && line);
        a++;
        b++;
    }
}

static bool same_failure(const mb_outcome *a, const mb_outcome *b) {
    return a->policy == b->policy && a->finished == b->finished &&
           same_sentence(message_of(a), message_of(b));
}

void mb_run_failures_collect(const mb_results *results, mb_run_failures *failures) {
    *failures = (mb_run_failures){0};
    size_t last[MB_TOLD_FAILURES] = {0}; // the last point of each
    for (size_t i = 0; i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        if (!failed(outcome)) continue;
        size_t n = 0;
        while (n < failures->count && !same_failure(failures->items[n].first, outcome))
            n++;
        if (n == MB_TOLD_FAILURES) {
            failures->untold++;
            continue;
        }
        mb_run_failure *item = &failures->items[n];
        if (n == failures->count) {
            *item = (mb_run_failure){.first = outcome, .points = 1, .alike = true};
            failures->count++;
        } else if (last[n] != outcome->point)
            item->points++;
        last[n] = outcome->point;
        item->runs++;
        item->alike = item->alike && strcmp(message_of(item->first), message_of(outcome)) == 0;
    }
}

// "seed 3", or "seeds 1 to 4 and 7 (5 of 10)", of the first one's point.
static void add_seeds(const mb_results *results, const mb_run_failure *failure, mb_strbuf *text) {
    const mb_outcome *first = failure->first, *end = first - first->seed_index;
    const uint32_t seeds = mb_results_section(results)->points[first->point].experiment.seeds;
    uint32_t from[MOST_STRETCHES], to[MOST_STRETCHES], stretches = 0, all = 0;
    bool within = false;
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const bool hit = failed(&end[seed]) && same_failure(first, &end[seed]);
        all += hit;
        stretches += hit && !within;
        if (hit && !within && stretches <= MOST_STRETCHES) from[stretches - 1] = seed + 1;
        if (hit && stretches <= MOST_STRETCHES) to[stretches - 1] = seed + 1;
        within = hit;
    }
    const uint32_t shown = stretches < MOST_STRETCHES ? stretches : MOST_STRETCHES;
    mb_strbuf_add(text, all > 1 ? "seeds " : "seed ");
    for (uint32_t i = 0; i < shown; i++) {
        if (i) mb_strbuf_add(text, i + 1 == stretches ? " and " : ", ");
        mb_strbuf_printf(text, "%u", from[i]);
        if (from[i] < to[i]) mb_strbuf_printf(text, from[i] + 1 < to[i] ? " to %u" : " and %u", to[i]);
    }
    if (stretches > shown) mb_strbuf_add(text, ", ...");
    if (all > 1) mb_strbuf_printf(text, all == seeds ? " (all)" : " (%u of %u)", all, seeds);
}

void mb_run_failure_describe(const mb_results *results, const mb_run_failure *failure, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    const mb_point *point = &section->points[failure->first->point];
    mb_add_printable(text, point->experiment.policies[failure->first->policy].label);
    if (failure->points > 1)
        mb_strbuf_printf(text, " failed in %zu runs, at %zu of %zu points, the first", failure->runs,
                         failure->points, section->point_count);
    if (point->label && *point->label) {
        mb_strbuf_add(text, " at ");
        mb_add_printable(text, point->label);
    }
    if (failure->points > 1)
        mb_strbuf_printf(text, " with seed %u", failure->first->seed_index + 1);
    else {
        mb_strbuf_add(text, " failed with ");
        add_seeds(results, failure, text);
        if (!failure->alike) mb_strbuf_add(text, ", the first");
    }
    mb_strbuf_add(text, failure->first->finished ? " in `done`, after the run, whose numbers stand: " : ": ");
    mb_add_printable(text, message_of(failure->first));
}
