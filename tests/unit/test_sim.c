// SPDX-License-Identifier: MIT
// The batch executor by hand: times, memory, rejection, idleness, order at equal times.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "metrics/measures.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// One request of a hand-made trace.
typedef struct row {
    double time_s;
    unsigned prompt, output;
} row;

typedef struct served {
    double start_s, first_token_s, end_s;
    uint32_t replica, batch;
    const char *why;
} served;

typedef struct bench {
    mb_workload workload;
    mb_latency latency;
    mb_hardware hardware;
    mb_sim_config config;
    mb_source *source;
    mb_sim sim;
    served of[64]; // by request id
    uint32_t batch_limit;
    char path[64];
} bench;

static mb_status on_finished(void *self, const mb_finished *record, mb_error *error) {
    (void)error;
    bench *b = self;
    assert_true(record->request->id < 64);
    b->of[record->request->id] = (served){.start_s = record->request->start_s,
                                          .first_token_s = record->first_token_s,
                                          .end_s = record->end_s,
                                          .replica = record->request->replica,
                                          .batch = record->batch,
                                          .why = record->why};
    return MB_OK;
}

static void open_bench(bench *b, const row *rows, size_t count) {
    *b = (bench){.batch_limit = 2};
    strcpy(b->path, "/tmp/mbsand-test-XXXXXX");
    FILE *file = fdopen(mkstemp(b->path), "w");
    fprintf(file, "t,p,o\n");
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%.17g,%u,%u\n", rows[i].time_s, rows[i].prompt, rows[i].output);
    fclose(file);
    b->workload = (mb_workload){
        .kind = MB_WORKLOAD_TRACE,
        .trace = {.path = strdup(b->path),
                  .layout = MB_TRACE_CSV,
                  .columns = {.time = strdup("t"), .prompt = strdup("p"), .output = strdup("o")},
                  .time_unit_s = 1,
                  .rate_scale = 1,
                  .to_s = INFINITY,
                  .keep_zero = true},
        .until_s = INFINITY};
    // T(b, L) = 1 + 0.01 L (1 + (b - 1) / b)
    b->latency = (mb_latency){.law = {.alpha_s = 1, .beta_s_per_token = 0.01, .gamma = 1}};
    b->hardware = (mb_hardware){.replicas = 1, .memory = {.capacity = MB_UNLIMITED}};
    b->config = (mb_sim_config){.hardware_count = 1,
                                .slo = {.ttft_s = INFINITY, .tbt_s = INFINITY, .e2e_s = INFINITY}};
}

