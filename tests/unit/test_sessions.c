// SPDX-License-Identifier: MIT
// Workloads that wait for answers: users, and sessions.
#include "base/strbuf.h"
#include "workload/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static mb_distribution fixed(double value) {
    return (mb_distribution){.kind = MB_DIST_FIXED, .a = value};
}

static mb_distribution exponential(double mean) {
    return (mb_distribution){.kind = MB_DIST_EXPONENTIAL, .a = mean};
}

static mb_workload synthetic(uint64_t limit) {
    return (mb_workload){.kind = MB_WORKLOAD_SYNTHETIC,
                         .arrivals = {.kind = MB_ARRIVALS_CONSTANT, .rate = 1},
                         .prompt = fixed(100),
                         .output = fixed(20),
                         .limit = limit,
                         .until_s = INFINITY};
}

static mb_source *open_source(mb_workload *workload) {
    mb_error error;
    mb_source *source = NULL;
    if (mb_workload_prepare(workload, &error) || mb_source_open(workload, 1, 0, &source, &error))
        fail_msg("%s", error.message);
    return source;
}

// True, and the arrival, unless there is none now.
static bool next(mb_source *source, mb_arrival *arrival) {
    mb_error error;
    bool end;
    const double time_s = mb_source_next_time(source);
    if (mb_source_next(source, arrival, &end, &error)) fail_msg("%s", error.message);
    if (mb_source_closed(source)) assert_true(end ? isinf(time_s) : time_s == arrival->time_s);
    return !end;
}

static void expect_next(mb_source *source, double time_s, uint32_t user) {
    mb_arrival arrival;
    assert_true(next(source, &arrival));
    if (arrival.time_s != time_s || arrival.user != user)
        fail_msg("user %u at %g s, not user %u at %g s", arrival.user, arrival.time_s, user, time_s);
}

static mb_departure leave(const mb_arrival *arrival, double time_s, bool rejected) {
    return (mb_departure){.user = arrival->user,
                          .session = arrival->session,
                          .prompt_tokens = arrival->prompt_tokens,
                          .output_tokens = arrival->output_tokens,
                          .time_s = time_s,
                          .rejected = rejected};
}

static void finish(mb_source *source, const mb_arrival *arrival, double time_s, bool rejected) {
    const mb_departure departure = leave(arrival, time_s, rejected);
    mb_error error;
    if (mb_source_finished(source, &departure, &error)) fail_msg("%s", error.message);
}

// ---- one server, to drive a source with

typedef struct job {
    mb_arrival arrival;
    uint64_t number; // in the order of arrival
} job;

typedef struct server {
    mb_source *source;
    bool last_first; // serve the latest, not the earliest
    job waiting[4096];
    size_t count;
    uint64_t arrived;
    double now_s, busy_s;
    // Called for each arrival and each departure.
    void (*seen)(void *context, const mb_arrival *arrival, double finished_s);
    void *context;
} server;

static void take_arrivals(server *s, double until_s) {
    while (mb_source_next_time(s->source) <= until_s) {
        job *j = &s->waiting[s->count++];
        assert_true(s->count < sizeof s->waiting / sizeof *s->waiting);
        assert_true(next(s->source, &j->arrival));
        j->number = s->arrived++;
        if (s->seen) s->seen(s->context, &j->arrival, -1);
    }
}

// Serve until nobody will come any more. Answers go out before arrivals at the same instant come in.
static void serve(server *s) {
    for (;;) {
        if (s->count == 0) {
            const double next_s = mb_source_next_time(s->source);
            if (isinf(next_s)) break;
            s->now_s = next_s;
            take_arrivals(s, next_s);
        }
        size_t best = 0;
        for (size_t i = 1; i < s->count; i++)
            if (s->last_first == (s->waiting[i].number > s->waiting[best].number)) best = i;
        const job j = s->waiting[best];
        s->waiting[best] = s->waiting[--s->count];
        const double end_s = s->now_s + j.arrival.service_s;
        take_arrivals(s, nextafter(end_s, 0));
        s->now_s = end_s;
        s->busy_s += j.arrival.service_s;
        finish(s->source, &j.arrival, end_s, false);
        if (s->seen) s->seen(s->context, &j.arrival, end_s);
        take_arrivals(s, end_s);
    }
    assert_true(mb_source_over(s->source));
}

// ---- users

