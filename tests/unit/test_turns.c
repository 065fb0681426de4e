// SPDX-License-Identifier: MIT
// Recorded conversations whose turns wait for answers, against their definition. Run from the repository's
// root.
#include "base/strbuf.h"
#include "workload/source.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST 2000

// ---- serving a workload in which request n (its prompt, from 1) takes service_s[n]

typedef struct played {
    int count;
    double sent_s[MOST + 1], answered_s[MOST + 1]; // by number; below 0: never
    uint32_t predicted[MOST + 1];
    uint64_t session[MOST + 1];
} played;

typedef struct flight {
    double end_s;
    uint32_t user, number;
} flight;

static void answer(mb_source *source, played *all, flight *flights, int *count, int which) {
    const flight f = flights[which];
    flights[which] = flights[--*count];
    const mb_departure departure = {.user = f.user, .time_s = f.end_s, .rejected = f.number % 7 == 0};
    mb_error error;
    if (mb_source_finished(source, &departure, &error)) fail_msg("%s", error.message);
    all->answered_s[f.number] = f.end_s;
}

static void play(mb_workload workload, uint64_t replication, const double *service_s, played *all) {
    static flight flights[MOST];
    mb_error error;
    mb_source *source;
    if (mb_workload_prepare(&workload, &error)) fail_msg("%s", error.message);
    if (mb_source_open(&workload, 1, replication, &source, &error)) fail_msg("%s", error.message);
    assert_true(mb_source_closed(source) && mb_workload_closed(&workload));
    *all = (played){0};
    for (int i = 0; i <= MOST; i++)
        all->sent_s[i] = all->answered_s[i] = -1;
    double now_s = 0;
    for (int count = 0; !mb_source_over(source);) {
        int first = 0;
        for (int i = 1; i < count; i++)
            if (flights[i].end_s < flights[first].end_s) first = i;
        const double next_s = mb_source_next_time(source);
        if (count && flights[first].end_s <= next_s) {
            now_s = flights[first].end_s;
            answer(source, all, flights, &count, first);
            continue;
        }
        mb_arrival a;
        bool end;
        if (mb_source_next(source, &a, &end, &error)) fail_msg("%s", error.message);
        assert_true(!end && a.time_s == next_s && a.time_s >= now_s);
        now_s = a.time_s;
        const uint32_t number = a.prompt_tokens;
        assert_true(number <= MOST && all->sent_s[number] < 0);
        all->sent_s[number] = now_s;
        all->predicted[number] = a.predicted_output;
        all->session[number] = a.session;
        all->count++;
        flights[count++] = (flight){now_s + service_s[number], a.user, number};
    }
    assert_true(mb_source_next_time(source) > DBL_MAX);
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

// ---- files

static void write_file(char path[64], const char *text) {
    snprintf(path, 64, "/tmp/mbsand-turns-XXXXXX");
    FILE *file = fdopen(mkstemp(path), "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static mb_workload recorded(const char *path, mb_turns_mode turns) {
    mb_workload workload = {.kind = MB_WORKLOAD_TRACE, .until_s = INFINITY};
    workload.trace = (mb_trace){
        .layout = MB_TRACE_CSV, .time_unit_s = 1, .rate_scale = 1, .to_s = INFINITY, .turns = turns};
    workload.trace.path = mb_strdup(path);
    return workload;
}

static mb_workload by_parent(const char *path, mb_turns_mode turns) {
    mb_workload workload = recorded(path, turns);
    workload.trace.columns.id = mb_strdup("id");
    workload.trace.columns.parent = mb_strdup("parent");
    return workload;
}

static const char *const chat = "time,prompt,output,id,parent,end,wait\n"
                                "60,1,1,a,-1,70,\n"
                                "61,2,1,b,none,62,\n"
                                "73,3,1,c,a,80,1\n"
                                "73.5,4,1,d,gone,80,\n"
                                "74,5,1,e,a,90,\n"
                                "82,6,1,f,c,85,0.5\n";

// A turn comes at its own stamp, or with the answer to the one before it, if that is later.
static void test_wait(void **unused) {
    (void)unused;
    char path[64];
    write_file(path, chat);
    played all;
    double service_s[MOST + 1] = {0, 13.25, 1, 1, 1, 1, 1};
    play(by_parent(path, MB_TURNS_WAIT), 0, service_s, &all);
    assert_int_equal(all.count, 6);
    assert_true(all.sent_s[1] == 0 && all.sent_s[2] == 1);
    assert_true(all.sent_s[3] == 13.25); // answered 0.25 s after its stamp
    assert_true(all.sent_s[4] == 13.5);  // whom it follows is not in the file
    assert_true(all.sent_s[5] == 14 && all.sent_s[6] == 22);
    service_s[1] = 100;
    play(by_parent(path, MB_TURNS_WAIT), 0, service_s, &all);
    assert_true(all.sent_s[3] == 100 && all.sent_s[5] == 100 && all.sent_s[6] == 101 &&
                all.sent_s[4] == 13.5);
    unlink(path);
}

// A turn comes as long after the answer as it did in the recording: from its own column, or from the end
// there.
static void test_delay(void **unused) {
    (void)unused;
    char path[64];
    write_file(path, chat);
    played all;
    const double service_s[MOST + 1] = {0, 1, 1, 1, 1, 1, 1};
    mb_workload workload = by_parent(path, MB_TURNS_DELAY);
    workload.trace.columns.end = mb_strdup("end");
    play(workload, 0, service_s, &all);
    assert_int_equal(all.count, 6);
    assert_true(all.sent_s[1] == 0 && all.sent_s[3] == 1 + 3 && all.sent_s[5] == 1 + 4);
    assert_true(all.sent_s[6] == 4 + 1 + 2 && all.sent_s[4] == 13.5);
    workload = by_parent(path, MB_TURNS_DELAY);
    workload.trace.columns.end = mb_strdup("end");
    workload.trace.columns.delay = mb_strdup("wait");
    workload.trace.rate_scale = 2; // shortens what was recorded, and not what is served
    play(workload, 0, service_s, &all);
    assert_true(all.sent_s[3] == 1 + 0.5 && all.sent_s[5] == 1 + 2 && all.sent_s[6] == 2.5 + 0.25);
    unlink(path);
}

// ---- against the definition

typedef struct recording {
    int rows;
    double stamp_s[MOST + 1];
    int parent[MOST + 1];
} recording;

static void write_random(char path[64], recording *r) {
    enum { SESSIONS = 60 };
    mb_strbuf text = {0};
    mb_rng rng;
    mb_rng_init(&rng, 5, 0, "recording");
    int latest[SESSIONS] = {0};
    mb_strbuf_add(&text, "time,prompt,output,chat\n");
    r->rows = MOST;
    double now_s = 0;
    for (int i = 1; i <= r->rows; i++) {
        const int session = (int)mb_rng_below(&rng, SESSIONS);
        if (i > 1) now_s += (double)mb_rng_below(&rng, 8) / 4; // with ties
        r->stamp_s[i] = now_s;
        r->parent[i] = latest[session];
        latest[session] = i;
        mb_strbuf_printf(&text, "%.2f,%d,50,chat-%d\n", now_s, i, session);
    }
    write_file(path, text.text);
    mb_strbuf_deinit(&text);
}

static mb_workload by_session(const char *path) {
    mb_workload workload = recorded(path, MB_TURNS_WAIT);
    workload.trace.columns.session = mb_strdup("chat");
    workload.trace.grow = true;
    workload.predictor = (mb_predictor){.kind = MB_PREDICT_LOGNORMAL, .sigma = 1};
    return workload;
}

// Whatever the times of service, each row comes once, when its definition says; and what it is, its
// prediction too, does not depend on them.
static void test_definition(void **unused) {
    (void)unused;
    static recording r;
    static played first, all;
    char path[64];
    write_random(path, &r);
    for (int round = 0; round < 4; round++) {
        static double service_s[MOST + 1];
        mb_rng rng;
        mb_rng_init(&rng, (uint64_t)round, 0, "service");
        for (int i = 1; i <= r.rows; i++)
            service_s[i] = round == 0 ? 0 : mb_rng_exponential(&rng) * pow(6, round);
        play(by_session(path), 0, service_s, &all);
        assert_int_equal(all.count, r.rows);
        if (round == 0) first = all;
        for (int i = 1; i <= r.rows; i++) {
            const double after_s = r.parent[i] ? all.answered_s[r.parent[i]] : 0;
            assert_true(all.sent_s[i] == fmax(r.stamp_s[i], after_s));
            assert_int_equal(all.predicted[i], first.predicted[i]);
            assert_true(all.session[i] == first.session[i] && all.session[i] > 0 &&
                        all.session[i] < (UINT64_C(1) << 53));
            assert_true(!r.parent[i] || all.session[i] == all.session[r.parent[i]]);
        }
    }
    // A limit is the head of the file.
    mb_workload workload = by_session(path);
    workload.limit = 100;
    static const double none[MOST + 1];
    play(workload, 0, none, &all);
    for (int i = 1; i <= r.rows; i++)
        assert_true((all.sent_s[i] >= 0) == (i <= 100));
    // Windows, sorting, jitter and thinning go together with it; conversations are kept or left out as a
    // whole.
    workload = by_session(path);
    workload.limit = 300;
    workload.trace.window_per_seed = workload.trace.sort = true;
    workload.trace.jitter_s = 1;
    workload.trace.thin = 2;
    play(workload, 1, none, &all);
    assert_int_equal(all.count, 300);
    int lowest = 1;
    while (all.sent_s[lowest] < 0)
        lowest++;
    assert_true(lowest > 300);
    for (int i = lowest; i <= r.rows; i++)
        for (int j = lowest; j < i; j++)
            assert_false(all.sent_s[i] >= 0 && all.sent_s[j] < 0 && first.session[i] == first.session[j]);
    unlink(path);
}

// Users take the rows in order, each when it is free and has thought: the next row goes to whoever is free
// first.
static void test_row_users(void **unused) {
    (void)unused;
    enum { USERS = 7 };
    static recording r;
    static played first, all;
    char path[64];
    write_random(path, &r);
    for (int round = 0; round < 4; round++) {
        static double service_s[MOST + 1];
        mb_rng rng;
        mb_rng_init(&rng, (uint64_t)round, 0, "service");
        for (int i = 1; i <= r.rows; i++)
            service_s[i] = round == 0 ? 0 : mb_rng_exponential(&rng);
        mb_workload workload = by_session(path);
        workload.trace.turns = MB_TURNS_STAMPS;
        workload.trace.untimed = round % 2;
        workload.users = USERS;
        workload.ramp_s = 7;
        workload.think = (mb_distribution){.kind = MB_DIST_FIXED, .a = 0.25};
        workload.limit = 1500;
        play(workload, 0, service_s, &all);
        assert_int_equal(all.count, 1500);
        if (round == 0) first = all;
        double free_s[USERS];
        for (int i = 0; i < USERS; i++)
            free_s[i] = i;
        for (int i = 1; i <= 1500; i++) {
            int next = 0;
            for (int k = 1; k < USERS; k++)
                if (free_s[k] < free_s[next]) next = k;
            assert_true(all.sent_s[i] == free_s[next]);
            free_s[next] = all.sent_s[i] + service_s[i] + 0.25;
            assert_int_equal(all.predicted[i], first.predicted[i]);
        }
    }
    unlink(path);
}

// The rows' prefixes are read ahead of, and nobody comes after the last arrival time.
static void test_row_users_end(void **unused) {
    (void)unused;
    char path[64];
    write_file(
        path,
        "{\"p\":1,\"o\":1,\"ids\":[11]}\n{\"p\":2,\"o\":1,\"ids\":[]}\n{\"p\":3,\"o\":1,\"ids\":[31,32]}\n"
        "{\"p\":4,\"o\":1,\"ids\":[41]}\n");
    mb_workload workload = recorded(path, MB_TURNS_STAMPS);
    workload.trace.layout = MB_TRACE_JSONL;
    workload.trace.untimed = true;
    workload.trace.columns.prompt = mb_strdup("p");
    workload.trace.columns.output = mb_strdup("o");
    workload.trace.columns.prefix = mb_strdup("ids");
    workload.trace.prefix_unit_tokens = 1;
    workload.users = 1;
    workload.until_s = 10;
    mb_error error;
    mb_source *source;
    if (mb_workload_prepare(&workload, &error)) fail_msg("%s", error.message);
    if (mb_source_open(&workload, 1, 0, &source, &error)) fail_msg("%s", error.message);
    const uint64_t counts[] = {1, 0, 2}, ids[] = {11, 0, 31};
    for (int i = 0; i < 3; i++) {
        mb_arrival a;
        bool end;
        assert_true(mb_source_next_time(source) == 5 * i);
        if (mb_source_next(source, &a, &end, &error)) fail_msg("%s", error.message);
        assert_true(a.prefix_count == counts[i] && (counts[i] == 0 || a.prefix_ids[0] == ids[i]));
        assert_true(mb_source_next_time(source) > DBL_MAX && !mb_source_over(source));
        mb_departure departure = {.user = a.user, .time_s = i == 2 ? 10.5 : 5 * (i + 1)};
        if (mb_source_finished(source, &departure, &error)) fail_msg("%s", error.message);
    }
    assert_true(mb_source_over(source));
    const mb_departure nobody = {.user = 1, .time_s = 11};
    assert_int_equal(mb_source_finished(source, &nobody, &error), MB_FAILED);
    mb_source_close(source);
    mb_workload_deinit(&workload);
    unlink(path);
}

static void test_sentences(void **unused) {
    (void)unused;
    mb_error error;
    mb_workload workload = recorded("tests/corpus/csv/good.csv", MB_TURNS_WAIT);
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "trace: turns that wait for others; expected the column of a session, or "
                        "of an id and a parent");
    mb_workload_deinit(&workload);
    workload = by_parent("tests/corpus/csv/good.csv", MB_TURNS_STAMPS);
    workload.trace.thin = 3;
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, "trace: thin without a session; expected its column, so that "
                                       "conversations stay whole");
    mb_workload_deinit(&workload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait),          cmocka_unit_test(test_delay),
        cmocka_unit_test(test_definition),    cmocka_unit_test(test_row_users),
        cmocka_unit_test(test_row_users_end), cmocka_unit_test(test_sentences),
    };
    return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