static void run_bench(bench *b, const mb_policy_ops *ops) {
    mb_error error = {0};
    b->hardware.latency = &b->latency;
    b->config.hardware = &b->hardware;
    const mb_observer observer = {.finished = on_finished, .self = b};
    if (mb_workload_prepare(&b->workload, &error) != MB_OK ||
        mb_source_open(&b->workload, 1, 0, &b->source, &error) != MB_OK ||
        mb_sim_init(&b->sim, &b->config, b->source, (mb_policy){ops, b}, &observer, &error) != MB_OK ||
        mb_sim_run(&b->sim, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void close_bench(bench *b) {
    mb_sim_deinit(&b->sim);
    mb_source_close(b->source);
    mb_workload_deinit(&b->workload);
    unlink(b->path);
}

static mb_status take(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)replica, (void)error;
    mb_refusal refusal;
    mb_step_admit(sim, 0, ((bench *)self)->batch_limit, &refusal);
    return MB_OK;
}

static const mb_policy_ops TAKE = {.schedule = take};

static void check_time(double got, double wanted) {
    if (fabs(got - wanted) > 1e-12 * (1 + fabs(wanted))) fail_msg("got %.17g, expected %.17g", got, wanted);
}

static void test_batches_by_hand(void **state) {
    (void)state;
    // Request 0 goes alone: 1 + 0.01 x 30 = 1.3. Then 1 and 2 together, L = 100: 1 + 0.01 x 100 x 1.5 = 2.5.
    // Then 3.
    const row rows[] = {{0, 10, 20}, {0.5, 40, 60}, {0.6, 5, 5}, {0.7, 1, 1}};
    bench b;
    open_bench(&b, rows, 4);
    run_bench(&b, &TAKE);
    check_time(b.of[0].start_s, 0);
    check_time(b.of[0].end_s, 1.3);
    check_time(b.of[1].start_s, 1.3);
    check_time(b.of[1].first_token_s, 2.3);
    check_time(b.of[1].end_s, 3.8);
    check_time(b.of[2].end_s, 3.8); // the batch ends as a whole
    check_time(b.of[3].start_s, 3.8);
    check_time(b.of[3].end_s, 3.8 + 1.02);
    assert_int_equal(b.of[1].batch, b.of[2].batch);
    const mb_metrics *m = &b.sim.metrics;
    assert_int_equal(m->finished, 4);
    assert_int_equal(m->batches, 3);
    check_time(m->busy_s, 1.3 + 2.5 + 1.02);
    check_time(m->end_s - m->start_s, 4.82);
    assert_int_equal(m->padded_tokens, 30 + 200 + 2);
    assert_int_equal(m->useful_tokens, 30 + 110 + 2);
    check_time(mb_sketch_mean(&m->queue), (0 + 0.8 + 0.7 + 3.1) / 4);
    // TPOT of request 1: from its first token at 2.3 to 3.8 over 59 gaps; ITL: the batch's own 0.015 s each.
    check_time(m->tpot.max, 1.5 / 4); // request 2: 4 gaps
    check_time(m->itl.max, 0.015);
    assert_int_equal(m->itl.count, 19 + 59 + 4);
    close_bench(&b);
}

static void test_equal_times_arrive_before_planning(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}, {0, 0, 30}, {1.3, 0, 10}, {1.3, 0, 10}, {1.3, 0, 10}};
    bench b;
    open_bench(&b, rows, 5);
    b.batch_limit = 3;
    run_bench(&b, &TAKE);
    assert_int_equal(b.of[0].batch, b.of[1].batch);
    check_time(b.of[0].end_s, 1.45);
    assert_int_equal(b.of[2].batch, 2);
    assert_int_equal(b.of[3].batch, 2);
    assert_int_equal(b.of[4].batch, 2);
    close_bench(&b);
}

static void test_lowest_replica_first(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}, {0, 0, 30}, {0.1, 0, 30}, {0.2, 0, 30}};
    bench b;
    open_bench(&b, rows, 4);
    b.hardware.replicas = 3;
    b.batch_limit = 1;
    run_bench(&b, &TAKE);
    assert_int_equal(b.of[0].replica, 0);
    assert_int_equal(b.of[1].replica, 1);
    assert_int_equal(b.of[2].replica, 2);
    assert_int_equal(b.of[3].replica, 0);
    check_time(b.of[3].start_s, 1.3);
    close_bench(&b);
}

static void test_memory_stops_a_batch(void **state) {
    (void)state;
    const row rows[] = {{0, 10, 30}, {0, 10, 30}, {0, 10, 11}, {0, 5, 5}};
    bench b;
    open_bench(&b, rows, 4);
    b.hardware.memory.capacity = 100; // 40 + 40 fit, the next 21 do not, and nobody passes it
    b.batch_limit = 8;
    run_bench(&b, &TAKE);
    assert_int_equal(b.of[1].batch, 1);
    assert_int_equal(b.of[2].batch, 2);
    assert_int_equal(b.of[3].batch, 2);
    assert_int_equal(b.sim.metrics.memory_stops, 1);
    check_time(b.sim.metrics.kv_peak, 0.8);
    assert_int_equal(b.sim.around.kv_reserved, 0);
    close_bench(&b);
}