static void test_users_by_hand(void **unused) {
    (void)unused;
    mb_workload workload = synthetic(10);
    workload.users = 3;
    workload.ramp_s = 3;
    workload.think = fixed(2);
    mb_source *source = open_source(&workload);
    assert_true(mb_source_closed(source) && !mb_source_over(source));
    mb_arrival first, second, third, none;
    assert_true(next(source, &first) && next(source, &second) && next(source, &third));
    assert_true(first.time_s == 0 && second.time_s == 1 && third.time_s == 2);
    assert_true(first.user == 1 && second.user == 2 && third.user == 3 && first.session == 0);
    assert_true(isinf(mb_source_next_time(source)) && !mb_source_over(source));
    assert_false(next(source, &none)); // everyone waits; that is not the end
    finish(source, &second, 5, false);
    finish(source, &first, 5.5, true); // turned away: comes back all the same
    assert_true(mb_source_next_time(source) == 7);
    expect_next(source, 7, 2);
    expect_next(source, 7.5, 1);
    finish(source, &third, 20, false);
    expect_next(source, 22, 3);
    mb_error error;
    const mb_departure nobody = {.user = 4}, free_of_users = {.user = 0};
    assert_int_equal(mb_source_finished(source, &nobody, &error), MB_FAILED);
    assert_string_equal(error.message, "workload: an answer for user 4, who waits for none");
    assert_int_equal(mb_source_finished(source, &free_of_users, &error), MB_OK);
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

typedef struct times {
    size_t count;
    double at_s[64];
} times;

static void keep_time(void *context, const mb_arrival *arrival, double finished_s) {
    times *t = context;
    if (finished_s < 0) t->at_s[t->count++] = arrival->time_s;
}

static void expect_times(mb_workload workload, const double *expected, size_t count) {
    times t = {0};
    static server s;
    workload.service = fixed(5);
    workload.has_service = true;
    s = (server){.source = open_source(&workload), .seen = keep_time, .context = &t};
    serve(&s);
    assert_int_equal(t.count, count);
    for (size_t i = 0; i < count; i++)
        if (t.at_s[i] != expected[i]) fail_msg("arrival %zu at %g s, not %g s", i, t.at_s[i], expected[i]);
    mb_source_close(s.source);
    mb_workload_deinit(&workload);
}

// One server that takes 5 s: answers at 5, 10, 15, ..., and each user is back 2 s later.
static void test_users_at_a_server(void **unused) {
    (void)unused;
    mb_workload workload = synthetic(10);
    workload.users = 3;
    workload.ramp_s = 3;
    workload.think = fixed(2);
    expect_times(workload, (double[]){0, 1, 2, 7, 12, 17, 22, 27, 32, 37}, 10);
    workload.limit = 0;
    workload.until_s = 17; // the user who would be back at 22 s is not
    expect_times(workload, (double[]){0, 1, 2, 7, 12, 17}, 6);
    workload.users = 1;
    workload.ramp_s = 0;
    workload.think = fixed(0);
    expect_times(workload, (double[]){0, 5, 10, 15}, 4);
}

// The machine repair model M/M/1//N: with P0 the share of time that nobody is served, throughput is
// (1 - P0) / S, and N = throughput x (response + think).
static void test_users_by_theory(void **unused) {
    (void)unused;
    const double service_s = 1, think_s = 4;
    mb_workload workload = synthetic(400000);
    workload.users = 6;
    workload.think = exponential(think_s);
    workload.service = exponential(service_s);
    workload.has_service = true;
    static server s;
    s = (server){.source = open_source(&workload)};
    serve(&s);
    double sum = 0, term = 1; // N! / (N - k)! (S / Z)^k
    for (unsigned k = 0; k <= workload.users; k++) {
        sum += term;
        term *= (workload.users - k) * service_s / think_s;
    }
    const double busy = s.busy_s / s.now_s, expected = 1 - 1 / sum;
    if (fabs(busy - expected) > 0.004) fail_msg("busy %.5f, not %.5f", busy, expected);
    assert_true(fabs((double)s.arrived / s.now_s - expected / service_s) < 0.004);
    mb_source_close(s.source);
    mb_workload_deinit(&workload);
}

// ---- the same requests, whoever is served first

#define USERS 8
#define REQUESTS 200

typedef struct history {
    unsigned count[USERS + 1];
    mb_arrival arrivals[USERS + 1][REQUESTS];
    double think_s[USERS + 1][REQUESTS], left_s[USERS + 1];
} history;

static void record(void *context, const mb_arrival *arrival, double finished_s) {
    history *h = context;
    const uint32_t user = arrival->user;
    const unsigned n = h->count[user];
    assert_in_range(user, 1, USERS);
    if (finished_s >= 0) {
        h->left_s[user] = finished_s;
    } else if (n < REQUESTS) {
        h->arrivals[user][n] = *arrival;
        h->think_s[user][n] = arrival->time_s - h->left_s[user];
        h->count[user]++;
    }
}

static void run_order(mb_workload workload, bool last_first, history *h) {
    static server s;
    s = (server){.source = open_source(&workload), .last_first = last_first, .seen = record, .context = h};
    serve(&s);
    mb_source_close(s.source);
    mb_workload_deinit(&workload);
}

static void compare_orders(mb_workload workload) {
    static history first, last;
    first = last = (history){0};
    run_order(workload, false, &first);
    run_order(workload, true, &last);
    unsigned compared = 0, moved = 0;
    for (unsigned user = 1; user <= USERS; user++) {
        for (unsigned n = 0; n < first.count[user] && n < last.count[user]; n++, compared++) {
            const mb_arrival *a = &first.arrivals[user][n], *b = &last.arrivals[user][n];
            moved += a->time_s != b->time_s;
            assert_true(a->prompt_tokens == b->prompt_tokens && a->output_tokens == b->output_tokens);
            assert_true(a->predicted_output == b->predicted_output && a->service_s == b->service_s);
            assert_true(a->session == b->session && a->client == b->client);
            assert_true(a->class_index == b->class_index && a->priority == b->priority);
            assert_true(fabs(first.think_s[user][n] - last.think_s[user][n]) < 1e-9);
        }
    }
    assert_true(compared > 300 && moved > compared / 2);
}

static mb_workload busy_users(void) {
    mb_workload workload = synthetic(1500);
    workload.users = USERS;
    workload.clients = 3;
    workload.think = exponential(3);
    workload.service = exponential(1);
    workload.has_service = true;
    workload.prompt = exponential(500);
    workload.output = exponential(200);
    workload.predictor = (mb_predictor){.kind = MB_PREDICT_LOGNORMAL, .sigma = 0.5};
    return workload;
}

static void test_order_does_not_matter(void **unused) {
    (void)unused;
    compare_orders(busy_users());
    mb_workload workload = busy_users();
    workload.sessions = (mb_sessions){.on = true,
                                      .turns = {.kind = MB_DIST_UNIFORM, .a = 1, .b = 5},
                                      .think = exponential(1),
                                      .max_context = 4000};
    compare_orders(workload);
    workload = busy_users();
    workload.predictor = (mb_predictor){.kind = MB_PREDICT_ORIGIN, .sigma = 0.5, .origin_seed = 42};
    compare_orders(workload);
}

// ---- sessions

static mb_workload sessions(uint64_t limit, double turns, double think_s) {
    mb_workload workload = synthetic(limit);
    workload.sessions = (mb_sessions){.on = true, .turns = fixed(turns), .think = fixed(think_s)};
    return workload;
}

static void expect_turn(mb_source *source, double time_s, uint64_t session, uint32_t prompt,
                        mb_arrival *turn) {
    assert_true(next(source, turn));
    if (turn->time_s != time_s || turn->session != session || turn->prompt_tokens != prompt)
        fail_msg("session %llu with %u tokens at %g s, not %llu with %u at %g s",
                 (unsigned long long)turn->session, turn->prompt_tokens, turn->time_s,
                 (unsigned long long)session, prompt, time_s);
}

// Sessions begin at 0, 1, 2, ...; three turns of 100 new tokens and an answer of 20.
static void test_sessions_grow(void **unused) {
    (void)unused;
    mb_workload workload = sessions(100, 3, 10);
    workload.until_s = 30;
    mb_source *source = open_source(&workload);
    assert_true(mb_source_closed(source));
    mb_arrival a, b, c;
    expect_turn(source, 0, 1, 100, &a);
    finish(source, &a, 0.5, false);
    expect_turn(source, 1, 2, 100, &b);
    assert_true(b.user != 0 && b.user != a.user);
    for (int second = 2; second <= 10; second++)
        expect_turn(source, second, (uint64_t)second + 1, 100, &c); // those are never answered
    expect_turn(source, 10.5, 1, 220, &a);
    a.output_tokens = 7; // cut short: the conversation goes on with what was said
    finish(source, &a, 10.75, false);
    expect_turn(source, 11, 12, 100, &c);
    finish(source, &b, 11.5, false);
    for (int second = 12; second <= 20; second++)
        expect_turn(source, second, (uint64_t)second + 1, 100, &c);
    expect_turn(source, 20.75, 1, 327, &a);
    finish(source, &a, 20.8, false); // the last turn
    expect_turn(source, 21, 22, 100, &c);
    finish(source, &c, 21.25, true); // a refusal ends the session
    expect_turn(source, 21.5, 2, 220, &b);
    for (int second = 22; second <= 30; second++)
        expect_turn(source, second, (uint64_t)second + 1, 100, &c);
    finish(source, &b, 25, false); // back at 35 s: too late
    assert_true(isinf(mb_source_next_time(source)) && !mb_source_over(source));
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

static void test_max_context(void **unused) {
    (void)unused;
    mb_workload workload = sessions(100, 9, 1);
    workload.arrivals.rate = 0.001;
    workload.sessions.max_context = 360; // 340 + 20 fits
    mb_source *source = open_source(&workload);
    mb_arrival turn;
    expect_turn(source, 0, 1, 100, &turn);
    finish(source, &turn, 1, false);
    expect_turn(source, 2, 1, 220, &turn);
    finish(source, &turn, 3, false);
    expect_turn(source, 4, 1, 340, &turn);
    finish(source, &turn, 5, false);
    expect_turn(source, 1000, 2, 100, &turn);
    assert_int_equal(turn.user, 1); // a place is used again
    mb_source_close(source);
    workload.sessions.max_context = 10; // the first turn is sent whatever it has
    source = open_source(&workload);
    expect_turn(source, 0, 1, 100, &turn);
    finish(source, &turn, 1, false);
    expect_turn(source, 1000, 2, 100, &turn);
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

// Two users, two turns each: 1 s between turns, 5 s between sessions.
static void test_sessions_of_users(void **unused) {
    (void)unused;
    mb_workload workload = sessions(7, 2, 1);
    workload.users = 2;
    workload.think = fixed(5);
    mb_source *source = open_source(&workload);
    mb_arrival a, b;
    expect_turn(source, 0, 1, 100, &a);
    expect_turn(source, 0, 2, 100, &b);
    finish(source, &b, 10, false);
    expect_turn(source, 11, 2, 220, &b);
    finish(source, &b, 12, false);
    expect_turn(source, 17, 4, 100, &b);
    finish(source, &a, 18, true); // turned away: that session is over
    expect_turn(source, 23, 3, 100, &a);
    finish(source, &a, 24, false);
    expect_turn(source, 25, 3, 220, &a);
    finish(source, &a, 26, false);
    expect_turn(source, 31, 5, 100, &a);
    assert_true(mb_source_over(source)); // the limit, though two still wait
    finish(source, &a, 32, false);
    assert_true(isinf(mb_source_next_time(source)));
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

// A hundred thousand sessions, never more than a few at once: the places stay few.
static void test_sessions_are_lazy(void **unused) {
    (void)unused;
    mb_workload workload = sessions(300000, 3, 0.5);
    mb_source *source = open_source(&workload);
    mb_arrival turn;
    uint64_t count = 0, most_session = 0;
    while (next(source, &turn)) {
        assert_true(turn.user <= 4);
        finish(source, &turn, turn.time_s + 0.25, false);
        most_session = turn.session > most_session ? turn.session : most_session;
        count++;
    }
    assert_int_equal(count, 300000);
    assert_in_range(most_session, 100000, 100003);
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

// ---- mistakes

static void expect_sentence(mb_workload workload, const char *sentence) {
    mb_error error;
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
    mb_workload_deinit(&workload);
}

static void test_mistakes(void **unused) {
    (void)unused;
    mb_workload workload = synthetic(0);
    workload.users = 3;
    expect_sentence(workload,
                    "workload: synthetic requests without end; expected limit = number of requests, or "
                    "a last arrival time");
    workload = sessions(10, 0, 1);
    expect_sentence(workload, "workload: sessions of 0 turns; expected at least 1");
    workload = sessions(10, 3, 1);
    workload.prefix = (mb_shared_prefix){.tokens = 5, .groups = 1};
    expect_sentence(workload,
                    "workload: sessions with a shared prefix; expected one of the two (a session's turns "
                    "share what was said before)");
    workload = synthetic(10);
    workload.users = 2;
    workload.ramp_s = -1;
    expect_sentence(workload, "workload: a ramp of -1 s; expected seconds, at least 0");
}

// Nobody thinks and everybody is turned away: time would stand still for ever.
static void test_no_progress(void **unused) {
    (void)unused;
    mb_workload workload = synthetic(0);
    workload.users = 1;
    workload.until_s = 10;
    mb_source *source = open_source(&workload);
    mb_error error;
    mb_arrival a;
    mb_status status = MB_OK;
    for (int i = 0; !status && i < 2000000; i++) {
        assert_true(next(source, &a));
        const mb_departure departure = leave(&a, 0, true);
        status = mb_source_finished(source, &departure, &error);
    }
    assert_int_equal(status, MB_BAD_INPUT);
    assert_string_equal(
        error.message,
        "workload: at 0 s, 1000011 requests left without any time passing (rejected, or served in "
        "0 s); expected think above 0, or requests that fit");
    assert_true(mb_source_over(source));
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_by_hand),     cmocka_unit_test(test_users_at_a_server),
        cmocka_unit_test(test_users_by_theory),   cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_sessions_grow),     cmocka_unit_test(test_max_context),
        cmocka_unit_test(test_sessions_of_users), cmocka_unit_test(test_sessions_are_lazy),
        cmocka_unit_test(test_mistakes),          cmocka_unit_test(test_no_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
