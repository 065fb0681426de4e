// SPDX-License-Identifier: MIT
// An engine by itself: no simulation, no policy, no other replica. The test is what it stands in; every time
// is worked out by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/engine.h"

#include <string.h>

// A step of T tokens and decodes that read K takes 10 ms + 1 ms T + 1 ms K.
static const mb_latency STEPS = {.kind = MB_LATENCY_STEP,
                                 .step = {.base_s = 0.010, .per_token_s = 0.001, .per_context_s = 0.001}};
// A batch takes 1 s + 0.1 s for each position of its longest.
static const mb_latency BATCHES = {.law = {.alpha_s = 1, .beta_s_per_token = 0.1}};

typedef struct world {
    mb_surroundings around;
    mb_engine engine;
    mb_request_store requests;
    mb_metrics metrics;
    mb_rng noise;
    double now_s, wake_s;
    uint32_t waiting, running, forgotten;
    uint32_t done[8], done_count; // slots
    double done_s[8];
    mb_served served[8];
    mb_preempted preempted;
} world;

static bool wake(void *self, const mb_engine *engine, double time_s) {
    (void)engine;
    ((world *)self)->wake_s = time_s;
    return true;
}

static void took(void *self, const mb_engine *engine, uint32_t slot) {
    world *w = self;
    assert_int_equal(mb_request_at(&w->requests, slot)->replica, engine->id);
    w->waiting--;
    w->running++;
}

static mb_status gave_back(void *self, const mb_engine *engine, uint32_t slot, uint32_t queue, bool front,
                           mb_error *error) {
    world *w = self;
    (void)engine, (void)slot, (void)error;
    assert_int_equal(queue, MB_NONE);
    assert_true(front);
    w->waiting++;
    w->running--;
    return MB_OK;
}

static void forget(void *self, uint32_t slot) {
    (void)slot;
    ((world *)self)->forgotten++;
}

static mb_status done(void *self, const mb_engine *engine, uint32_t slot, const mb_served *served,
                      mb_error *error) {
    world *w = self;
    (void)engine, (void)error;
    w->done_s[w->done_count] = w->now_s;
    w->served[w->done_count] = *served;
    w->done[w->done_count++] = slot;
    w->running--;
    return MB_OK;
}

static mb_status preempted(void *self, const mb_preempted *record, mb_error *error) {
    (void)error;
    ((world *)self)->preempted = *record;
    return MB_OK;
}