static void test_contiguous_pool_reserves_the_maximum(void **state) {
    (void)state;
    const row rows[] = {{0, 10, 30}, {0, 10, 30}, {0, 10, 11}};
    bench b;
    open_bench(&b, rows, 3);
    b.hardware.memory.kind = MB_KV_CONTIGUOUS;
    b.hardware.memory.max_length = 50;
    b.hardware.memory.capacity = 120; // two reservations of 50
    b.batch_limit = 8;
    run_bench(&b, &TAKE);
    assert_int_equal(b.of[1].batch, 1);
    assert_int_equal(b.of[2].batch, 2);
    double values[MB_MEASURE_COUNT];
    mb_measure_all(&b.sim.metrics, &b.config.slo, values);
    // Batch 1: 100 reserved, 80 used for 1 + 0.4 x 1.5 = 1.6 s; batch 2: 50 and 21 for 1.21 s.
    check_time(values[mb_measure_index("kv_fragmentation")],
               1 - (80 * 1.6 + 21 * 1.21) / (100 * 1.6 + 50 * 1.21));
    close_bench(&b);
}

static void test_oversize_is_rejected_with_a_sentence(void **state) {
    (void)state;
    const row rows[] = {{0, 10, 30}, {0.1, 90, 30}, {0.2, 10, 30}};
    bench b;
    open_bench(&b, rows, 3);
    b.hardware.memory.capacity = 100;
    run_bench(&b, &TAKE);
    assert_string_equal(b.of[1].why, "rejected");
    assert_string_equal(b.of[2].why, "done");
    assert_int_equal(b.sim.metrics.rejected, 1);
    assert_string_equal(b.sim.metrics.first_rejection,
                        "request 1: needs 120 tokens of KV memory, and a replica's whole pool holds 100");
    close_bench(&b);
}

static void test_oversize_blocks_where_asked(void **state) {
    (void)state;
    const row rows[] = {{0, 10, 30}, {0.1, 90, 30}, {0.2, 10, 30}};
    bench b;
    open_bench(&b, rows, 3);
    b.hardware.memory.capacity = 100;
    b.config.block_oversize = true;
    run_bench(&b, &TAKE);
    assert_string_equal(b.of[1].why, "unfinished");
    assert_string_equal(b.of[2].why, "unfinished");
    assert_int_equal(b.sim.metrics.unfinished, 2);
    close_bench(&b);
}

static mb_status take_pairs(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    if (sim->queues[0].count < 2 && !sim->arrivals_ended)
        return MB_OK; // waits for a pair, and does not say so
    return take(self, sim, replica, error);
}

static mb_status take_pairs_and_say_so(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    if (sim->queues[0].count < 2 && !sim->arrivals_ended) {
        mb_step_idle(sim, INFINITY);
        return MB_OK;
    }
    return take(self, sim, replica, error);
}

static void test_idle_with_work(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}, {2, 0, 30}, {3, 0, 30}};
    bench b;
    open_bench(&b, rows, 3);
    run_bench(&b, &(mb_policy_ops){.schedule = take_pairs});
    check_time(b.sim.metrics.idle_with_work_s, 2); // request 0 waits for request 1
    check_time(b.of[0].start_s, 2);
    check_time(b.of[2].start_s, 3.45); // the last arrival ends the waiting for a partner
    close_bench(&b);
    open_bench(&b, rows, 3);
    run_bench(&b, &(mb_policy_ops){.schedule = take_pairs_and_say_so});
    check_time(b.sim.metrics.idle_with_work_s, 0);
    check_time(b.of[0].start_s, 2);
    close_bench(&b);
}

static mb_status set_timer(void *self, mb_sim *sim, mb_error *error) {
    (void)self, (void)error;
    assert_true(mb_sim_set_timer(sim, 5, 77));
    return MB_OK;
}

static mb_status on_timer(void *self, mb_sim *sim, uint32_t timer, mb_error *error) {
    (void)error;
    assert_int_equal(timer, 77);
    check_time(sim->now_s, 5);
    ((bench *)self)->batch_limit = 2;
    return MB_OK;
}

