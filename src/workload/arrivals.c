// SPDX-License-Identifier: MIT
#include "workload/arrivals.h"

#include <math.h>
#include <stdlib.h>

// ---- checking

static bool is_positive(double x) {
    return x > 0 && isfinite(x);
}

static bool is_not_negative(double x) {
    return x >= 0 && isfinite(x);
}

static mb_status fail_parameter(const char *name, double value, const char *expected, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT, "arrivals: %s is %g; expected %s", name, value, expected);
}

static mb_status check_on_off(const mb_arrivals *a, mb_error *error) {
    if (!is_not_negative(a->rate))
        return fail_parameter("the rate", a->rate, "requests per second, at least 0", error);
    if (!is_not_negative(a->off_rate))
        return fail_parameter("the off rate", a->off_rate, "requests per second, at least 0", error);
    if (!is_positive(a->on_mean_s))
        return fail_parameter("the mean on time", a->on_mean_s, "positive seconds", error);
    if (!is_positive(a->off_mean_s))
        return fail_parameter("the mean off time", a->off_mean_s, "positive seconds", error);
    const double per_cycle = a->rate * a->on_mean_s + a->off_rate * a->off_mean_s;
    if (per_cycle < 1e-6) // drawing one arrival would take millions of phases
        return fail_parameter("the mean number of requests in an on and an off period", per_cycle,
                              "at least one in a million", error);
    return MB_OK;
}

static mb_status check_segments(const mb_arrivals *a, mb_error *error) {
    double seconds = 0, requests = 0;
    if (!a->segments || a->segment_count == 0)
        return mb_fail(error, MB_BAD_INPUT, "arrivals: no rate segments; expected at least one");
    for (size_t i = 0; i < a->segment_count; i++) {
        const mb_rate_segment segment = a->segments[i];
        const bool may_be_endless = i + 1 == a->segment_count && !a->repeat;
        if (!is_not_negative(segment.rate))
            return mb_fail(
                error, MB_BAD_INPUT,
                "arrivals: the rate of segment %zu is %g; expected requests per second, at least 0", i + 1,
                segment.rate);
        if (!(segment.duration_s > 0) || !(isfinite(segment.duration_s) || may_be_endless))
            return mb_fail(error, MB_BAD_INPUT,
                           "arrivals: the duration of segment %zu is %g; expected positive seconds", i + 1,
                           segment.duration_s);
        seconds += segment.duration_s;
        if (segment.rate > 0) requests += segment.duration_s * segment.rate;
    }
    if (!(requests >= 1e-9))
        return mb_fail(error, MB_BAD_INPUT,
                       "arrivals: the segments hold no requests; expected a positive rate");
    if (a->repeat && !(isfinite(seconds) && isfinite(requests)))
        return mb_fail(error, MB_BAD_INPUT,
                       "arrivals: segments that repeat are endless; expected finite durations");
    return MB_OK;
}

static mb_status prepare_periods(mb_arrivals *a, mb_error *error);

mb_status mb_arrivals_prepare(mb_arrivals *a, mb_error *error) {
    switch (a->kind) {
    case MB_ARRIVALS_CONSTANT:
        if (a->rate > 0) return MB_OK; // INFINITY: all at once
        break;
    case MB_ARRIVALS_POISSON:
        if (is_positive(a->rate)) return MB_OK;
        break;
    case MB_ARRIVALS_GAMMA:
    case MB_ARRIVALS_WEIBULL:
        // Below 0.01 the mean gap is made of draws too rare, or too large, to average out.
        if (!(a->shape >= 0.01 && a->shape <= 1e6))
            return fail_parameter("the shape", a->shape, "a number from 0.01 to 1e6", error);
        if (is_positive(a->rate)) return MB_OK;
        break;
    case MB_ARRIVALS_ON_OFF:
        return check_on_off(a, error);
    case MB_ARRIVALS_PIECEWISE:
        return check_segments(a, error);
    case MB_ARRIVALS_PERIODS:
        return prepare_periods(a, error);
    default:
        return mb_fail(error, MB_BAD_INPUT, "arrivals: unknown kind");
    }
    return fail_parameter("the rate", a->rate, "positive requests per second", error);
}

// Periods that are empty, or hold next to no arrivals, would be drawn for ever. What the lengths come to, a
// thousand draws tell.
static mb_status prepare_periods(mb_arrivals *a, mb_error *error) {
    if (!a->during || a->during->kind == MB_ARRIVALS_PERIODS || a->during->kind == MB_ARRIVALS_ON_OFF)
        return mb_fail(error, MB_BAD_INPUT,
                       "arrivals: on and off periods of nothing; expected other arrivals");
    mb_status status = mb_arrivals_prepare(a->during, error);
    if (!status) status = mb_distribution_prepare(&a->on, "arrivals.on", error);
    if (!status) status = mb_distribution_prepare(&a->off, "arrivals.off", error);
    if (status) return status;
    enum { DRAWS = 1000 };
    mb_rng rng;
    mb_rng_init(&rng, 0, 0, "check");
    double sum = 0;
    for (int i = 0; i < DRAWS; i++)
        sum += mb_distribution_draw(&a->on, &rng);
    const double rate = a->during->kind == MB_ARRIVALS_PIECEWISE ? INFINITY : a->during->rate;
    if (!(sum * rate / DRAWS >= 1e-6))
        return fail_parameter("the mean number of requests in an on-period", sum * rate / DRAWS,
                              "at least one in a million", error);
    return MB_OK;
}

void mb_arrivals_deinit(mb_arrivals *a) {
    free(a->segments);
    mb_distribution_deinit(&a->on);
    mb_distribution_deinit(&a->off);
    if (a->during) mb_arrivals_deinit(a->during);
    free(a->during);
    *a = (mb_arrivals){0};
}

