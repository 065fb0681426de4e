// SPDX-License-Identifier: MIT
// First windows of consecutive requests, each half as long as the one before; then delta debugging (Zeller
// and Hildebrandt 2002, "Simplifying and isolating failure-inducing input") on the shortest that keeps enough
// of the difference. Every trial starts empty, so that the stretch found can be run alone.
#include "explain/find.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_TRIALS = 500,   // pairs of runs
    MOST_WORK = 20,      // requests in them, as a multiple of the whole run's,
    LEAST_WORK = 100000, // and at least so many
    CANDIDATES = 4,      // windows of a length
    MOST_WINDOWS = 64 * CANDIDATES
};

typedef struct window {
    size_t first, count;
    double share;
} window;

typedef struct finder {
    mb_duel *duel;
    mb_found *found;
    double
        *losses; // [requests]: what the winner saves of each request in the whole run, s; 0: not comparable
    window windows[MOST_WINDOWS]; // that were tried
    size_t window_count;
    double least;  // difference that is enough, where the stretch is chosen for its length; 0: it is not
    mb_trial best; // the stretch so far
} finder;

static bool stopped(const finder *f) {
    return atomic_load(f->duel->run->stop);
}

// Of a draw in the whole run either may win.
static double share_of(const finder *f, const mb_trial *trial) {
    if (!trial->ran || !trial->gap.both) return NAN;
    if (f->found->winner >= 0) return mb_gap_share(&trial->gap, f->found->winner);
    return fmax(mb_gap_share(&trial->gap, 0), mb_gap_share(&trial->gap, 1));
}

static bool enough(const finder *f, const mb_trial *trial) {
    const double share = share_of(f, trial);
    const double least = f->least > 0 ? f->least : MB_EXPLAIN_KEPT * f->found->largest;
    return share > 0 && share >= least;
}

static void note_largest(finder *f, const mb_trial *trial) {
    const double share = share_of(f, trial);
    if (share > f->found->largest) f->found->largest = share;
}

// --- the whole run

static mb_status failure_of(const finder *f, const mb_trial *trial, mb_error *error) {
    if (stopped(f)) return mb_fail(error, MB_FAILED, "interrupted before both policies had run once");
    const char *label = f->duel->experiment->policies[trial->failed].label;
    if (!trial->error) return mb_fail(error, MB_FAILED, "%s did not come to its end", label);
    mb_fail(error, trial->error->status, "%s: %s", label, trial->error->message);
    memcpy(error->traceback, trial->error->traceback, sizeof error->traceback);
    return trial->error->status;
}

static void judge_whole(finder *f, const mb_trial *whole) {
    mb_found *found = f->found;
    const mb_arrival *arrivals = f->duel->requests->arrivals;
    found->whole = whole->gap;
    found->same_schedule = found->same_values = true;
    const double *mean = whole->gap.mean;
    found->winner = mean[0] < mean[1] ? 0 : mean[1] < mean[0] ? 1 : -1;
    const int winner = found->winner == 1 ? 1 : 0;
    for (size_t i = 0; i < found->requests; i++) {
        const mb_service *services[2] = {&whole->records[0].services[i], &whole->records[1].services[i]};
        double values[2];
        for (int p = 0; p < 2; p++)
            values[p] = mb_explain_value(f->duel->measure, services[p], arrivals[i].time_s);
        found->same_schedule &= mb_service_same(services[0], services[1]);
        found->same_values &= mb_same_time(values[0], values[1]);
        const double loss = values[1 - winner] - values[winner];
        f->losses[i] = isnan(loss) ? 0 : loss;
    }
}

static mb_status run_whole(finder *f, mb_error *error) {
    mb_trial whole = {0};
    mb_status status = mb_trials_run(f->duel, &whole, 1, error);
    if (status == MB_OK && !whole.ran) status = failure_of(f, &whole, error);
    if (status == MB_OK) {
        judge_whole(f, &whole);
        note_largest(f, &whole);
    }
    mb_trial_deinit(&whole);
    return status;
}

// --- windows

static mb_status take_window(size_t first, size_t count, mb_trial *trial, mb_error *error) {
    *trial = (mb_trial){.numbers = malloc(count * sizeof *trial->numbers), .count = count};
    for (size_t i = 0; trial->numbers && i < count; i++)
        trial->numbers[i] = first + i;
    return trial->numbers ? MB_OK : mb_fail_memory(error);
}