static void test_a_timer_wakes_idle_replicas(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}, {1, 0, 30}};
    bench b;
    open_bench(&b, rows, 2);
    b.batch_limit = 0; // nothing is taken until the timer raises it
    run_bench(&b, &(mb_policy_ops){.init = set_timer, .schedule = take, .timer = on_timer});
    check_time(b.of[0].start_s, 5);
    assert_int_equal(b.of[1].batch, 1);
    close_bench(&b);
}

static void test_violations_and_goodput(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}, {0.1, 0, 30}, {0.1, 0, 30}};
    bench b;
    open_bench(&b, rows, 3);
    b.config.slo =
        (mb_slo){.ttft_s = INFINITY, .tbt_s = 0.012, .e2e_s = 2}; // alone: 0.01 s per token; in pairs: 0.015
    run_bench(&b, &TAKE);
    double values[MB_MEASURE_COUNT];
    mb_measure_all(&b.sim.metrics, &b.config.slo, values);
    check_time(values[mb_measure_index("tbt_violation")], 2.0 / 3);
    check_time(values[mb_measure_index("e2e_violation")], 2.0 / 3); // 1.3 + 1.45 - 0.1 = 2.65 s
    check_time(values[mb_measure_index("slo_attainment")], 1.0 / 3);
    check_time(values[mb_measure_index("served_share")], 1);
    check_time(values[mb_measure_index("goodput_rps")], 1 / 2.75);
    close_bench(&b);
}

static double measured(const bench *b, const char *name) {
    double values[MB_MEASURE_COUNT];
    mb_measure_all(&b->sim.metrics, &b->config.slo, values);
    return values[mb_measure_index(name)];
}

// Two requests one after the other: 0 to 1.3 s and 1.3 to 2.6 s, the second's first token at 2.3 s.
static void open_pair(bench *b, double stop_s, mb_slo slo) {
    static const row rows[] = {{0, 0, 30}, {0.5, 0, 30}};
    open_bench(b, rows, 2);
    b->batch_limit = 1;
    b->config.stop_s = stop_s;
    b->config.slo = slo;
    b->hardware.memory.capacity = 100;
    run_bench(b, &TAKE);
}

static void test_stop_within_a_batch(void **state) {
    (void)state;
    bench b;
    open_pair(&b, 2, (mb_slo){INFINITY, INFINITY, 1.4, INFINITY, false, 0});
    check_time(measured(&b, "duration_s"), 2);
    check_time(measured(&b, "gpu_util"), 1);
    check_time(measured(&b, "kv_mean"), 0.3);
    check_time(measured(&b, "kv_peak"), 0.3);
    check_time(measured(&b, "batches"), 1);
    check_time(measured(&b, "throughput_rps"), 0.5);
    check_time(measured(&b, "served_share"), 0.5);
    check_time(measured(&b, "e2e_violation"), 0.5); // it has been there for 1.5 s
    check_time(measured(&b, "censored"), 0);
    check_time(measured(&b, "goodput_rps"), 0.5);
    close_bench(&b);
}

static void test_censored(void **state) {
    (void)state;
    bench b;
    open_pair(&b, 2, (mb_slo){INFINITY, INFINITY, 1.5, INFINITY, false, 0}); // not past its bound yet
    check_time(measured(&b, "e2e_violation"), 0);
    check_time(measured(&b, "slo_attainment"), 1);
    check_time(measured(&b, "censored"), 1);
    close_bench(&b);
    open_pair(&b, 2, (mb_slo){1.2, INFINITY, 60, INFINITY, false, 0}); // without a first token after 1.5 s
    check_time(measured(&b, "ttft_violation"), 0.5);
    check_time(measured(&b, "e2e_violation"), 0);
    check_time(measured(&b, "slo_attainment"), 0.5);
    check_time(measured(&b, "censored"), 0);
    close_bench(&b);
}