// ---- drawing

void mb_arrivals_open(const mb_arrivals *a, uint64_t seed, uint64_t replication, mb_arrivals_state *state) {
    *state = (mb_arrivals_state){.arrivals = a};
    if (a->kind == MB_ARRIVALS_PERIODS) {
        state->periods = a;
        mb_rng_init(&state->period_rng, seed, replication, "periods");
        state->arrivals = a = a->during;
    }
    mb_rng_init(&state->rng, seed, replication, "arrivals");
    if (a->kind == MB_ARRIVALS_POISSON) state->mean_factor = 1 / a->rate;
    if (a->kind == MB_ARRIVALS_GAMMA) state->mean_factor = 1 / (a->rate * a->shape);
    if (a->kind == MB_ARRIVALS_WEIBULL) state->mean_factor = 1 / (a->rate * tgamma(1 + 1 / a->shape));
    if (a->kind == MB_ARRIVALS_ON_OFF) { // start in the stationary state; a phase's rest is again exponential
        state->on = mb_rng_uniform(&state->rng) < a->on_mean_s / (a->on_mean_s + a->off_mean_s);
        state->phase_end_s = mb_rng_exponential(&state->rng) * (state->on ? a->on_mean_s : a->off_mean_s);
    }
    if (a->kind == MB_ARRIVALS_PIECEWISE) {
        for (size_t i = 0; i < a->segment_count; i++) {
            state->cycle_s += a->segments[i].duration_s;
            if (a->segments[i].rate > 0)
                state->cycle_requests += a->segments[i].duration_s * a->segments[i].rate;
        }
    }
}

static double next_on_off(mb_arrivals_state *state) {
    const mb_arrivals *a = state->arrivals;
    double time_s = state->time_s;
    for (;;) {
        const double rate = state->on ? a->rate : a->off_rate;
        if (rate > 0) {
            const double arrival_s = time_s + mb_rng_exponential(&state->rng) / rate;
            if (arrival_s <= state->phase_end_s) return arrival_s;
        }
        time_s = state->phase_end_s; // no memory: the rest of the gap is drawn anew at the next phase's rate
        if (!isfinite(time_s)) return INFINITY;
        state->on = !state->on;
        state->phase_end_s += mb_rng_exponential(&state->rng) * (state->on ? a->on_mean_s : a->off_mean_s);
    }
}

// An exponential number of mean arrivals is used up segment by segment; whole passes are skipped at once, so
// that a low rate costs no more than a high one.
static double next_piecewise(mb_arrivals_state *state) {
    const mb_arrivals *a = state->arrivals;
    double needed = mb_rng_exponential(&state->rng);
    for (;;) {
        const mb_rate_segment segment = a->segments[state->segment];
        const double left = segment.rate > 0 ? (segment.duration_s - state->in_segment_s) * segment.rate : 0;
        if (needed < left) {
            state->in_segment_s += needed / segment.rate;
            const double cycle_start_s =
                a->repeat ? state->cycles * state->cycle_s : 0; // else cycle_s may be infinite
            return cycle_start_s + state->segment_start_s + state->in_segment_s;
        }
        needed -= left;
        state->segment_start_s += segment.duration_s;
        state->in_segment_s = 0;
        if (++state->segment < a->segment_count) continue;
        if (!a->repeat) {
            state->segment--;
            state->in_segment_s = segment.duration_s; // stay behind the end
            return INFINITY;
        }
        const double passes = floor(needed / state->cycle_requests);
        needed -= passes * state->cycle_requests;
        state->cycles += 1 + passes;
        state->segment_start_s = 0;
        state->segment = 0;
    }
}

static bool next_of_law(mb_arrivals_state *state, double *time_s) {
    const mb_arrivals *a = state->arrivals;
    double next_s = state->time_s;
    switch (a->kind) {
    case MB_ARRIVALS_CONSTANT:
        next_s = (double)state->count / a->rate;
        break;
    case MB_ARRIVALS_POISSON:
        next_s += mb_rng_exponential(&state->rng) * state->mean_factor;
        break;
    case MB_ARRIVALS_GAMMA:
        next_s += mb_rng_gamma(&state->rng, a->shape) * state->mean_factor;
        break;
    case MB_ARRIVALS_WEIBULL:
        next_s += mb_rng_weibull(&state->rng, a->shape) * state->mean_factor;
        break;
    case MB_ARRIVALS_ON_OFF:
        next_s = next_on_off(state);
        break;
    case MB_ARRIVALS_PIECEWISE:
        next_s = next_piecewise(state);
        break;
    case MB_ARRIVALS_PERIODS: // `during` is none
        break;
    }
    if (!isfinite(next_s)) return false;
    if (next_s > state->time_s)
        state->time_s = next_s; // rounding at the end of a cycle must not lead backwards
    state->count++;
    *time_s = state->time_s;
    return true;
}

// The law's own time runs in on-periods only: pass over those that end before it comes to its next arrival.
bool mb_arrivals_next(mb_arrivals_state *state, double *time_s) {
    double own_s;
    if (!next_of_law(state, &own_s)) return false;
    const mb_arrivals *periods = state->periods;
    *time_s = own_s;
    if (!periods) return true;
    while (own_s >= state->clock_s + state->on_s) {
        state->clock_s += state->on_s;
        state->start_s += state->on_s + mb_distribution_draw(&periods->off, &state->period_rng);
        state->on_s = mb_distribution_draw(&periods->on, &state->period_rng);
        if (!isfinite(state->start_s)) return false;
    }
    *time_s = state->start_s + (own_s - state->clock_s);
    return true;
}
