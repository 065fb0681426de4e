// SPDX-License-Identifier: MIT
// What people and other programs read: tables, verdicts, notes, CSV, JSON, dumps, files.
#include "base/rng.h"
#include "report/columns.h"
#include "report/dump.h"
#include "report/exact.h"
#include "report/files.h"
#include "report/format.h"
#include "report/hash.h"
#include "report/json.h"
#include "report/progress.h"
#include "report/runs_csv.h"
#include "report/table.h"
#include "report/verdict.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// --- two points, two policies, three seeds ---------------------------------------------------------------

enum { SEEDS = 3, POLICIES = 2, COUNT = 2 * POLICIES * SEEDS };
static char label_a[] = "multi_bin", label_b[] = "fifo, \"plain\"",
            first_label[] = "cluster.gpus=1 params.bins=4", second_label[] = "cluster.gpus=2 params.bins=4",
            description[] = "1,000 requests", key[] = "bins";
static mb_param param = {.name = key, .kind = MB_PARAM_NUMBER, .number = 4};
static mb_policy_spec policies[] = {{.label = label_a, .params = &param, .param_count = 1},
                                    {.label = label_b}};

typedef struct fixture {
    mb_point points[2];
    mb_section section;
    mb_results results;
    const mb_results *list[1];
} fixture;

static mb_outcome *at(fixture *f, size_t point, size_t policy, uint32_t seed) {
    return mb_results_at(&f->results, point, policy, seed);
}

static void set(fixture *f, size_t policy, const char *measure, double a, double b, double c) {
    const double values[] = {a, b, c};
    for (size_t point = 0; point < 2; point++)
        for (uint32_t s = 0; s < SEEDS; s++)
            at(f, point, policy, s)->values[mb_measure_index(measure)] = values[s];
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    for (size_t i = 0; i < 2; i++)
        f->points[i].experiment = (mb_experiment){.policies = policies,
                                                  .policy_count = POLICIES,
                                                  .seeds = SEEDS,
                                                  .slo = {INFINITY, 2},
                                                  .description = description};
    f->section = (mb_section){.points = f->points, .point_count = 1};
    f->results =
        (mb_results){.view = &f->section, .count = COUNT / 2, .outcomes = calloc(COUNT, sizeof(mb_outcome))};
    f->list[0] = &f->results;
    f->section.point_count = 2;
    for (size_t i = 0; i < COUNT; i++) {
        mb_outcome *outcome = &f->results.outcomes[i];
        outcome->point = i / (POLICIES * SEEDS);
        outcome->policy = i / SEEDS % POLICIES;
        outcome->seed_index = (uint32_t)(i % SEEDS);
        outcome->started = outcome->finished = true;
    }
    for (size_t p = 0; p < POLICIES; p++) {
        set(f, p, "requests", 1000, 1000, 1000);
        set(f, p, "served_share", 1, 1, 1);
        set(f, p, "waited_fraction", 0.5, 0.5, 0.5);
        set(f, p, "e2e_mean_s", 5 - (double)p / 10, 6, 7 + (double)p / 10);
    }
    set(f, 0, "goodput_rps", 11.2, 12.3, 13.5); // about 12 % over 10, 11, 12
    set(f, 1, "goodput_rps", 10, 11, 12);
    set(f, 0, "e2e_p99_s", 8, 9, 10);
    set(f, 1, "e2e_p99_s", 10, 11, 12);
    f->section.point_count = 1;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    mb_results_deinit(&f->results);
    free(f);
    return 0;
}

static void make_sweep(fixture *f) {
    f->section.point_count = 2;
    f->results.count = COUNT;
    f->points[0].label = first_label;
    f->points[1].label = second_label;
}

static void fail_run(fixture *f, size_t point, size_t policy, uint32_t seed, const char *message) {
    mb_outcome *outcome = at(f, point, policy, seed);
    outcome->finished = false;
    outcome->status = MB_FAILED;
    if (!outcome->error) outcome->error = calloc(1, sizeof *outcome->error);
    strcpy(outcome->error->message, message);
}

static void make_failure(fixture *f) {
    fail_run(f, 0, 1, 2, "fifo.lua:3: boom");
    strcpy(at(f, 0, 1, 2)->error->traceback, "stack traceback:\n\tfifo.lua:3: in schedule");
}

