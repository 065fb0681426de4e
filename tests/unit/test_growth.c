// SPDX-License-Identifier: MIT
// What planning costs must not grow with the cluster: operations are counted, not timed. The load per replica
// is the same for small and large clusters, so the operations per request must be, too.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUESTS = 6000, BATCH = 8 };

static double draw(uint64_t *state) { // Knuth's MMIX generator
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) * 0x1p-53;
}

// A file of requests, to be written to; its name.
static FILE *open_trace(char *path) {
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, "t,p,o\n");
    return file;
}

// Operations per request of a policy, and of the engines, with the requests of this file, which is removed.
static double operations_of(const char *path, int requests, const mb_sim_config *config,
                            const mb_policy_ops *ops) {
    mb_workload workload = {
        .kind = MB_WORKLOAD_TRACE,
        .trace = {.path = strdup(path),
                  .layout = MB_TRACE_CSV,
                  .columns = {.time = strdup("t"), .prompt = strdup("p"), .output = strdup("o")},
                  .time_unit_s = 1,
                  .rate_scale = 1,
                  .to_s = INFINITY,
                  .keep_zero = true},
        .until_s = INFINITY};
    mb_error error = {0};
    mb_source *source = NULL;
    mb_sim sim;
    if (mb_workload_prepare(&workload, &error) != MB_OK ||
        mb_source_open(&workload, 1, 0, &source, &error) != MB_OK ||
        mb_sim_init(&sim, config, source, (mb_policy){ops, NULL}, NULL, &error) != MB_OK ||
        mb_sim_run(&sim, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sim.metrics.finished, requests);
    const double count = (double)(sim.operations + sim.around.operations) / requests;
    mb_sim_deinit(&sim);
    mb_source_close(source);
    mb_workload_deinit(&workload);
    unlink(path);
    return count;
}

// REQUESTS of about `output` tokens that come `gap_s` apart in the mean.
static double operations(const mb_latency *latency, uint32_t replicas, double gap_s, unsigned output,
                         const mb_policy_ops *ops) {
    char path[] = "/tmp/mbsand-growth-XXXXXX";
    FILE *file = open_trace(path);
    uint64_t state = 1;
    double time = 0;
    for (int i = 0; i < REQUESTS; i++) {
        fprintf(file, "%.17g,%u,%u\n", time, 20 + (unsigned)(100 * draw(&state)),
                1 + (unsigned)(2 * output * draw(&state)));
        time += 2 * gap_s * draw(&state);
    }
    fclose(file);
    const mb_hardware hardware = {
        .replicas = replicas, .latency = latency, .memory = {.capacity = MB_UNLIMITED, .block = 16}};
    const mb_sim_config config = {.hardware = &hardware,
                                  .hardware_count = 1,
                                  .slo = {.ttft_s = INFINITY, .tbt_s = INFINITY, .e2e_s = INFINITY}};
    return operations_of(path, REQUESTS, &config, ops);
}

static mb_status first_come(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)self, (void)replica;
    uint32_t preempted;
    mb_refusal refusal;
    const mb_status status = mb_step_carry(sim, (mb_carry_rule){0}, &preempted, error);
    if (status == MB_OK) mb_step_admit(sim, 0, UINT32_MAX, &refusal);
    return status;
}

static void test_engines(void **state) {
    (void)state;
    const mb_latency latency = {.kind = MB_LATENCY_STEP,
                                .step = {.base_s = 0.01, .per_token_s = 5e-5, .per_context_s = 1e-7}};
    static const mb_policy_ops POLICY = {.schedule = first_come};
    // An arrival finds the engines whose boundary has passed since the last one: 0.5 s of 10 ms steps per
    // replica, about 50, where there are so many.
    const double few = operations(&latency, 128, 0.5 / 128, 100, &POLICY);
    const double many = operations(&latency, 2048, 0.5 / 2048, 100, &POLICY);
    print_message("# operations per request: %.1f with 128 engines, %.1f with 2,048\n", few, many);
    assert_true(many < 1.5 * few && many < 100);
}

// Two requests at a time, from one queue.
static mb_status two_at_once(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)self;
    uint32_t preempted;
    mb_refusal refusal;
    const mb_status status = mb_step_carry(sim, (mb_carry_rule){0}, &preempted, error);
    const uint32_t running = mb_engine_running(&replica->engine);
    if (status == MB_OK && running < 2) mb_step_admit(sim, 0, 2 - running, &refusal);
    return status;
}

