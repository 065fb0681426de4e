// SPDX-License-Identifier: MIT
// For tests that hold simulations against theory: one replication of a run, and 99 % intervals over
// replications.
#pragma once
#include "base/student.h"
#include "metrics/measures.h"
#include "policy/policy_lua.h"
#include "sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- one run

typedef struct trial {
    mb_workload workload;
    mb_latency latency;
    mb_hardware hardware;          // its latency is the one above
    mb_sim_config config;          // latency, replication and, unless given, seed are filled in
    const mb_policy_ops *c_policy; // NULL: `lua`
    void *c_self;
    mb_policy_spec lua;
    const mb_observer *observer;
    // Called before each run with the policy that will serve it: to put hooks around it.
    mb_policy (*wrap)(void *self, mb_policy policy);
    void *wrap_self;
} trial;

typedef struct run_result {
    double values[MB_MEASURE_COUNT]; // without the two that measure the wall clock
    double in_system;                // time average of the number of requests in the system
    double little;                   // in_system over arrival rate x mean sojourn
    double busy_s, duration_s;
} run_result;

static inline double run_value(const run_result *result, const char *measure) {
    const int index = mb_measure_index(measure);
    assert_true(index >= 0);
    return result->values[index];
}

static inline void must(mb_status status, const mb_error *error) {
    if (status != MB_OK) fail_msg("%s", error->message);
}

static inline run_result run_trial(trial *t, uint64_t replication) {
    mb_error error = {0};
    mb_sim_config config = t->config;
    mb_hardware hardware = t->hardware;
    hardware.latency = &t->latency;
    config.hardware = &hardware;
    config.hardware_count = 1;
    config.replication = replication;
    mb_lua_policy lua;
    mb_policy policy = {t->c_policy, t->c_self};
    if (!t->c_policy) {
        const mb_limits limits = {.hook_s = 10, .memory_bytes = 256u << 20};
        must(mb_lua_policy_open(&lua, &t->lua, &limits, &t->workload, config.seed, replication, &error),
             &error);
        policy = (mb_policy){&lua.ops, &lua.host};
    }
    if (t->wrap) policy = t->wrap(t->wrap_self, policy);
    mb_source *source;
    must(mb_source_open(&t->workload, config.seed, replication, &source, &error), &error);
    mb_sim sim;
    must(mb_sim_init(&sim, &config, source, policy, t->observer, &error), &error);
    must(mb_sim_run(&sim, &error), &error);
    const mb_metrics *metrics = &sim.metrics;
    run_result result = {.busy_s = metrics->busy_s, .duration_s = metrics->end_s - metrics->start_s};
    mb_measure_all(metrics, &config.slo, result.values);
    result.values[mb_measure_index("sim_wall_s")] = 0;
    result.values[mb_measure_index("sim_requests_per_s")] = 0;
    result.in_system = (metrics->in_system_integral - metrics->in_warmup_integral) / result.duration_s;
    result.little = metrics->in_system_integral / metrics->sojourn_s;
    assert_int_equal(metrics->requests, metrics->finished);
    assert_int_equal(metrics->unfinished, 0);
    mb_sim_deinit(&sim);
    mb_source_close(source);
    if (!t->c_policy) mb_lua_policy_close(&lua);
    return result;
}

static inline void prepare_trial(trial *t) {
    mb_error error = {0};
    t->workload.until_s = INFINITY;
    must(mb_workload_prepare(&t->workload, &error), &error);
    must(mb_latency_check(&t->latency, &error), &error);
}

// ---- many cells, each with a 99 % interval

// A 99 % interval misses one time in a hundred, so of many cells a few may lie outside theirs: as many as a
// correct simulator exceeds with a probability below 1 %. None may lie outside the interval of 1 - 0.01 /
// cells (Bonferroni). Seeds are fixed and were not chosen by the result. The half width is bounded too: a
// test that could not fail is none. (Tried: service times 1 % too long fail 11 of the 13 tests that use
// this.)
typedef struct family {
    const char *name;
    unsigned cells, outside, far;
    double widest; // half width over theory
} family;

static inline void check_cell(family *f, unsigned cells, double theory, const double *values, unsigned n,
                              double widest, const char *format, ...) __attribute__((format(printf, 7, 8)));

// Is `theory` within the interval of these replications? `cells`: how many checks the family has in all.
static inline void check_cell(family *f, unsigned cells, double theory, const double *values, unsigned n,
                              double widest, const char *format, ...) {
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < n; i++)
        sum += values[i];
    const double mean = sum / n;
    for (unsigned i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    const double error = sqrt(squares / (n - 1) / n), t = fabs(mean - theory) / error;
    const double half = mb_student_t(0.99, n - 1) * error;
    const bool outside = !(t <= mb_student_t(0.99, n - 1)),
               far = !(t <= mb_student_t(1 - 0.01 / cells, n - 1));
    f->cells++;
    f->outside += outside;
    f->far += far;
    f->widest = fmax(f->widest, half / theory);
    const bool wide = !(half <= widest * theory);
    if (!outside && !wide && !getenv("VERBOSE")) return;
    char what[120];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    print_message("%-8s %s: %s: theory %.6f, simulated %.6f +- %.6f (99 %%), t = %.2f\n",
                  far       ? "FAR"
                  : outside ? "outside"
                  : wide    ? "WIDE"
                            : "inside",
                  f->name, what, theory, mean, half, t);
    if (wide) fail_msg("%s: the interval of %s is wider than %.1f %%", f->name, what, 100 * widest);
}

static inline void end_family(const family *f, unsigned cells) {
    assert_int_equal(f->cells, cells);
    // Fewest m with P(Binomial(cells, 0.01) > m) < 0.01.
    double term = pow(0.99, cells), sum = term;
    unsigned allowed = 0;
    while (1 - sum >= 0.01) {
        term *= (cells - allowed) / (allowed + 1.0) * 0.01 / 0.99;
        sum += term;
        allowed++;
    }
    print_message(
        "%s: %u of %u cells outside their 99 %% interval (up to %u happen by chance), widest +- %.2f %%\n",
        f->name, f->outside, f->cells, allowed, 100 * f->widest);
    if (f->outside > allowed || f->far)
        fail_msg("%s: %u cells outside, %u of them far", f->name, f->outside, f->far);
}