// All that a writer writes; the caller frees it.
static char *written(const fixture *f, mb_status (*write)(const fixture *f, FILE *out, mb_error *error)) {
    char *text = NULL;
    size_t size = 0;
    mb_error error = {0};
    FILE *out = open_memstream(&text, &size);
    if (write(f, out, &error) != MB_OK) fail_msg("%s", error.message);
    fclose(out);
    return text;
}

static mb_status table(const fixture *f, FILE *out, mb_error *error) {
    return mb_report_table(&f->results, out, false, error);
}
static mb_status markdown(const fixture *f, FILE *out, mb_error *error) {
    return mb_report_markdown(&f->results, out, error);
}
static mb_status csv(const fixture *f, FILE *out, mb_error *error) {
    return mb_report_csv(f->list, 1, out, error);
}
static mb_status json(const fixture *f, FILE *out, mb_error *error) {
    char program[] = "mbsand";
    char *const argv[] = {program};
    const mb_manifest manifest = {
        .scenario_path = "x.lua", .scenario_text = "abc", .lua_engine = "Lua 5.4", .argc = 1, .argv = argv};
    return mb_report_json(f->list, 1, &manifest, out, error);
}

static void expect(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("\"%s\" is not in:\n%s", part, text);
}
static void expect_not(const char *text, const char *part) {
    if (strstr(text, part)) fail_msg("\"%s\" is in:\n%s", part, text);
}

// --- numbers ---------------------------------------------------------------------------------------------