static void test_overload(void **state) {
    (void)state;
    const mb_latency latency = {.kind = MB_LATENCY_STEP,
                                .step = {.base_s = 0.01, .per_token_s = 5e-5, .per_context_s = 1e-7}};
    static const mb_policy_ops POLICY = {.schedule = two_at_once};
    // A request takes about a second. Twice of what can be served comes, so that most requests find no room
    // and are news to every replica, each at its next boundary: some 100 a second, whatever came meanwhile.
    const double few = operations(&latency, 64, 0.25 / 64, 100, &POLICY);
    const double many = operations(&latency, 512, 0.25 / 512, 100, &POLICY);
    print_message("# operations per request under overload: %.1f with 64 engines, %.1f with 512\n", few,
                  many);
    assert_true(many < 1.5 * few && many < 200);
}

// Full batches only, until the arrivals end: an idle replica takes nothing while they fill.
static mb_status full_batches(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)self, (void)replica, (void)error;
    mb_refusal refusal;
    if (sim->queues[0].count >= BATCH || sim->arrivals_ended) mb_step_admit(sim, 0, BATCH, &refusal);
    return MB_OK;
}

static void test_idle_replicas(void **state) {
    (void)state;
    const mb_latency latency = {.law = {.alpha_s = 1, .beta_s_per_token = 0.01, .gamma = 1}};
    static const mb_policy_ops ALIKE = {.schedule = full_batches, .alike = true};
    static const mb_policy_ops EACH = {.schedule = full_batches};
    const double few = operations(&latency, 4, 2, 100, &ALIKE);
    const double many = operations(&latency, 400, 2, 100, &ALIKE);
    const double each = operations(&latency, 400, 2, 100, &EACH);
    print_message("# operations per request: %.2f with 4 replicas, %.2f with 400, %.1f where each is asked\n",
                  few, many, each);
    assert_true(many < 1.5 * few);
    assert_true(each > 100 * many);
}

static mb_carry_rule carried;

static mb_status carry_so(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)self, (void)replica;
    uint32_t preempted;
    mb_refusal refusal;
    const mb_status status = mb_step_carry(sim, carried, &preempted, error);
    if (status == MB_OK) mb_step_admit(sim, 0, UINT32_MAX, &refusal);
    return status;
}

// All decode, each with its blocks full and none free, so that half of them make room for the others at once;
// all a second time when those are done.
static double making_room(mb_carry_rule rule, bool stepwise, uint32_t stages, unsigned requests) {
    char path[] = "/tmp/mbsand-growth-XXXXXX";
    FILE *file = open_trace(path);
    for (unsigned i = 0; i < requests; i++)
        fprintf(file, "0,16,3\n");
    fclose(file);
    const mb_latency latency = {.kind = MB_LATENCY_STEP, .step = {.base_s = 0.01}};
    const mb_hardware hardware = {.replicas = 1,
                                  .latency = &latency,
                                  .memory = {.capacity = 16 * (uint64_t)requests, .block = 16},
                                  .pipeline = {.stages = stages, .batches = stages}};
    const mb_sim_config config = {.hardware = &hardware,
                                  .hardware_count = 1,
                                  .stepwise = stepwise,
                                  .slo = {.ttft_s = INFINITY, .tbt_s = INFINITY, .e2e_s = INFINITY}};
    carried = rule;
    static const mb_policy_ops POLICY = {.schedule = carry_so};
    return operations_of(path, (int)requests, &config, &POLICY);
}

static void test_making_room(void **state) {
    (void)state;
    static const mb_carry_rule RULES[] = {
        {0}, {.oldest = true}, {.victim = MB_KEY_RANK}, {.victim = MB_KEY_ARRIVAL}};
    for (int stepwise = 0; stepwise < 2; stepwise++)
        for (uint32_t stages = 1; stages < 3; stages++)
            for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
                const double few = making_room(RULES[i], stepwise, stages, 250);
                const double many = making_room(RULES[i], stepwise, stages, 2000);
                print_message(
                    "# rule %zu, %u stages%s: %.1f requests looked at for each of 250, %.1f of 2,000\n", i,
                    stages, stepwise ? ", --step" : "", few, many);
                assert_true(many < 1.5 * few + 1);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_engines), cmocka_unit_test(test_overload),
                                       cmocka_unit_test(test_idle_replicas),
                                       cmocka_unit_test(test_making_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