// A gap of 0.01 s against a bound of 0.005 s: missed once it has lasted that long, and not before.
static void test_gaps_as_far_as_known(void **state) {
    (void)state;
    static const double stops[] = {2.2, 2.304, 2.306}, missed[] = {1, 1, 1};
    static const double censored[] = {1, 1, 0};
    for (int i = 0; i < 3; i++) {
        bench b;
        open_pair(&b, stops[i], (mb_slo){INFINITY, 0.005, INFINITY, INFINITY, false, 0});
        check_time(measured(&b, "tbt_violation"), missed[i]); // the first one has
        check_time(measured(&b, "censored"), censored[i]);
        close_bench(&b);
    }
}

static mb_status reject_others(void *self, mb_sim *sim, uint32_t slot, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->id > 0) return mb_sim_reject(sim, slot, "no", error);
    (void)self;
    mb_sim_push(sim, 0, slot, false);
    return MB_OK;
}

static void test_rejected_have_missed(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}, {0.1, 0, 30}, {0.2, 0, 30}, {0.3, 0, 30}};
    bench b;
    open_bench(&b, rows, 4);
    b.config.slo = (mb_slo){2, INFINITY, 2, INFINITY, false, 0};
    run_bench(&b, &(mb_policy_ops){.arrive = reject_others, .schedule = take});
    check_time(measured(&b, "served_share"), 0.25);
    check_time(measured(&b, "slo_attainment"), 0.25);
    check_time(measured(&b, "ttft_violation"), 0.75);
    check_time(measured(&b, "e2e_violation"), 0.75);
    check_time(measured(&b, "goodput_rps"), 1 / 1.3);
    check_time(measured(&b, "waited_fraction"), 0); // they were turned away at once
    assert_true(isnan(measured(&b, "tbt_violation")));
    close_bench(&b);
}

static mb_status take_first(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_status status = MB_OK;
    if (sim->metrics.finished == 0) status = take(self, sim, replica, error);
    return status;
}

static void test_starved_have_missed(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}, {0.1, 0, 30}, {3, 0, 30}, {4, 0, 30}};
    bench b;
    open_bench(&b, rows, 4);
    b.batch_limit = 1;
    b.config.slo = (mb_slo){INFINITY, INFINITY, 100, INFINITY, false, 0};
    run_bench(&b, &(mb_policy_ops){.schedule = take_first});
    check_time(measured(&b, "unfinished"), 3);
    check_time(measured(&b, "censored"), 0);
    check_time(measured(&b, "slo_attainment"), 0.25);
    check_time(measured(&b, "duration_s"), 4); // the last arrival was observed too
    check_time(measured(&b, "gpu_util"), 1.3 / 4);
    close_bench(&b);
}

// Batches 0 to 1.3, 1.3 to 2.6 and 5 to 6.3 s; 30 of 100 tokens each.
static void run_warm(bench *b, uint64_t requests, double seconds) {
    static const row rows[] = {{0, 0, 30}, {0.5, 0, 30}, {5, 0, 30}};
    open_bench(b, rows, 3);
    b->batch_limit = 1;
    b->config.warmup_requests = requests;
    b->config.warmup_s = seconds;
    b->config.slo = (mb_slo){INFINITY, INFINITY, 1.4, INFINITY, false, 0};
    b->hardware.memory.capacity = 100;
    run_bench(b, &TAKE);
}

static void test_warmup(void **state) {
    (void)state;
    bench b;
    run_warm(&b, 1, 0); // observed from 0.5 s on; the first request ends in that time
    check_time(measured(&b, "duration_s"), 5.8);
    check_time(measured(&b, "throughput_rps"), 3 / 5.8);
    check_time(measured(&b, "goodput_rps"), 2 / 5.8); // the second takes 2.1 s
    check_time(measured(&b, "slo_attainment"), 0.5);
    check_time(measured(&b, "gpu_util"), (0.8 + 1.3 + 1.3) / 5.8);
    check_time(measured(&b, "kv_mean"), 0.3 * 3.4 / 5.8);
    check_time(measured(&b, "e2e_mean_s"), (2.1 + 1.3) / 2);
    close_bench(&b);
    run_warm(&b, 0, 2); // only the last arrives after that
    check_time(measured(&b, "duration_s"), 4.3);
    check_time(measured(&b, "batches"), 2);
    check_time(measured(&b, "throughput_rps"), 2 / 4.3);
    check_time(measured(&b, "served_share"), 1);
    check_time(measured(&b, "slo_attainment"), 1);
    check_time(measured(&b, "gpu_util"), (0.6 + 1.3) / 4.3);
    close_bench(&b);
    run_warm(&b, 0, 100); // never over
    check_time(measured(&b, "duration_s"), 0);
    check_time(measured(&b, "finished"), 3);
    assert_true(isnan(measured(&b, "throughput_rps")) && isnan(measured(&b, "gpu_util")) &&
                isnan(measured(&b, "slo_attainment")) && isnan(measured(&b, "kv_peak")));
    close_bench(&b);
}