// Where `count` requests in a row lose most in the whole run (the first of equals).
static size_t worst_window(const finder *f, size_t count) {
    double sum = 0, most = -INFINITY;
    size_t worst = 0;
    for (size_t i = 0; i < f->found->requests; i++) {
        const double gone = i >= count ? f->losses[i - count] : 0, come = f->losses[i];
        const bool absolute = f->found->winner < 0;
        sum += (absolute ? fabs(come) : come) - (absolute ? fabs(gone) : gone);
        if (i + 1 < count || sum <= most) continue;
        most = sum;
        worst = i + 1 - count;
    }
    return worst;
}

// The windows of one length; *from is where the next ones are looked for: in the one with the largest
// difference.
static mb_status try_windows(finder *f, size_t *from, size_t parent, size_t count, mb_error *error) {
    const size_t starts[CANDIDATES] = {*from, *from + parent - count, *from + (parent - count) / 2,
                                       worst_window(f, count)};
    mb_trial trials[CANDIDATES];
    size_t used = 0;
    mb_status status = MB_OK;
    for (size_t i = 0; i < CANDIDATES && status == MB_OK; i++) {
        bool again = false;
        for (size_t j = 0; j < used; j++)
            again = again || trials[j].numbers[0] == starts[i];
        if (!again) status = take_window(starts[i], count, &trials[used++], error);
    }
    if (status == MB_OK) status = mb_trials_run(f->duel, trials, used, error);
    double most = -INFINITY;
    for (size_t i = 0; i < used; i++) {
        if (status == MB_OK && !stopped(f)) {
            const double share = share_of(f, &trials[i]);
            f->windows[f->window_count++] = (window){trials[i].numbers[0], count, share};
            note_largest(f, &trials[i]);
            if (share > most) {
                most = share;
                *from = trials[i].numbers[0];
            }
        }
        mb_trial_deinit(&trials[i]);
    }
    return status;
}

// The shortest that keeps enough, of equals the one with more; where none does, all requests.
static mb_status choose_window(finder *f, mb_error *error) {
    window best = {0, f->found->requests, -INFINITY};
    for (size_t i = 0; i < f->window_count; i++) {
        const window *one = &f->windows[i];
        const bool enough_here = one->share > 0 && one->share >= MB_EXPLAIN_KEPT * f->found->largest;
        if (!enough_here || one->count > best.count) continue;
        if (one->count < best.count || one->share > best.share) best = *one;
    }
    return take_window(best.first, best.count, &f->best, error);
}

static mb_status find_window(finder *f, mb_error *error) {
    mb_status status = MB_OK;
    size_t from = 0;
    for (size_t parent = f->found->requests; parent > 1 && status == MB_OK && !stopped(f);) {
        const size_t count = (parent + 1) / 2;
        status = try_windows(f, &from, parent, count, error);
        parent = count;
    }
    return status == MB_OK ? choose_window(f, error) : status;
}

// --- shrinking

static bool spent(const finder *f) {
    const uint64_t most = MOST_WORK * (uint64_t)f->found->requests;
    return f->duel->trials >= MOST_TRIALS || f->duel->worked >= (most > LEAST_WORK ? most : LEAST_WORK);
}

// Is the stretch still good without `count` requests from the `first` of it on? Then it is that.
static bool try_without(finder *f, size_t first, size_t count, mb_status *status, mb_error *error) {
    if (*status != MB_OK || stopped(f)) return false;
    if (spent(f)) {
        f->found->cut_short = true;
        return false;
    }
    const size_t rest = f->best.count - count;
    mb_trial trial = {.numbers = malloc((rest + 1) * sizeof *trial.numbers), .count = rest};
    if (!trial.numbers) {
        *status = mb_fail_memory(error);
        return false;
    }
    memcpy(trial.numbers, f->best.numbers, first * sizeof *trial.numbers);
    memcpy(trial.numbers + first, f->best.numbers + first + count, (rest - first) * sizeof *trial.numbers);
    *status = mb_trials_run(f->duel, &trial, 1, error);
    bool good = false;
    if (*status == MB_OK && !stopped(f)) {
        note_largest(f, &trial);
        good = enough(f, &trial);
    }
    if (good) {
        mb_trial_deinit(&f->best);
        f->best = trial;
    } else
        mb_trial_deinit(&trial);
    return good;
}