static void open_world(world *w, const mb_latency *latency, uint32_t blocks, bool naive) {
    memset(w, 0, sizeof *w);
    mb_request_store_init(&w->requests);
    w->around = (mb_surroundings){.clock = &w->now_s,
                                  .requests = &w->requests,
                                  .noise = &w->noise,
                                  .host_tokens = 6,
                                  .swap_s_per_token = 0.001,
                                  .metrics = &w->metrics,
                                  .self = w,
                                  .wake = wake,
                                  .took = took,
                                  .gave_back = gave_back,
                                  .forget = forget,
                                  .done = done,
                                  .preempted = preempted};
    const mb_engine_memory memory = {.capacity = 4 * (uint64_t)blocks, .block = 4};
    mb_error error = {0};
    if (mb_engine_init(&w->engine, 3, &w->around, latency, &memory, naive, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void close_world(world *w) {
    if (w->engine.stepper) assert_int_equal(mb_engine_kv_used(&w->engine), 0);
    assert_int_equal(w->waiting, 0);
    assert_int_equal(w->running, 0);
    mb_engine_deinit(&w->engine);
    mb_request_store_deinit(&w->requests);
    mb_metrics_deinit(&w->metrics);
}

static uint32_t request(world *w, uint32_t prompt, uint32_t output) {
    const uint32_t slot = mb_request_new(&w->requests, w->engine.stepper != NULL);
    mb_request *made = mb_request_at(&w->requests, slot);
    made->id = slot;
    made->arrival_s = made->since_s = w->now_s;
    made->start_s = NAN;
    made->prompt_tokens = prompt;
    made->output_tokens = made->predicted_output = output;
    w->waiting++;
    return slot;
}

static void start(world *w) {
    bool started;
    mb_error error = {0};
    if (mb_engine_start(&w->engine, &started, &error) != MB_OK) fail_msg("%s", error.message);
    assert_true(started);
}

// To the instant that the engine waits for. Whether it stopped there; the report, if so.
static bool advance(world *w, mb_step_report *report) {
    mb_error error = {0};
    w->now_s = w->engine.event_s;
    assert_true(w->now_s < INFINITY);
    mb_engine_reach(&w->engine);
    if (!mb_engine_stops(&w->engine)) return false;
    assert_int_equal(mb_engine_end(&w->engine, report, &error), MB_OK);
    return true;
}

// Until nothing runs: each step carries what runs.
static void run_out(world *w) {
    mb_step_report report;
    mb_error error = {0};
    uint32_t count;
    while (w->engine.stepper && mb_engine_running(&w->engine)) {
        if (!mb_engine_stepping(&w->engine)) {
            mb_engine_begin(&w->engine);
            assert_int_equal(mb_engine_carry(&w->engine, (mb_carry_rule){0}, &count, &error), MB_OK);
            start(w);
        }
        if (!advance(w, &report)) assert_int_equal(mb_engine_continue(&w->engine, &error), MB_OK);
    }
}

static void near(double value, double wanted) {
    if (!(fabs(value - wanted) <= 1e-12)) fail_msg("%.17g, not %.17g", value, wanted);
}

// Two requests: prompts of 4 and 2 tokens, answers of 3 and 1. The first step computes 6 tokens: 16 ms, and
// the second request is done. Decodes then read 5 and 6 tokens: 16 ms, 17 ms.
static void test_build_and_run(void **state) {
    (void)state;
    for (int naive = 0; naive < 2; naive++) {
        world w;
        mb_step_report report;
        open_world(&w, &STEPS, 100, naive);
        const uint32_t a = request(&w, 4, 3), b = request(&w, 2, 1);
        mb_engine_begin(&w.engine);
        assert_false(mb_engine_built(&w.engine));
        assert_int_equal(mb_engine_add(&w.engine, a, 0), MB_FITS);
        assert_int_equal(mb_engine_add(&w.engine, b, 0), MB_FITS);
        assert_true(mb_engine_in_step(&w.engine, b));
        start(&w);
        assert_int_equal(w.running, 2);
        near(w.wake_s, 0.016);
        assert_true(advance(&w, &report));
        near(report.duration_s, 0.016);
        assert_int_equal(report.prefill_tokens, 6);
        assert_int_equal(w.done_count, 1);
        assert_int_equal(w.done[0], b);
        assert_int_equal(mb_engine_running(&w.engine), 1);
        run_out(&w);
        assert_int_equal(w.done[1], a);
        near(w.done_s[1], 0.016 + 0.016 + 0.017);
        near(w.served[1].first_token_s, 0.016);
        near(w.served[1].tbt_s, 0.0165);
        close_world(&w);
    }
}

// It jumps over 50 equal steps, and looks up in the middle of them when it is told to.
static void test_look_up(void **state) {
    (void)state;
    world w;
    mb_error error = {0};
    open_world(&w, &STEPS, 100, false);
    const uint32_t slot = request(&w, 1, 51);
    mb_engine_begin(&w.engine);
    assert_int_equal(mb_engine_add(&w.engine, slot, 0), MB_FITS);
    start(&w);
    mb_step_report report;
    assert_true(advance(&w, &report)); // the prompt: 11 ms, and then steps of 13 ms, 14 ms, ...
    uint32_t count;
    mb_engine_begin(&w.engine);
    assert_int_equal(mb_engine_carry(&w.engine, (mb_carry_rule){0}, &count, &error), MB_OK);
    start(&w);
    near(w.wake_s, 0.011 + 50 * 0.013 + 50 * 49 / 2 * 0.001);
    w.now_s = 0.011 + 0.013 + 0.001; // within the second step
    const double boundary = mb_engine_look_up(&w.engine);
    near(boundary, 0.011 + 0.013 + 0.014);
    assert_false(advance(&w, &report)); // it stands between two steps
    mb_engine_show_progress(&w.engine, mb_request_at(&w.requests, slot));
    assert_int_equal(mb_request_at(&w.requests, slot)->generated, 3);
    assert_int_equal(mb_engine_end(&w.engine, &report, &error), MB_OK);
    assert_int_equal(report.count, 2);
    assert_int_equal(w.done_count, 0);
    run_out(&w);
    near(w.done_s[0], 0.011 + 50 * 0.013 + 50 * 49 / 2 * 0.001);
    close_world(&w);
}

// Four blocks of four tokens. The elder takes two blocks for its prompt, the younger two; the elder's first
// decode needs a third, so the younger is set aside and computed again when there is room.
static void test_preempt(void **state) {
    (void)state;
    for (int naive = 0; naive < 2; naive++) {
        world w;
        mb_step_report report;
        mb_error error = {0};
        uint32_t count;
        open_world(&w, &STEPS, 4, naive);
        const uint32_t elder = request(&w, 8, 2), younger = request(&w, 5, 2);
        mb_engine_begin(&w.engine);
        assert_int_equal(mb_engine_add(&w.engine, elder, 0), MB_FITS);
        assert_int_equal(mb_engine_add(&w.engine, younger, 0), MB_FITS);
        assert_int_equal(mb_engine_add(&w.engine, request(&w, 1, 1), 0), MB_REFUSED_MEMORY);
        w.waiting--; // that one goes elsewhere
        start(&w);
        assert_true(advance(&w, &report)); // 10 + 13 ms
        mb_engine_begin(&w.engine);
        assert_int_equal(mb_engine_carry(&w.engine, (mb_carry_rule){0}, &count, &error), MB_OK);
        assert_int_equal(count, 1);
        assert_int_equal(w.waiting, 1);
        assert_string_equal(w.preempted.how, "recompute");
        assert_int_equal(w.preempted.id, younger);
        assert_int_equal(w.preempted.lost_tokens, 5);
        assert_int_equal(w.preempted.replica, 3);
        start(&w);
        assert_true(advance(&w, &report)); // one decode that reads 9: 10 + 1 + 9 ms
        assert_int_equal(w.done[0], elder);
        near(w.done_s[0], 0.023 + 0.020);
        mb_engine_begin(&w.engine);
        assert_int_equal(mb_engine_add(&w.engine, younger, 0), MB_FITS);
        start(&w);
        run_out(&w); // its prompt and its first token again: 10 + 6 ms, which gives the second
        assert_int_equal(w.done[1], younger);
        near(w.done_s[1], 0.043 + 0.016);
        assert_int_equal(w.metrics.preemptions, 1);
        assert_int_equal(w.metrics.recomputed_tokens, 5);
        close_world(&w);
    }
}

// Out to the host and back: 1 ms per token each way. The host holds 6 tokens.
static void test_swap(void **state) {
    (void)state;
    world w;
    mb_step_report report;
    mb_error error = {0};
    mb_refusal refusal;
    uint32_t count;
    open_world(&w, &STEPS, 100, false);
    const uint32_t stays = request(&w, 1, 3), goes = request(&w, 5, 2), large = request(&w, 7, 2);
    mb_engine_begin(&w.engine);
    assert_int_equal(mb_engine_add(&w.engine, stays, 0), MB_FITS);
    assert_int_equal(mb_engine_add(&w.engine, goes, 0), MB_FITS);
    assert_int_equal(mb_engine_add(&w.engine, large, 0), MB_FITS);
    start(&w);
    assert_true(advance(&w, &report)); // 10 + 13 ms
    mb_engine_begin(&w.engine);
    assert_int_equal(mb_engine_preempt(&w.engine, goes, MB_PREEMPT_SWAP, MB_NONE, true, &refusal, &error),
                     MB_OK);
    assert_int_equal(refusal, MB_FITS);
    assert_int_equal(w.around.host_used, 5);
    assert_int_equal(mb_engine_preempt(&w.engine, large, MB_PREEMPT_SWAP, MB_NONE, true, &refusal, &error),
                     MB_OK);
    assert_int_equal(refusal, MB_REFUSED_HOST);
    assert_int_equal(mb_engine_carry(&w.engine, (mb_carry_rule){0}, &count, &error), MB_OK);
    start(&w);
    assert_true(advance(&w, &report)); // 10 + 2 + (2 + 8) ms, and 5 ms for what went
    near(w.done_s[0], 0.023 + 0.022 + 0.005);
    assert_int_equal(w.done[0], large);
    mb_engine_begin(&w.engine);
    assert_int_equal(mb_engine_carry(&w.engine, (mb_carry_rule){0}, &count, &error), MB_OK);
    assert_int_equal(mb_engine_add(&w.engine, goes, 0), MB_FITS);
    assert_int_equal(w.around.host_used, 0);
    start(&w);
    assert_true(advance(&w, &report)); // 10 + 2 + (3 + 6) ms, and 5 ms for what came
    assert_int_equal(w.done_count, 3);
    near(w.done_s[2], 0.050 + 0.021 + 0.005);
    close_world(&w);
}

// A static batch of a step model: one step for the prompts, padded to the longest, then one per further token
// of the longest answer. A row whose end does not fit goes back.
static void test_barrier(void **state) {
    (void)state;
    world w;
    mb_step_report report;
    mb_error error = {0};
    uint32_t returned;
    open_world(&w, &STEPS, 4, false);
    const uint32_t a = request(&w, 2, 3), b = request(&w, 4, 1), c = request(&w, 3, 9);
    mb_engine_begin(&w.engine);
    assert_int_equal(mb_engine_add(&w.engine, a, 0), MB_FITS);
    assert_int_equal(mb_engine_add(&w.engine, b, 0), MB_FITS);
    assert_int_equal(mb_engine_add(&w.engine, c, 0), MB_FITS);
    assert_int_equal(mb_engine_barrier(&w.engine, 0, &returned, &error), MB_OK);
    assert_int_equal(returned, 1); // 2 + 2 blocks for a and b, and 3 more for c
    assert_int_equal(w.waiting, 1);
    start(&w);
    assert_int_equal(mb_engine_running(&w.engine), 2);
    mb_batch_time time;
    assert_int_equal(mb_latency_barrier(&STEPS, 2, 4, 3, UINT64_MAX, &w.noise, &time, &error), MB_OK);
    near(w.wake_s, time.duration_s);
    assert_true(advance(&w, &report));
    assert_int_equal(report.longest_tokens, 4 + 3);
    assert_int_equal(w.done_count, 2);
    near(w.served[0].first_token_s, 0.018); // 10 + 2 x 4 ms
    w.waiting--;                            // c goes elsewhere
    close_world(&w);
}

// Without a step model: the batch as a whole.
static void test_whole_batches(void **state) {
    (void)state;
    world w;
    mb_step_report report;
    open_world(&w, &BATCHES, 5, false); // 20 tokens
    const uint32_t a = request(&w, 4, 3), b = request(&w, 2, 8), c = request(&w, 2, 2);
    mb_engine_begin(&w.engine);
    assert_int_equal(mb_engine_add(&w.engine, a, 0), MB_FITS);
    assert_int_equal(mb_engine_add(&w.engine, b, 0), MB_FITS);
    assert_int_equal(mb_engine_add(&w.engine, c, 0), MB_REFUSED_MEMORY);
    assert_int_equal(w.around.kv_used, 17);
    start(&w);
    assert_int_equal(mb_engine_running(&w.engine), 2);
    near(w.wake_s, 2);
    assert_true(advance(&w, &report));
    assert_int_equal(report.requests, 2);
    assert_int_equal(w.done_count, 2);
    near(w.done_s[1], 2);
    assert_int_equal(w.served[1].batch, 1);
    assert_int_equal(w.around.kv_used, 0);
    assert_int_equal(mb_engine_running(&w.engine), 0);
    w.waiting--;
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_and_run), cmocka_unit_test(test_look_up),
        cmocka_unit_test(test_preempt),       cmocka_unit_test(test_swap),
        cmocka_unit_test(test_barrier),       cmocka_unit_test(test_whole_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