static void digits(void **state) {
    (void)state;
    static const struct {
        double value, low, high;
        const char *text;
    } rows[] = {
        {12.345, 11.913, 12.777, "12.3±0.4"},
        {12.345, 12.213, 12.477, "12.35±0.13"},
        {1234, 1203, 1265, "1234±31"},
        {0.012345, 0.011945, 0.012745, "0.0123±0.0004"},
        {12.345, NAN, NAN, "12.35"},
        {12.345, 12.345, 12.345, "12.35"},
        {0, 0, 0, "0"},
        {123456, NAN, NAN, "123456"},
        {NAN, NAN, NAN, "-"},
        {0, NAN, NAN, "0"},
        {-0.0, NAN, NAN, "0"},
        {INFINITY, NAN, NAN, "inf"},
        {5e12, NAN, NAN, "5e+12"},
        {9.99, 9.8901, 10.0899, "9.99±0.10"},
        {1e-12, NAN, NAN, "0.000000000"},
        {0.001234, NAN, NAN, "0.001234"},
        {30, 26.5, 33.9, "30±4"}, // arms of 3.5 and 3.9: the longer
        {37, 4.05, 340, "37 (4..340)"},
        {0.204, 0.12, 0.357, "0.20 (0.12..0.36)"},
        {83.1, 72.4, 90.2, "83 (72..90)"},
        {99.6, 97.1, 99.94, "99.6 (97..99.9)"},
        {5, 0.0002, 2e11, "5 (0.0002..2e+11)"},
        {0.02, 6e-8, 99, "0.02 (6e-08..99)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[MB_TEXT_SIZE];
        mb_format_interval(text, rows[i].value, rows[i].low, rows[i].high);
        assert_string_equal(text, rows[i].text);
    }
    char text[MB_TEXT_SIZE];
    mb_format_count(text, 1234567);
    assert_string_equal(text, "1,234,567");
    mb_format_count(text, 999);
    assert_string_equal(text, "999");
    mb_format_count(text, -1000);
    assert_string_equal(text, "-1,000");
    mb_format_percent(text, 12.4);
    assert_string_equal(text, "+12");
    mb_format_percent(text, -0.44);
    assert_string_equal(text, "-0.4");
    mb_format_percent(text, 0.0001);
    assert_string_equal(text, "0");
    assert_int_equal(mb_text_width("a±b…"), 4);
}

// The dump's own formatting against printf's, on times of every size and on the nastiest bits.
static void exact(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    const double special[] = {0,
                              -0.0,
                              1,
                              0.1,
                              0.3,
                              0.01,
                              0.001,
                              0x1p-10,
                              0x1.fffffffffffffp-11,
                              0x1p53,
                              1e15,
                              9007199254740991.0,
                              0.99999999999999989,
                              9.9999999999999982,
                              1 - 0x1p-53,
                              8 - 0x1p-50,
                              123.5,
                              1e300,
                              5e-324,
                              -1.5,
                              INFINITY,
                              0.0099999999999999985,
                              1e22,
                              4503599627370495.5,
                              2251799813685248.75};
    const size_t specials = sizeof special / sizeof *special;
    for (size_t i = 0; i < 400000 + specials; i++) {
        double value = i < specials ? special[i] : mb_rng_uniform(&rng) * pow(10, (double)(i % 20) - 4);
        if (i >= specials && i % 7 == 0) value = round(value * 1e6) / 1e6;
        if (i >= specials && i % 11 == 0) value = ldexp(round(value * 1024), -10);
        char got[MB_EXACT_SIZE], want[64];
        const size_t length = mb_format_exact(got, value);
        snprintf(want, sizeof want, "%.17g", value);
        assert_string_equal(got, want);
        assert_int_equal(length, strlen(want));
    }
}

// --- table and verdict -----------------------------------------------------------------------------------

// The text as one line with single spaces.
static char *unwrapped(char *text) {
    size_t length = 0;
    for (const char *c = text; *c; c++) {
        const bool space = *c == ' ' || *c == '\n';
        if (!space || (length && text[length - 1] != ' ')) text[length++] = space ? ' ' : *c;
    }
    text[length] = '\0';
    return text;
}

static void real_and_unreal(void **state) {
    fixture *f = *state;
    mb_strbuf verdict = {0};
    mb_verdict(&f->results, &verdict);
    expect(verdict.text, "multi_bin is best in goodput (+12 % over fifo, \"plain\", 95 % CI 11 to 13 %)");
    expect(verdict.text, "and in p99 latency (-18 % against fifo, \"plain\", 95 % CI -22 to -14 %);");
    expect(verdict.text, "no real difference between fifo, \"plain\" and multi_bin in mean latency.");
    mb_strbuf_deinit(&verdict);
    char *text = unwrapped(written(f, table));
    expect(text, "1,000 requests");
    expect(text, "12 (10..16)*");
    expect(text, "req/s");
    expect(text, "* better than every other policy");
    expect_not(text, "warning");
    free(text);
}

// A policy that turns half of its requests away does not win in latency; goodput may be judged.
static void unequal_shares(void **state) {
    fixture *f = *state;
    set(f, 0, "served_share", 0.5, 0.5, 0.5);
    char *text = unwrapped(written(f, table));
    expect(text, "multi_bin is best in goodput (");
    expect(text,
           "no verdict, for the policies served different shares of the requests (fifo, \"plain\" 100 %, "
           "multi_bin 50 %), on p99 latency or mean latency.");
    expect(text, "9 (7..12) "); // no star
    free(text);
    make_sweep(f);
    text = unwrapped(written(f, table));
    expect(text, "p99 latency: no verdict at 2, where the policies served different shares of the requests.");
    free(text);
    // At one of two points alone.
    for (uint32_t s = 0; s < SEEDS; s++)
        at(f, 1, 0, s)->values[mb_measure_index("served_share")] = 1;
    text = unwrapped(written(f, table));
    expect(text, "mean latency: no real difference at 1 point; no verdict at 1, where the policies served");
    free(text);
    // Equal shares: the verdict says which. The p99 wants them closer than the mean.
    f->section.point_count = 1;
    set(f, 0, "served_share", 0.9876, 0.9876, 0.9876);
    set(f, 1, "served_share", 0.9876, 0.9876, 0.9876);
    mb_strbuf verdict = {0};
    mb_verdict(&f->results, &verdict);
    expect(verdict.text, "in p99 latency");
    expect(verdict.text, "Latencies are of the requests that were served, at least 98.76 % of all.");
    mb_strbuf_deinit(&verdict);
    set(f, 0, "served_share", 0.9826, 0.9826, 0.9826);
    mb_verdict(&f->results, &verdict);
    expect(verdict.text, "no real difference between fifo, \"plain\" and multi_bin in mean latency");
    expect(verdict.text, "multi_bin 98.3 %), on p99 latency;");
    mb_strbuf_deinit(&verdict);
}

static void against_baseline(void **state) {
    fixture *f = *state;
    f->results.baseline = label_b;
    char *text = unwrapped(written(f, table));
    expect(text, "multi_bin against fifo, \"plain\": better in goodput (+12 %, 95 % CI 11 to 13 %), in p99 "
                 "latency (-18 "
                 "%, 95 % CI -22 to -14 %); no real difference in mean latency (");
    expect(text, "* better than fifo, \"plain\": paired by seed, 5 %, Holm's correction over the policies.");
    expect(text, "12 (10..16)*");
    free(text);
    f->results.baseline = label_a;
    text = unwrapped(written(f, table));
    expect(text, "fifo, \"plain\" against multi_bin: worse in goodput (-11 %");
    expect_not(text, "*"); // a star is for the better
    free(text);
    set(f, 1, "served_share", 0.5, 0.5, 0.5);
    text = unwrapped(written(f, table));
    expect(text,
           "no verdict, for they served different shares of the requests, on p99 latency, in mean latency.");
    free(text);
    set(f, 1, "served_share", 1, 1, 1);
    make_sweep(f);
    f->results.baseline = label_b;
    text = unwrapped(written(f, table));
    expect(text, "goodput: multi_bin is better than fifo, \"plain\" at 2 of 2 points, worse at 0.");
    expect(text, "mean latency: multi_bin is better than fifo, \"plain\" at 0 of 2 points, worse at 0.");
    free(text);
}

// What is shown in % is a share, and its intervals stay within 0 and 100.
static void shares_are_shares(void **state) {
    (void)state;
    for (int m = 0; m < MB_MEASURE_COUNT; m++) {
        const bool percent = strcmp(mb_column_of(m, INFINITY).unit, "%") == 0;
        const bool fairness = strcmp(mb_measures[m].name, "jain") == 0;
        if ((percent || fairness) != (mb_measure_scale(m) == MB_SCALE_SHARE))
            fail_msg("%s", mb_measures[m].name);
    }
}

static void one_seed(void **state) {
    fixture *f = *state;
    f->points[0].experiment.seeds = 1;
    f->results.count = 2;
    f->results.outcomes[1] = f->results.outcomes[3];
    mb_strbuf verdict = {0};
    mb_verdict(&f->results, &verdict);
    expect(verdict.text, "multi_bin is ahead in goodput (+12 % over fifo, \"plain\")");
    expect(verdict.text, "With one seed there is no interval");
    expect_not(verdict.text, "CI");
    mb_strbuf_deinit(&verdict);
    char *text = written(f, table);
    expect_not(text, "±");
    free(text);
}

static void sweep(void **state) {
    fixture *f = *state;
    make_sweep(f);
    char *text = written(f, table);
    expect(text, "gpus  bins  policy");
    expect(text, "goodput: multi_bin is best at 2 of 2 points.");
    expect(text, "mean latency: no real difference at any point.");
    free(text);
    text = written(f, markdown);
    expect(text, "| gpus | bins | policy |");
    expect(text, "| 2 | 4 | multi\\_bin | **12 (10..16)**");
    free(text);
    char other[] = "load=high";
    f->points[1].label = other; // other keys: whole labels
    text = written(f, table);
    expect(text, "point ");
    expect(text, "load=high ");
    free(text);
}

static void chosen_columns(void **state) {
    fixture *f = *state;
    char waste[] = "padding_waste", itl[] = "itl_p99_s";
    char *columns[] = {waste, itl, NULL};
    f->section.columns = columns;
    set(f, 0, "padding_waste", 0.20, 0.21, 0.22);
    set(f, 1, "padding_waste", 0.40, 0.42, 0.43);
    set(f, 0, "itl_p99_s", 0.004, 0.004, 0.004);
    set(f, 1, "itl_p99_s", 0.004, 0.004, 0.004);
    char *text = unwrapped(written(f, table));
    expect(text, "ITL p99");
    expect(text, " ms");
    expect(text, "multi_bin is best in padding (-21 points against fifo");
    expect(text, "no real difference between multi_bin and fifo, \"plain\" in ITL p99");
    expect_not(text, "goodput");
    free(text);
}

static void notes(void **state) {
    fixture *f = *state;
    make_failure(f);
    set(f, 0, "rejected", 4, 4, 4);
    set(f, 1, "idle_with_work_s", 2, 2, 2);
    set(f, 1, "unfinished", 0, 1000, 0);
    set(f, 0, "batches", 100, 100, 100);
    strcpy(at(f, 0, 0, 0)->first_rejection, "request 7: too \033[31mlong");
    at(f, 0, 0, 1)->skipped_zero = 1234;
    at(f, 0, 0, 0)->skipped_long = 77;
    at(f, 0, 0, 1)->extrapolated_batches = 30;
    f->points[0].experiment.oracle = true;
    f->results.interrupted = true;
    char *text = written(f, table);
    expect(text, "    stack traceback:\n     fifo.lua:3: in schedule\n");
    unwrapped(text);
    expect(text, "failed with seed 3: fifo.lua:3: boom");
    expect(text, "multi_bin rejected 12 of 3,000 requests");
    expect(text, "request 7: too ?[31mlong");
    expect(text, "never served 1,000 of 2,000 requests");
    expect(text, "idle for 2 replica-seconds");
    expect(text, "1,234 rows of the trace with a prompt or an output of zero tokens were left out");
    expect(text, "77 rows of the trace longer than workload.longest were left out");
    expect(text, "multi_bin 10 %");
    expect(text, "oracle");
    expect(text, "only 5 of 6 runs");
    expect_not(text, "\033");
    free(text);
}

static void one_sentence_for_many_runs(void **state) {
    fixture *f = *state;
    fail_run(f, 0, 1, 0, "a.lua:3: request 7 is gone [in schedule, t = 2 s]");
    fail_run(f, 0, 1, 2, "a.lua:3: request 12 is gone [in arrive, t = 3.5 s]");
    char *text = unwrapped(written(f, table));
    expect(
        text,
        "failed with seeds 1 and 3 (2 of 3), the first: a.lua:3: request 7 is gone [in schedule, t = 2 s]");
    expect_not(text, "request 12");
    free(text);
    fail_run(f, 0, 1, 1, "a.lua:13: request 7 is gone"); // of another line
    text = unwrapped(written(f, table));
    expect(text, "failed with seeds 1 and 3 (2 of 3), the first: a.lua:3: request 7");
    expect(text, "failed with seed 2: a.lua:13: request 7 is gone");
    free(text);
    for (uint32_t seed = 0; seed < SEEDS; seed++)
        fail_run(f, 0, 1, seed, "boom");
    fail_run(f, 0, 0, 0, "boom"); // another policy
    text = unwrapped(written(f, table));
    expect(text, "fifo, \"plain\" failed with seeds 1 to 3 (all): boom");
    expect(text, "multi_bin failed with seed 1: boom");
    free(text);
    make_sweep(f);
    fail_run(f, 1, 1, 2, "boom");
    text = unwrapped(written(f, table));
    expect(text,
           "failed in 4 runs, at 2 of 2 points, the first at cluster.gpus=1 params.bins=4 with seed 1: boom");
    expect(text, "multi_bin at cluster.gpus=1 params.bins=4 failed with seed 1: boom");
    expect_not(text, "more runs failed");
    free(text);
}

static void cannot_tell(void **state) {
    fixture *f = *state;
    set(f, 0, "waited_fraction", 0.001, 0, 0);
    set(f, 1, "waited_fraction", 0.009, 0, 0);
    char *text = unwrapped(written(f, table));
    expect(text, "this load cannot tell the policies apart");
    expect(text, "workload.rate_scale");
    free(text);
    at(f, 0, 1, 0)->memory_stops = 1; // memory pressure: they may well differ
    text = unwrapped(written(f, table));
    expect_not(text, "cannot tell");
    free(text);
    for (uint32_t s = 0; s < SEEDS; s++)
        memcpy(at(f, 0, 1, s)->values, at(f, 0, 0, s)->values, sizeof at(f, 0, 0, s)->values);
    text = unwrapped(written(f, table));
    expect(text, "equal to the last digit");
    expect_not(text, "is best");
    free(text);
}

static void nothing_finished(void **state) {
    fixture *f = *state;
    for (size_t i = 0; i < 6; i++)
        f->results.outcomes[i].started = f->results.outcomes[i].finished = false;
    char *text = written(f, table);
    expect(text, "multi_bin");
    expect(text, " -");
    free(text);
    text = written(f, csv);
    assert_ptr_equal(strchr(text, '\n') + 1, text + strlen(text)); // the header alone
    free(text);
    free(written(f, json));
}

// --- CSV and JSON ----------------------------------------------------------------------------------------

// The next field of a line of CSV, without quotes; the place after it.
static const char *take_field(const char *text, char field[256]) {
    size_t length = 0;
    const bool quoted = *text == '"';
    text += quoted;
    while (*text && (quoted ? !(text[0] == '"' && text[1] != '"') : *text != ',' && *text != '\n')) {
        text += quoted && text[0] == '"';
        field[length++] = *text++;
    }
    field[length] = '\0';
    return text + quoted + 1;
}

static void csv_round_trip(void **state) {
    fixture *f = *state;
    make_sweep(f);
    make_failure(f);
    at(f, 0, 0, 0)->values[mb_measure_index("e2e_p99_s")] = NAN;
    at(f, 0, 0, 0)->values[mb_measure_index("jain")] = 1.0 / 3;
    char *text = written(f, csv), field[256];
    const char *rest = text;
    expect(text, "cluster.gpus,params.bins,policy,seed,requests,finished,");
    for (size_t i = 0; i < 4 + MB_MEASURE_COUNT; i++)
        rest = take_field(rest, field);
    for (size_t i = 0; i < COUNT; i++) {
        const mb_outcome *outcome = &f->results.outcomes[i];
        rest = take_field(rest, field);
        assert_string_equal(field, outcome->point ? "2" : "1");
        rest = take_field(rest, field);
        assert_string_equal(field, "4");
        rest = take_field(rest, field);
        assert_string_equal(field, policies[outcome->policy].label);
        rest = take_field(rest, field);
        assert_int_equal(atoi(field), outcome->seed_index + 1);
        for (size_t m = 0; m < MB_MEASURE_COUNT; m++) {
            rest = take_field(rest, field);
            if (isnan(outcome->values[m]) || !outcome->finished)
                assert_string_equal(field, "");
            else
                assert_true(strtod(field, NULL) == outcome->values[m]);
        }
    }
    assert_int_equal(*rest, '\0');
    free(text);
}

static void json_round_trip(void **state) {
    fixture *f = *state;
    make_sweep(f);
    make_failure(f);
    at(f, 1, 0, 0)->values[mb_measure_index("jain")] = NAN;
    char *text = written(f, json);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    const json_t *manifest = json_object_get(root, "manifest");
    assert_string_equal(json_string_value(json_object_get(manifest, "mbsand")), MB_VERSION);
    const json_t *scenario = json_object_get(manifest, "scenario");
    assert_string_equal(json_string_value(json_object_get(scenario, "sha256")),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const json_t *point = json_array_get(json_object_get(root, "results"), 1);
    assert_string_equal(json_string_value(json_object_get(json_object_get(point, "keys"), "cluster.gpus")),
                        "2");
    const json_t *policy = json_array_get(json_object_get(point, "policies"), 0);
    assert_true(json_real_value(json_object_get(json_object_get(policy, "params"), "bins")) == 4);
    const mb_summary summary = mb_summarise(&f->results, 1, 0);
    const int goodput = mb_measure_index("goodput_rps");
    assert_true(json_real_value(json_object_get(json_object_get(policy, "mean"), "goodput_rps")) ==
                summary.mean[goodput]);
    assert_true(json_real_value(json_object_get(json_object_get(policy, "half_width"), "goodput_rps")) ==
                summary.half_width[goodput]);
    const json_t *run = json_array_get(json_object_get(policy, "runs"), 0);
    assert_true(json_is_null(json_object_get(json_object_get(run, "values"), "jain")));
    point = json_array_get(json_object_get(root, "results"), 0);
    run = json_array_get(json_object_get(json_array_get(json_object_get(point, "policies"), 1), "runs"), 2);
    assert_string_equal(json_string_value(json_object_get(run, "error")), "fifo.lua:3: boom");
    json_decref(root);
    free(text);
}

static void hashes(void **state) {
    (void)state;
    char text[MB_SHA256_TEXT], million[1000];
    mb_sha256("", 0, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    mb_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, text);
    assert_string_equal(text, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(million, 'a', sizeof million);
    mb_sha256(million, sizeof million, text);
    assert_string_equal(text, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
    for (size_t piece = 1; piece < 200; piece += 7) { // and in pieces of any size
        mb_sha256_state hash;
        mb_sha256_start(&hash);
        for (size_t at = 0; at < sizeof million; at += piece)
            mb_sha256_add(&hash, million + at, at + piece < sizeof million ? piece : sizeof million - at);
        mb_sha256_end(&hash, text);
        assert_string_equal(text, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
    }
}

static void full_disk(void **state) {
    fixture *f = *state;
    mb_status (*const writers[])(const fixture *, FILE *, mb_error *) = {table, markdown, csv, json};
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        mb_error error = {0};
        FILE *out = fopen("/dev/full", "w");
        if (!out) skip();
        assert_int_equal(writers[i](f, out, &error), MB_FAILED);
        expect(error.message, "No space left on device");
        fclose(out);
    }
}

// --- files -----------------------------------------------------------------------------------------------

static char *read_all(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s does not exist", path);
    char *text = calloc(1, 1 << 16);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

static void directories(void **state) {
    fixture *f = *state;
    char base[] = "/tmp/mbsand-test-XXXXXX", path[128];
    mb_error error;
    assert_non_null(mkdtemp(base));
    snprintf(path, sizeof path, "%s/a/b/", base);
    assert_int_equal(mb_output_summary(path, f->list, 1, NULL, &error), MB_OK);
    assert_int_equal(mb_output_summary(path, f->list, 1, NULL, &error), MB_OK); // again, over the old ones
    snprintf(path, sizeof path, "%s/a/b/summary.csv", base);
    char *text = read_all(path), *direct = written(f, csv);
    assert_string_equal(text, direct);
    free(text);
    free(direct);
    assert_int_equal(mb_output_dir(path, &error), MB_BAD_INPUT);
    expect(error.message, "a file of that name exists");
    assert_int_equal(mb_output_dir("", &error), MB_BAD_INPUT);
    assert_int_equal(mb_output_dir("/proc/nowhere/x", &error), MB_BAD_INPUT);
    remove(path);
    snprintf(path, sizeof path, "%s/a/b/summary.json", base);
    remove(path);
    snprintf(path, sizeof path, "%s/a/b", base);
    assert_int_equal(rmdir(path), 0); // nothing temporary is left
    snprintf(path, sizeof path, "%s/a", base);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(base), 0);
}

static const char *name_client(void *self, uint32_t client) {
    (void)self;
    return client ? "a,b" : "";
}

static void dumps(void **state) {
    (void)state;
    char base[] = "/tmp/mbsand-test-XXXXXX", path[160];
    mb_error error;
    mb_dump *dump;
    assert_non_null(mkdtemp(base));
    char hash[MB_SHA256_TEXT];
    mb_sha256("../x", 4, hash);
    const mb_dump_options options = {.what = MB_DUMP_REQUESTS | MB_DUMP_BATCHES | MB_DUMP_MEMBERS |
                                             MB_DUMP_PREEMPTIONS | MB_DUMP_DECISIONS,
                                     .dir = base,
                                     .policy = "../x",
                                     .seed = 2,
                                     .point = 3,
                                     .client_name = name_client};
    assert_int_equal(mb_dump_open(&options, &dump, &error), MB_OK);
    const mb_observer observer = mb_dump_observer(dump);
    mb_request request = {.id = 5,
                          .client = 1,
                          .arrival_s = 0.1,
                          .start_s = 0.5,
                          .prompt_tokens = 10,
                          .output_tokens = 20,
                          .predicted_output = 30,
                          .replica = 3};
    mb_finished record = {
        .request = &request, .first_token_s = 0.75, .end_s = 1.25, .batch = 9, .why = "done"};
    assert_int_equal(observer.finished(observer.self, &record, &error), MB_OK);
    request.start_s = NAN;
    request.client = 0;
    record = (mb_finished){.request = &request, .first_token_s = NAN, .end_s = NAN, .why = "rejected"};
    assert_int_equal(observer.finished(observer.self, &record, &error), MB_OK);
    const mb_batch_record batch = {.batch = 9,
                                   .replica = 0,
                                   .start_s = 0.5,
                                   .end_s = 1.25,
                                   .tbt_s = 0.003,
                                   .requests = 2,
                                   .longest_tokens = 30,
                                   .useful_tokens = 45,
                                   .kv_reserved = 60,
                                   .steps = 3};
    assert_int_equal(observer.batch(observer.self, &batch, &error), MB_OK);
    const mb_member_record member = {.batch = 9, .id = 5, .prompt_tokens = 10, .output_tokens = 20};
    assert_int_equal(observer.member(observer.self, &member, &error), MB_OK);
    const mb_preempted preempted = {
        .time_s = 0.625, .replica = 1, .id = 5, .how = "swap", .computed_tokens = 12, .lost_tokens = 0};
    assert_int_equal(observer.preempted(observer.self, &preempted, &error), MB_OK);
    assert_int_equal(observer.decision(observer.self, 1.5, MB_NONE, "batch size", -2.5, &error), MB_OK);
    assert_null(observer.progress);
    snprintf(path, sizeof path, "%s/point3-requests-_._x-%.8s-2.csv", base, hash);
    assert_int_not_equal(access(path, F_OK), 0); // not before it is whole
    assert_int_equal(mb_dump_close(dump, true, &error), MB_OK);
    static const char *const kinds[] = {"requests", "batches", "members", "preemptions", "decisions"};
    static const char requests[] = "5,\"a,b\",0.10000000000000001,10,20,30,4,0.5,0.75,1.25,9,0,done\n"
                                   "5,,0.10000000000000001,10,20,30,,,,,,0,rejected\n";
    static const char *const rows[] = {requests, "9,1,0.5,1.25,0.0030000000000000001,2,30,45,15,60,3\n",
                                       "9,5,10,20\n", "0.625,2,5,swap,12,0\n", "1.5,,batch size,-2.5\n"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(path, sizeof path, "%s/point3-%s-_._x-%.8s-2.csv", base, kinds[i], hash);
        char *text = read_all(path);
        assert_string_equal(strchr(text, '\n') + 1, rows[i]);
        free(text);
        remove(path);
    }
    assert_int_equal(rmdir(base), 0);
    assert_int_equal(mb_dump_open(&options, &dump, &error), MB_FAILED); // the folder is gone
    assert_null(dump);
    unsigned what;
    assert_int_equal(mb_dump_parse("requests,decisions", &what, &error), MB_OK);
    assert_int_equal(what, MB_DUMP_REQUESTS | MB_DUMP_DECISIONS);
    assert_int_equal(mb_dump_parse("batches", &what, &error), MB_OK);
    assert_int_equal(what, MB_DUMP_BATCHES | MB_DUMP_MEMBERS);
    assert_int_equal(mb_dump_parse("requests,steps", &what, &error), MB_BAD_INPUT);
    expect(error.message, "\"steps\"");
}

static void progress_line(void **state) {
    (void)state;
    char text[MB_PROGRESS_SIZE];
    mb_progress_line(&(mb_progress_state){.done = 3, .total = 12, .requests = 3400000, .elapsed_s = 2}, text);
    assert_string_equal(text, "[####............] 3/12 runs, 3.4 M requests, 1.7 M/s, 0:02, 0:06 left");
    mb_progress_line(&(mb_progress_state){.done = 8, .total = 12, .elapsed_s = 2, .width = 40}, text);
    assert_string_equal(text, "[####..] 8/12 runs, 0:02, 0:01 left");
    mb_progress_line(&(mb_progress_state){.done = 8, .before = 6, .total = 12, .elapsed_s = 2}, text);
    assert_string_equal(text, "[##########......] 8/12 runs, 0 requests, 0/s, 0:02, 0:04 left");
    mb_progress_line(
        &(mb_progress_state){.total = SIZE_MAX, .done = SIZE_MAX, .requests = UINT64_MAX, .elapsed_s = 1e9},
        text);
    assert_true(strlen(text) <= 79);
    mb_progress progress;
    FILE *out = tmpfile();
    mb_progress_init(&progress, out, false); // not a terminal: silence
    mb_progress_update(&progress, &(mb_progress_state){.total = 1, .elapsed_s = 1});
    mb_progress_clear(&progress);
    assert_int_equal(ftell(out), 0);
    fclose(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits),
        cmocka_unit_test(exact),
        cmocka_unit_test_setup_teardown(real_and_unreal, setup, teardown),
        cmocka_unit_test_setup_teardown(unequal_shares, setup, teardown),
        cmocka_unit_test_setup_teardown(against_baseline, setup, teardown),
        cmocka_unit_test(shares_are_shares),
        cmocka_unit_test_setup_teardown(one_seed, setup, teardown),
        cmocka_unit_test_setup_teardown(sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(chosen_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(notes, setup, teardown),
        cmocka_unit_test_setup_teardown(one_sentence_for_many_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_tell, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_finished, setup, teardown),
        cmocka_unit_test_setup_teardown(csv_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(json_round_trip, setup, teardown),
        cmocka_unit_test(hashes),
        cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(directories, setup, teardown),
        cmocka_unit_test(dumps),
        cmocka_unit_test(progress_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