static mb_status shrink(finder *f, mb_error *error) {
    mb_status status = MB_OK;
    for (size_t chunk = f->best.count / 2; chunk > 0;) { // from both ends
        const size_t count = f->best.count;
        if (count > chunk && (try_without(f, 0, chunk, &status, error) ||
                              try_without(f, count - chunk, chunk, &status, error)))
            chunk = chunk < f->best.count / 2 ? chunk : f->best.count / 2;
        else
            chunk /= 2;
    }
    bool any = true;
    for (size_t chunk = f->best.count / 4 + 1; chunk > 0 && any;) { // from within
        any = chunk > 1;
        for (size_t first = 0; first < f->best.count && f->best.count > chunk;) {
            const size_t left = f->best.count - first;
            if (try_without(f, first, left < chunk ? left : chunk, &status, error))
                any = true;
            else
                first += chunk;
        }
        if (chunk > 1) chunk = (chunk + 1) / 2;
    }
    return status;
}

// Too long to be drawn: the window of a length that is not, with the largest difference, and what shrinks of
// it.
static mb_status prefer_short(finder *f, mb_error *error) {
    const window *best = NULL;
    for (size_t i = 0; i < f->window_count; i++) {
        const window *one = &f->windows[i];
        const bool shown =
            one->count <= MB_EXPLAIN_DRAWN && one->share >= MB_EXPLAIN_LEAST * f->found->largest;
        if (shown && one->share > 0 && (!best || one->share > best->share)) best = one;
    }
    if (!best) return MB_OK;
    mb_trial_deinit(&f->best);
    f->found->lesser = true;
    f->found->cut_short = false;
    f->least = MB_EXPLAIN_KEPT * best->share;
    const mb_status status = take_window(best->first, best->count, &f->best, error);
    return status == MB_OK ? shrink(f, error) : status;
}

// Once more, to be drawn.
static mb_status show(finder *f, mb_error *error) {
    mb_trial *stretch = &f->found->stretch;
    *stretch = (mb_trial){.numbers = f->best.numbers, .count = f->best.count, .wants_parts = true};
    f->best.numbers = NULL; // handed over
    const mb_status status = mb_trials_run(f->duel, stretch, 1, error);
    if (status != MB_OK) return status;
    if (!stretch->ran) return failure_of(f, stretch, error);
    if (f->found->winner < 0) f->found->winner = stretch->gap.mean[1] < stretch->gap.mean[0];
    return MB_OK;
}

static mb_status find(finder *f, mb_error *error) {
    mb_found *found = f->found;
    mb_status status = run_whole(f, error);
    if (status != MB_OK || found->same_values) return status;
    status = find_window(f, error);
    if (status == MB_OK) status = shrink(f, error);
    if (status == MB_OK && f->best.count > MB_EXPLAIN_DRAWN && !stopped(f)) status = prefer_short(f, error);
    if (status == MB_OK && stopped(f) && f->best.count)
        return mb_fail(
            error, MB_FAILED,
            "interrupted while the stretch was shrunk; so far it had %zu requests, numbers %zu to %zu",
            f->best.count, f->best.numbers[0], f->best.numbers[f->best.count - 1]);
    if (status == MB_OK && stopped(f))
        return mb_fail(error, MB_FAILED, "interrupted while a stretch was looked for");
    return status == MB_OK ? show(f, error) : status;
}

mb_status mb_find_stretch(mb_duel *duel, mb_found *found, mb_error *error) {
    *found = (mb_found){.requests = duel->requests->count, .winner = -1};
    finder f = {.duel = duel, .found = found, .losses = calloc(found->requests + 1, sizeof *f.losses)};
    const mb_status status = f.losses ? find(&f, error) : mb_fail_memory(error);
    found->trials = duel->trials;
    mb_trial_deinit(&f.best);
    free(f.losses);
    return status;
}

void mb_found_deinit(mb_found *found) {
    mb_trial_deinit(&found->stretch);
}