static void test_bounds_and_rounding(void **state) {
    (void)state;
    assert_true(0.1 + 0.2 > 0.3 && !mb_exceeds(0.1 + 0.2, 0.3, 1));
    assert_false(mb_exceeds(4e-17, 0, 0.3));
    assert_true(mb_exceeds(0.3001, 0.3, 1));
    assert_true(mb_exceeds(1e-6, 0, 1));
    assert_false(mb_exceeds(1e300, INFINITY, 1));
    // Ten batches of 1.3 s end at 13.000000000000002 s: the tenth request waited for nine and kept its bound.
    row rows[10];
    for (int i = 0; i < 10; i++)
        rows[i] = (row){0, 0, 30};
    bench b;
    open_bench(&b, rows, 10);
    b.batch_limit = 1;
    b.config.slo = (mb_slo){INFINITY, 0.01, 13, INFINITY, false, 0};
    run_bench(&b, &TAKE);
    assert_true(b.of[9].end_s > 13);
    check_time(measured(&b, "slo_attainment"), 1);
    close_bench(&b);
}

static void test_set_edges_files_again(void **state) {
    (void)state;
    const row rows[] = {{0, 0, 30}};
    bench b;
    open_bench(&b, rows, 1);
    run_bench(&b, &TAKE); // an empty, finished simulation to play with
    mb_sim *sim = &b.sim;
    const double edges[] = {10, 20}, others[] = {5, 6};
    const uint32_t bins = mb_sim_add_bins(sim, MB_KEY_PROMPT_TOKENS, 3, edges);
    const unsigned prompts[] = {15, 3, 25, 5, 12, 30};
    for (unsigned i = 0; i < 6; i++) {
        const uint32_t slot = mb_request_new(&sim->requests, false);
        mb_request *request = mb_request_at(&sim->requests, slot);
        request->id = i;
        request->prompt_tokens = prompts[i];
        mb_sim_push_bins(sim, bins, slot);
    }
    const mb_queue *first = &sim->queues[sim->bins[bins].queues[0]];
    assert_int_equal(first[0].count, 2);
    assert_int_equal(first[1].count, 2);
    assert_true(mb_sim_set_edges(sim, bins, others, 3));
    assert_int_equal(first[0].count, 1);
    assert_int_equal(first[1].count, 1);
    assert_int_equal(first[2].count, 4);
    const unsigned order[] = {15, 25, 12, 30}; // of arrival
    uint32_t slot = mb_queue_peek(&first[2], &sim->requests);
    for (int i = 0; i < 4; i++, slot = mb_queue_after(&first[2], &sim->requests, slot))
        assert_int_equal(mb_request_at(&sim->requests, slot)->prompt_tokens, order[i]);
    const double none[] = {100, 100}; // all in the first bin, from three
    assert_true(mb_sim_set_edges(sim, bins, none, 3));
    assert_int_equal(first[0].count, 6);
    slot = mb_queue_peek(&first[0], &sim->requests);
    for (int i = 0; i < 6; i++, slot = mb_queue_after(&first[0], &sim->requests, slot))
        assert_int_equal(mb_request_at(&sim->requests, slot)->prompt_tokens, prompts[i]);
    assert_int_equal(slot, MB_NONE);
    assert_true(mb_sim_set_edges(sim, bins, edges, 3)); // and back again
    assert_int_equal(first[0].count, 2);
    assert_int_equal(first[1].count, 2);
    assert_int_equal(first[2].count, 2);
    close_bench(&b);
}

// --- timers: one that moves the clock may fire for a night; one that does not, or that nothing can follow,
// may not

typedef struct ticking {
    double period_s;
    unsigned long fired;
    bool takes;
} ticking;

static mb_status start_ticking(void *self, mb_sim *sim, mb_error *error) {
    (void)error;
    ticking *t = self;
    assert_true(mb_sim_set_timer(sim, sim->now_s + t->period_s, 0));
    return MB_OK;
}

static mb_status tick(void *self, mb_sim *sim, uint32_t timer, mb_error *error) {
    (void)timer;
    ((ticking *)self)->fired++;
    return start_ticking(self, sim, error);
}

static mb_status take_if(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)replica, (void)error;
    mb_refusal refusal;
    if (((ticking *)self)->takes) mb_step_admit(sim, 0, 1, &refusal);
    return MB_OK;
}

// Two requests, the second after a night of 30,000 s; the sentence that the run ended with, or "".
static mb_error run_ticking(ticking *t) {
    static const mb_policy_ops TICKING = {.init = start_ticking, .timer = tick, .schedule = take_if};
    const row rows[] = {{0, 10, 20}, {30000, 10, 20}};
    bench b;
    open_bench(&b, rows, 2);
    b.hardware.latency = &b.latency;
    b.config.hardware = &b.hardware;
    const mb_observer observer = {.finished = on_finished, .self = &b};
    mb_error error = {0};
    assert_int_equal(mb_workload_prepare(&b.workload, &error), MB_OK);
    assert_int_equal(mb_source_open(&b.workload, 1, 0, &b.source, &error), MB_OK);
    assert_int_equal(mb_sim_init(&b.sim, &b.config, b.source, (mb_policy){&TICKING, t}, &observer, &error),
                     MB_OK);
    mb_sim_run(&b.sim, &error);
    close_bench(&b);
    return error;
}

static void test_timers_alone(void **state) {
    (void)state;
    ticking night = {.period_s = 0.01, .takes = true}; // 3 million firings between the two requests
    assert_string_equal(run_ticking(&night).message, "");
    assert_true(night.fired > 2999000);
    ticking still = {.period_s = 0, .takes = true};
    assert_non_null(strstr(run_ticking(&still).message, "the clock moved by less than a microsecond each"));
    ticking crawling = {.period_s = 1e-9, .takes = true};
    assert_non_null(
        strstr(run_ticking(&crawling).message, "the clock moved by less than a microsecond each"));
    ticking starving = {.period_s = 0.01}; // after the second request nothing is to come
    const mb_error error = run_ticking(&starving);
    assert_non_null(strstr(error.message, "nothing else is to come; 2 requests wait, 0 run"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_by_hand),
        cmocka_unit_test(test_equal_times_arrive_before_planning),
        cmocka_unit_test(test_lowest_replica_first),
        cmocka_unit_test(test_memory_stops_a_batch),
        cmocka_unit_test(test_contiguous_pool_reserves_the_maximum),
        cmocka_unit_test(test_oversize_is_rejected_with_a_sentence),
        cmocka_unit_test(test_oversize_blocks_where_asked),
        cmocka_unit_test(test_idle_with_work),
        cmocka_unit_test(test_a_timer_wakes_idle_replicas),
        cmocka_unit_test(test_violations_and_goodput),
        cmocka_unit_test(test_stop_within_a_batch),
        cmocka_unit_test(test_censored),
        cmocka_unit_test(test_gaps_as_far_as_known),
        cmocka_unit_test(test_rejected_have_missed),
        cmocka_unit_test(test_starved_have_missed),
        cmocka_unit_test(test_warmup),
        cmocka_unit_test(test_bounds_and_rounding),
        cmocka_unit_test(test_set_edges_files_again),
        cmocka_unit_test(test_timers_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
