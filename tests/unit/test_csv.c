// SPDX-License-Identifier: MIT
// CSV and trace input: what is read, and what each malformed file is told. Run from the repository's root.
#include "base/stopped.h"
#include "base/strbuf.h"
#include "workload/csv_reader.h"
#include "workload/distribution.h"
#include "workload/parse.h"
#include "workload/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#define CORPUS "tests/corpus/csv/"

// ---- helpers

static mb_workload trace_workload(const char *path, mb_trace_layout layout) {
    mb_workload workload = {.kind = MB_WORKLOAD_TRACE, .until_s = INFINITY};
    workload.trace = (mb_trace){.layout = layout, .time_unit_s = 1, .rate_scale = 1, .to_s = INFINITY};
    workload.trace.path = mb_strdup(path);
    return workload;
}

typedef struct reading {
    size_t count;
    uint64_t prompt, output;
    double last_s;
    mb_arrival arrivals[8]; // the first ones
    char clients[8][32];    // and their clients' names
    mb_source_counts counts;
} reading;

// Prepare, open and read all of a workload, which is released.
static mb_status read_replication(mb_workload workload, uint64_t replication, reading *all, mb_error *error) {
    *all = (reading){0};
    mb_source *source = NULL;
    mb_status status = mb_workload_prepare(&workload, error);
    if (!status) status = mb_source_open(&workload, 1, replication, &source, error);
    bool end = false;
    while (!status && !end) {
        mb_arrival arrival;
        status = mb_source_next(source, &arrival, &end, error);
        if (status || end) break;
        assert_true(arrival.time_s >= all->last_s);
        if (all->count < 8) {
            all->arrivals[all->count] = arrival;
            snprintf(all->clients[all->count], 32, "%s", mb_source_client_name(source, arrival.client));
        }
        all->count++;
        all->prompt += arrival.prompt_tokens;
        all->output += arrival.output_tokens;
        all->last_s = arrival.time_s;
    }
    if (source) all->counts = mb_source_get_counts(source);
    mb_source_close(source);
    mb_workload_deinit(&workload);
    return status;
}

static reading read_all(mb_workload workload) {
    mb_error error = {0};
    reading all;
    if (read_replication(workload, 0, &all, &error)) fail_msg("%s", error.message);
    return all;
}

static void expect_sentence(mb_workload workload, uint64_t replication, const char *sentence) {
    mb_error error = {0};
    reading all;
    assert_int_equal(read_replication(workload, replication, &all, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
}

// A temporary file with this text; the caller unlinks it.
static void write_temporary(char path[64], const char *text, size_t length) {
    snprintf(path, 64, "/tmp/mbsand-csv-XXXXXX");
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

// ---- parsing of fields

static void test_parse_number(void **unused) {
    (void)unused;
    const char *const good[] = {"0",
                                "5",
                                "-5",
                                "+5",
                                "0.1",
                                "3.14159265358979",
                                "19440110.0",
                                "1e3",
                                "1E-3",
                                "-1.5e2",
                                ".5",
                                "5.",
                                "123456789012345678.9",
                                "9007199254740993",
                                "1e-400",
                                "0.000001",
                                "7.452709062883104",
                                "99999999999999999",
                                "17976931348623157e292"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = -1;
        assert_true(mb_parse_number(good[i], strlen(good[i]), &value));
        assert_true(value == strtod(good[i], NULL)); // to the last bit
    }
    const char *const bad[] = {"",    " ",   ".",     "-",    "e5",    "1e",       "1e+",
                               "1 ",  " 1",  "1.2.3", "0x10", "inf",   "nan",      "-nan",
                               "1,2", "12a", "1e400", "--1",  "1_000", "Infinity", "1\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = -1;
        assert_false(mb_parse_number(bad[i], strlen(bad[i]), &value));
        assert_true(value == -1);
    }
    // Random decimals agree with strtod bit for bit.
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    for (int i = 0; i < 200000; i++) {
        char text[64];
        const double x = mb_rng_uniform(&rng) * pow(10, (double)mb_rng_below(&rng, 12));
        snprintf(text, sizeof text, "%.*f", (int)mb_rng_below(&rng, 12), x);
        double value;
        assert_true(mb_parse_number(text, strlen(text), &value));
        assert_true(value == strtod(text, NULL));
    }
}

static void test_parse_date(void **unused) {
    (void)unused;
    const struct {
        const char *text;
        int64_t seconds, nanoseconds;
    } good[] = {
        {"1970-01-01 00:00:00", 0, 0},
        {"1969-12-31 23:59:59.5", -1, 500000000},
        {"2023-11-16 18:15:46.6805900", 1700158546, 680590000},
        {"2023-11-16T18:15:46.123456789Z", 1700158546, 123456789},
        {"2023-11-16 20:15:46+02:00", 1700158546, 0},
        {"2023-11-16 13:45:46.5 -0430", 1700158546, 500000000},
        {"2023-11-16 19:15:46+01", 1700158546, 0},
        {"2024-02-29 00:00:00", 1709164800, 0},
        {"2000-03-01 00:00:00", 951868800, 0},
        {"2016-12-31 23:59:60", 1483228800, 0},
        {"2023-11-16 18:15:46,250", 1700158546, 250000000}, // as Python's logging writes it
        {"2023-11-16 18:15:46.1234567891234", 1700158546, 123456789},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value = 0;
        assert_true(mb_parse_date(good[i].text, strlen(good[i].text), &value));
        assert_true(value == good[i].seconds * 1000000000 + good[i].nanoseconds);
    }
    const char *const bad[] = {
        "2023-11-16",           "2023-11-16 18:15",     "2023-13-01 00:00:00",   "2023-02-29 00:00:00",
        "1900-02-29 00:00:00",  "2023-11-31 00:00:00",  "2023-11-16 24:00:00",   "2023-11-16 18:60:00",
        "2023-11-16 18:15:46.", "2023-11-16 18:15:46x", "2023-11-16 18:15:46+2", "2023-11-16 18:15:46+02:60",
        "2023/11/16 18:15:46",  "2023-1a-16 18:15:46",  "0000-01-01 00:00:00",   ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 7;
        assert_false(mb_parse_date(bad[i], strlen(bad[i]), &value));
        assert_true(value == 7);
    }
}

// ---- well-formed files

static void test_burstgpt(void **unused) {
    (void)unused;
    const char *const files[] = {CORPUS "good.csv", CORPUS "good_crlf_bom.csv", CORPUS "good.csv.gz"};
    for (size_t i = 0; i < 3; i++) {
        const reading all = read_all(trace_workload(files[i], MB_TRACE_BURSTGPT));
        assert_int_equal(all.count, 3);
        assert_true(all.arrivals[0].time_s == 0 && all.arrivals[1].time_s == 40 &&
                    all.arrivals[2].time_s == 113);
        assert_int_equal(all.arrivals[1].prompt_tokens, 1087);
        assert_int_equal(all.arrivals[1].output_tokens, 230);
        assert_int_equal(all.arrivals[1].predicted_output, 230);
        assert_true(isinf(all.arrivals[1].deadline_s));
        assert_int_equal(all.arrivals[0].client, 0);
        assert_string_equal(all.clients[0], "ChatGPT");
        assert_string_equal(all.clients[1], i == 1 ? "Chat\nGPT" : "ChatGPT");
        assert_string_equal(all.clients[2], "GPT-4");
        assert_int_equal(all.counts.rows, 3);
    }
    const reading third = read_all(trace_workload(CORPUS "file3.csv", MB_TRACE_BURSTGPT));
    assert_int_equal(third.count, 2);
    assert_int_equal(third.arrivals[1].prompt_tokens, 11);
    assert_int_equal(third.arrivals[1].output_tokens, 21);
    assert_true(third.arrivals[1].time_s == 1);
}

static void test_azure(void **unused) {
    (void)unused;
    const reading all = read_all(trace_workload(CORPUS "azure.csv", MB_TRACE_AZURE));
    assert_int_equal(all.count, 3);
    assert_true(all.arrivals[1].time_s == 4.314579);
    assert_true(all.arrivals[2].time_s == 4.541977);
    assert_string_equal(all.clients[0], "");
    const reading zoned = read_all(trace_workload(CORPUS "azure_zone.csv", MB_TRACE_AZURE));
    assert_int_equal(zoned.count, 4);
    assert_true(zoned.arrivals[1].time_s == 0.49007);
    assert_true(zoned.arrivals[3].time_s == 1.99007);
}

static void test_column_map(void **unused) {
    (void)unused;
    mb_workload workload = trace_workload(CORPUS "jobs.csv", MB_TRACE_CSV);
    workload.trace.columns.client = mb_strdup("WHO");
    workload.trace.time_unit_s = 0.001;
    const reading all = read_all(workload);
    assert_int_equal(all.count, 2);
    assert_true(all.arrivals[0].service_s == 1.5 && all.arrivals[1].service_s == 0);
    assert_int_equal(all.arrivals[0].priority, 2);
    assert_int_equal(all.arrivals[1].priority, -1);
    assert_int_equal(all.arrivals[1].prompt_tokens, 1); // a trace of jobs has no lengths
    assert_string_equal(all.clients[1], "bob");
    assert_true(all.arrivals[1].time_s == 0.001);

    workload = trace_workload(CORPUS "good.csv", MB_TRACE_CSV); // the usual names are known
    workload.predictor.kind = MB_PREDICT_COLUMN;
    workload.trace.columns.predicted = mb_strdup("total tokens");
    const reading guessed = read_all(workload);
    assert_int_equal(guessed.arrivals[2].predicted_output, 693);
}

static void test_zero_lengths(void **unused) {
    (void)unused;
    const reading some = read_all(trace_workload(CORPUS "zero.csv", MB_TRACE_BURSTGPT));
    assert_int_equal(some.count, 2);
    assert_int_equal(some.counts.rows, 4);
    assert_int_equal(some.counts.skipped_zero, 2);
    assert_true(some.arrivals[0].time_s == 0 && some.arrivals[1].time_s == 2);
    assert_int_equal(some.arrivals[0].client, 0);
    assert_string_equal(some.clients[0], "C");
    mb_workload workload = trace_workload(CORPUS "zero.csv", MB_TRACE_BURSTGPT);
    workload.trace.keep_zero = true;
    const reading all = read_all(workload);
    assert_int_equal(all.count, 4);
    assert_int_equal(all.counts.skipped_zero, 0);
    assert_int_equal(all.arrivals[0].output_tokens, 0);
    assert_int_equal(all.arrivals[0].predicted_output, 1);
}

// ---- dialects

static void test_dialects(void **unused) {
    (void)unused;
    const char *const files[] = {"semicolons.csv", "tabs.csv", "comments.csv"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, CORPUS "%s", files[i]);
        mb_workload workload = trace_workload(path, MB_TRACE_CSV);
        if (i == 0) workload.trace.columns.client = mb_strdup("who");
        const reading all = read_all(workload);
        assert_int_equal(all.count, 2);
        assert_int_equal(all.arrivals[1].prompt_tokens, i == 2 ? 13 : 200);
        assert_true(all.last_s == (i == 2 ? 2 : 1));
        assert_string_equal(all.clients[0], i == 0 ? "a;b" : "");
    }
    const reading packed = read_all(trace_workload(CORPUS "good.csv.zst", MB_TRACE_BURSTGPT));
    const reading plain = read_all(trace_workload(CORPUS "good.csv", MB_TRACE_BURSTGPT));
    assert_true(packed.count == plain.count && packed.prompt == plain.prompt &&
                packed.last_s == plain.last_s);
    expect_sentence(trace_workload(CORPUS "decimal_comma.csv", MB_TRACE_CSV), 0,
                    CORPUS
                    "decimal_comma.csv:3: column \"time\" is \"0,5\"; expected a number with a decimal "
                    "point, not a comma");
}

// A line of comment that is longer than the buffer, between rows of known times.
static void test_long_comment(void **unused) {
    (void)unused;
    const size_t length = 600000;
    char path[64], *text = malloc(length + 100);
    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text, "time,prompt,output\n1,2,3\n# \"", 29);
    memcpy(text + length, "\n5,2,3\n", 8);
    write_temporary(path, text, length + 7);
    free(text);
    const reading all = read_all(trace_workload(path, MB_TRACE_CSV));
    assert_true(all.count == 2 && all.last_s == 4);
    unlink(path);
}

// Requests that failed have no lengths: they are left out and counted.
static void test_failed_requests(void **unused) {
    (void)unused;
    const reading all = read_all(trace_workload(CORPUS "failed.csv", MB_TRACE_CSV));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.counts.rows, 6);
    assert_int_equal(all.counts.skipped_empty, 4);
    assert_int_equal(all.counts.skipped_zero, 0);
    assert_true(all.last_s == 5);
    expect_sentence(
        trace_workload(CORPUS "empty_field.csv", MB_TRACE_BURSTGPT), 0,
        CORPUS "empty_field.csv:3: column \"Response tokens\" is empty; expected a whole number of tokens in "
               "some row");
}

// ---- exact times

static void test_exact_times(void **unused) {
    (void)unused;
    mb_workload workload = trace_workload(CORPUS "nanoseconds.csv", MB_TRACE_CSV);
    workload.trace.columns.time = mb_strdup("t");
    workload.trace.time_unit_s = 1e-9;
    reading all = read_all(workload);
    assert_true(all.arrivals[1].time_s == 0.0001 && all.arrivals[2].time_s == 0.123456788);
    workload = trace_workload(CORPUS "decimals.csv", MB_TRACE_CSV);
    workload.trace.columns.time = mb_strdup("t");
    all = read_all(workload);
    assert_true(all.arrivals[1].time_s == 0.1 && all.arrivals[2].time_s == 1.123456788);
}

static void expect_stamp(const char *text, int64_t whole, int64_t fraction) {
    mb_stamp stamp = {-1, -1};
    assert_true(mb_parse_stamp(text, strlen(text), &stamp));
    if (stamp.whole != whole || stamp.fraction != fraction)
        fail_msg("%s: %lld + %lld", text, (long long)stamp.whole, (long long)stamp.fraction);
}

static void test_stamps(void **unused) {
    (void)unused;
    expect_stamp("0", 0, 0);
    expect_stamp("+7.25", 7, MB_STAMP_ONE / 4);
    expect_stamp("9223372036854774784", INT64_C(9223372036854774784), 0);
    expect_stamp("9223372036854774783.5", INT64_C(9223372036854774783), MB_STAMP_ONE / 2);
    expect_stamp("1754000000123456789.000000000000000001", INT64_C(1754000000123456789), 1);
    expect_stamp("1.754e9", 1754000000, 0);
    expect_stamp("123.5e-2", 1, MB_STAMP_ONE / 1000 * 235);
    expect_stamp("5e-400", 0, 0);
    expect_stamp(".5", 0, MB_STAMP_ONE / 2);
    expect_stamp("5.", 5, 0);
    const char *const bad[] = {"", "-1", "9223372036854775808", "1e19", "1e400", "x", "1,5", "0x10", "nan"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mb_stamp stamp = {7, 7};
        assert_false(mb_parse_stamp(bad[i], strlen(bad[i]), &stamp));
        assert_true(stamp.whole == 7 && stamp.fraction == 7);
    }
    const mb_stamp half = {0, MB_STAMP_ONE / 2}, three = {3, 0};
    const mb_stamp less = mb_stamp_minus(half, three);
    assert_true(less.whole == -3 && less.fraction == MB_STAMP_ONE / 2);
    assert_true(mb_stamp_seconds(less, mb_time_unit_of(1)) == -2.5);
    assert_true(mb_stamp_seconds(three, mb_time_unit_of(60)) == 180);
    assert_true(mb_stamp_seconds(three, mb_time_unit_of(0.001)) == 0.003);
    assert_true(mb_stamp_seconds((mb_stamp){123456788, 0}, mb_time_unit_of(1e-9)) == 0.123456788);
    assert_true(mb_stamp_seconds((mb_stamp){0, 61724436714271372}, mb_time_unit_of(1)) ==
                0.061724436714271372);
    // Whatever the digits, the difference of two decimals is the double nearest to their true difference.
    mb_rng rng;
    mb_rng_init(&rng, 3, 0, "stamps");
    for (int i = 0; i < 100000; i++) {
        char from[64], to[64], difference[64];
        const unsigned long long start = 1754000000 + mb_rng_below(&rng, 1000000),
                                 nanos = mb_rng_below(&rng, 1000000000),
                                 gap = mb_rng_below(&rng, 100000000000);
        const unsigned long long end = start * 1000000000 + nanos + gap;
        snprintf(from, sizeof from, "%llu.%09llu", start, nanos);
        snprintf(to, sizeof to, "%llu.%09llu", end / 1000000000, end % 1000000000);
        snprintf(difference, sizeof difference, "%llu.%09llu", gap / 1000000000, gap % 1000000000);
        mb_stamp a, b;
        assert_true(mb_parse_stamp(from, strlen(from), &a) && mb_parse_stamp(to, strlen(to), &b));
        assert_true(mb_stamp_seconds(mb_stamp_minus(b, a), mb_time_unit_of(1)) == strtod(difference, NULL));
    }
}

// ---- order

static mb_workload newest_first(bool sort) {
    mb_workload workload = trace_workload(CORPUS "newest_first.csv", MB_TRACE_CSV);
    workload.trace.columns.time = mb_strdup("start");
    workload.trace.sort = sort;
    return workload;
}

static void test_sort(void **unused) {
    (void)unused;
    expect_sentence(newest_first(false), 0,
                    CORPUS
                    "newest_first.csv:3: column \"start\" is \"2026-03-01T10:00:04.500000Z\"; expected a "
                    "time not before the previous row's (sort = true puts the rows in order)");
    reading all = read_all(newest_first(true));
    assert_int_equal(all.count, 4);
    const double times[] = {0, 0, 4.5, 9.1};
    const uint32_t prompts[] = {100, 101, 200, 300}; // equal times keep the order of the file
    for (size_t i = 0; i < 4; i++)
        assert_true(all.arrivals[i].time_s == times[i] && all.arrivals[i].prompt_tokens == prompts[i]);
    // A start may also be the end less the duration, in units of its own.
    mb_workload workload = trace_workload(CORPUS "newest_first.csv", MB_TRACE_CSV);
    workload.trace.columns.end = mb_strdup("end");
    workload.trace.columns.duration = mb_strdup("took");
    workload.trace.time_unit_s = 0.001;
    workload.trace.sort = true;
    all = read_all(workload);
    for (size_t i = 0; i < 4; i++)
        assert_true(all.arrivals[i].time_s == times[i] && all.arrivals[i].prompt_tokens == prompts[i]);
    assert_true(all.arrivals[2].service_s == 6.5);
    // And an end alone gives the service time.
    workload = newest_first(true);
    workload.trace.columns.end = mb_strdup("end");
    all = read_all(workload);
    assert_true(all.arrivals[2].service_s == 6.5 && all.arrivals[3].service_s == 3.5);
}

// More rows than are held: the order of a generator that visits each time once, backwards and forwards.
static void test_large_sort(void **unused) {
    (void)unused;
    const uint32_t rows = 700001; // a prime
    char path[64];
    snprintf(path, 64, "/tmp/mbsand-csv-XXXXXX");
    close(mkstemp(path));
    gzFile file = gzopen(path, "wb1");
    gzprintf(file, "time,prompt,output,ids\n");
    for (uint32_t i = 0; i < rows; i++) {
        const uint32_t time = (uint32_t)((uint64_t)i * 300007 % rows);
        gzprintf(file, "%u,%u,1,%u\n", time, time + 1, time);
    }
    assert_int_equal(gzclose(file), Z_OK);
    mb_workload workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.sort = true;
    workload.trace.columns.prefix = mb_strdup("ids");
    workload.trace.prefix_unit_tokens = 1000000;
    mb_error error = {0};
    mb_source *source = NULL;
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_OK);
    assert_int_equal(mb_source_open(&workload, 1, 0, &source, &error), MB_OK);
    for (uint32_t i = 0; i <= rows; i++) {
        mb_arrival arrival;
        bool end;
        assert_int_equal(mb_source_next(source, &arrival, &end, &error), MB_OK);
        assert_true(end == (i == rows));
        if (end) break;
        assert_true(arrival.time_s == i && arrival.prompt_tokens == i + 1);
        assert_true(arrival.prefix_count == 1 && arrival.prefix_ids[0] == i && arrival.session == 0);
    }
    mb_source_close(source);
    mb_workload_deinit(&workload);
    unlink(path);
}

// The program is to stop: a file however long is left in the middle.
static void test_stopped(void **unused) {
    (void)unused;
    static atomic_bool stop = true;
    mb_workload workload = newest_first(true);
    mb_error error = {0};
    mb_source *source = NULL;
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_OK);
    mb_stopped_by(&stop);
    assert_int_equal(mb_source_open(&workload, 1, 0, &source, &error), MB_FAILED);
    assert_string_equal(error.message, "interrupted while " CORPUS "newest_first.csv was read");
    mb_stopped_by(NULL);
    mb_workload_deinit(&workload);
}

static void test_ids(void **unused) {
    (void)unused;
    mb_workload workload = trace_workload(CORPUS "ids.csv", MB_TRACE_CSV);
    workload.trace.columns.prefix = mb_strdup("ids");
    workload.trace.prefix_unit_tokens = 16;
    const reading all = read_all(workload);
    assert_true(all.count == 2 && all.arrivals[0].prefix_count == 3 && all.arrivals[1].prefix_count == 0);
}

// ---- windows, on a trace of 1,000 rows at times 0, 2, 4, ... with prompt = row number from 1

static void write_numbered(char path[64], bool gzip) {
    snprintf(path, 64, "/tmp/mbsand-csv-XXXXXX");
    close(mkstemp(path));
    gzFile file = gzopen(path, gzip ? "wb" : "wbT");
    assert_non_null(file);
    gzprintf(file, "time,prompt,output\n");
    for (int i = 0; i < 1000; i++)
        gzprintf(file, "%d,%d,%d\n", 100 + 2 * i, i + 1, 7);
    assert_int_equal(gzclose(file), Z_OK);
}

static void test_windows(void **unused) {
    (void)unused;
    char path[64];
    write_numbered(path, false);
    mb_workload workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.rate_scale = 100;
    reading all = read_all(workload);
    assert_int_equal(all.count, 1000);
    assert_true(all.last_s == 1998.0 / 100);

    workload = trace_workload(path, MB_TRACE_CSV);
    workload.limit = 5;
    workload.trace.skip_rows = 10;
    all = read_all(workload);
    assert_int_equal(all.count, 5);
    assert_int_equal(all.arrivals[0].prompt_tokens, 11);
    assert_true(all.arrivals[0].time_s == 0 && all.last_s == 8);

    workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.from_s = 9; // half open: rows at 10 .. 18
    workload.trace.to_s = 20;
    workload.trace.rate_scale = 2;
    all = read_all(workload);
    assert_int_equal(all.count, 5);
    assert_int_equal(all.arrivals[0].prompt_tokens, 6);
    assert_true(all.arrivals[0].time_s == 0.5 && all.last_s == 4.5);

    workload = trace_workload(path, MB_TRACE_CSV);
    workload.until_s = 6;
    assert_int_equal(read_all(workload).count, 4);
    unlink(path);
}

static mb_workload windowed(const char *path) {
    mb_workload workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.window_per_seed = true;
    workload.limit = 300;
    return workload;
}

static void test_window_per_seed(void **unused) {
    (void)unused;
    char path[64], sentence[256];
    write_numbered(path, false);
    for (uint32_t r = 0; r < 3; r++) {
        mb_error error;
        reading all;
        assert_int_equal(read_replication(windowed(path), r, &all, &error), MB_OK);
        assert_int_equal(all.count, 300);
        assert_int_equal(all.arrivals[0].prompt_tokens, 300 * r + 1);
        assert_true(all.arrivals[0].time_s == 0 && all.last_s == 598);
    }
    snprintf(
        sentence, sizeof sentence,
        "%s: a window of 300 rows per seed, but its 1000 usable rows have only 3 such windows; expected no "
        "more seeds than that, a smaller limit, or window_per_seed = false",
        path);
    expect_sentence(windowed(path), 3, sentence);
    mb_workload workload = windowed(path);
    workload.limit = 0;
    expect_sentence(workload, 0, "workload: window_per_seed without a limit; expected limit = rows per seed");
    workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.skip_rows = 1000;
    snprintf(sentence, sizeof sentence,
             "%s: none of the 1000 rows read is left (1000 usable ones in the window, 0 with a zero or "
             "missing length, "
             "1000 to "
             "skip); expected at least one",
             path);
    expect_sentence(workload, 0, sentence);
    workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.rate_scale = 0;
    expect_sentence(
        workload, 0,
        "trace: rate_scale is 0; expected a positive number (100 plays the trace 100 times faster)");
    workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.to_s = 0;
    expect_sentence(workload, 0, "trace: the window is from 0 s to 0 s; expected 0 <= from < to");
    unlink(path);
}

// Buffers are refilled in the middle of rows: plain and gzip must give the same stream, of known sums.
static void test_large_gzip(void **unused) {
    (void)unused;
    char paths[2][64];
    const uint64_t rows = 200000;
    for (int gzip = 0; gzip < 2; gzip++) {
        snprintf(paths[gzip], 64, "/tmp/mbsand-csv-XXXXXX");
        close(mkstemp(paths[gzip]));
        gzFile file = gzopen(paths[gzip], gzip ? "wb1" : "wbT");
        gzprintf(file, "time,name,prompt,output\r\n");
        for (uint64_t i = 1; i <= rows; i++)
            gzprintf(file, "%llu.25,\"a \"\"quoted\"\", field\",%llu,%llu\r\n", (unsigned long long)i,
                     (unsigned long long)i, (unsigned long long)(i % 1000 + 1));
        assert_int_equal(gzclose(file), Z_OK);
        const reading all = read_all(trace_workload(paths[gzip], MB_TRACE_CSV));
        assert_int_equal(all.count, rows);
        assert_true(all.prompt == rows * (rows + 1) / 2);
        assert_true(all.output == rows / 1000 * 500500);
        assert_true(all.last_s == (double)(rows - 1));
        unlink(paths[gzip]);
    }
}

static void test_azure_published(void **unused) {
    (void)unused;
    const char *const conversation = "../shared/data/traces/azure2023/AzureLLMInferenceTrace_conv.csv";
    const char *const code = "../shared/data/traces/azure2023/AzureLLMInferenceTrace_code.csv";
    if (access(conversation, R_OK) || access(code, R_OK)) {
        print_message("skipped: the Azure 2023 traces are not here\n");
        skip();
    }
    reading all = read_all(trace_workload(conversation, MB_TRACE_AZURE));
    assert_int_equal(all.count, 19366);
    assert_true(fabs((double)all.prompt / (double)all.count - 1154.7) < 0.05);
    assert_true(fabs((double)all.output / (double)all.count - 211.1) < 0.05);
    assert_true(fabs(all.last_s - 3501.7) < 0.05);
    all = read_all(trace_workload(code, MB_TRACE_AZURE));
    assert_int_equal(all.count, 8819);
    assert_true(fabs(all.last_s - 3435.9) < 0.05);
}

// Stretches differ by chance: their lengths by little, their rates by what 27 and more spells leave.
static void test_burst_sample(void **unused) {
    (void)unused;
    double total_s = 0;
    for (uint64_t r = 0; r < 5; r++) {
        mb_workload workload = trace_workload("data/burst_sample.csv", MB_TRACE_BURSTGPT);
        workload.trace.window_per_seed = true;
        workload.trace.rate_scale = 100;
        workload.limit = 10000;
        mb_error error;
        reading all;
        assert_int_equal(read_replication(workload, r, &all, &error), MB_OK);
        assert_int_equal(all.count, 10000);
        assert_true(fabs(all.last_s - 360) < 100);
        total_s += all.last_s;
        assert_true(fabs((double)all.prompt / 10000 - 611) < 30);
        assert_true(fabs((double)all.output / 10000 - 123) < 10);
    }
    assert_true(fabs(total_s - 1815) < 1); // the whole file, a hundred times faster
}

// A file that somebody cuts off while it is read must not pass for a shorter trace.
static void test_shrinking_file(void **unused) {
    (void)unused;
    char path[] = "/tmp/mbsand-shrinking-XXXXXX";
    const int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    assert_non_null(file);
    fputs("t,in,out\n", file);
    for (int i = 0; i < 400000; i++)
        fprintf(file, "%d,10,20\n", i);
    fflush(file);
    mb_workload workload = trace_workload(path, MB_TRACE_CSV);
    workload.trace.columns =
        (mb_trace_columns){.time = mb_strdup("t"), .prompt = mb_strdup("in"), .output = mb_strdup("out")};
    mb_source *source;
    mb_error error;
    assert_int_equal(mb_source_open(&workload, 1, 0, &source, &error), MB_OK);
    mb_arrival arrival;
    bool end = false;
    assert_int_equal(mb_source_next(source, &arrival, &end, &error), MB_OK);
    assert_int_equal(ftruncate(descriptor, 3000000), 0);
    mb_status status = MB_OK;
    while (status == MB_OK && !end)
        status = mb_source_next(source, &arrival, &end, &error);
    assert_int_equal(status, MB_BAD_INPUT);
    mb_source_close(source);
    mb_workload_deinit(&workload);
    fclose(file);
    remove(path);
}

// ---- malformed files

static void test_sentences(void **unused) {
    (void)unused;
    const struct {
        const char *file, *sentence; // the sentence follows the file's name
    } burstgpt[] = {
        {"letters.csv", ":4: column \"Request tokens\" is \"12a\"; expected a whole number of tokens"},
        {"negative.csv", ":2: column \"Request tokens\" is \"-3\"; expected a whole number of tokens"},
        {"fraction.csv", ":2: column \"Request tokens\" is \"3.5\"; expected a whole number of tokens"},
        {"control.csv",
         ":2: column \"Request tokens\" is \"\\x1b[31m\\xff\"; expected a whole number of tokens"},
        {"overflow.csv", ":2: column \"Request tokens\" is \"4294967296\"; expected a whole number of "
                         "tokens, at most 1000000000"},
        {"overflow_far.csv",
         ":2: column \"Request tokens\" is \"99999999999999999999999\"; expected a whole number of "
         "tokens, at most 1000000000"},
        {"infinite_time.csv", ":2: column \"Timestamp\" is \"inf\"; expected a number, or a date like "
                              "2023-11-16 18:15:46.6805900"},
        {"short_row.csv", ":3: 3 fields; expected 6, as in the header"},
        {"long_row.csv", ":2: 7 fields; expected 6, as in the header"},
        {"backwards.csv", ":3: column \"Timestamp\" is \"4\"; expected a time not before the previous row's "
                          "(sort = true puts the rows in order)"},
        {"missing_column.csv",
         ":1: no column \"Response tokens\"; the columns are \"Timestamp\", \"Model\", \"Request "
         "tokens\" and \"Total tokens\""},
        {"doubled_column.csv",
         ":1: columns 2 and 3 are both named \"Request tokens\"; expected one such column"},
        {"open_quote.csv",
         ":3: misplaced or unclosed quote (\"); expected a field in quotes to be quoted as a whole, "
         "and a quote within it to be doubled"},
        {"stray_quote.csv",
         ":2: misplaced or unclosed quote (\"); expected a field in quotes to be quoted as a whole, "
         "and a quote within it to be doubled"},
        {"lone_cr.csv",
         ":1: carriage return in the middle of a line; expected lines that end in LF or CR LF"},
        {"header_only.csv", ": no rows after the header; expected at least one"},
        {"empty.csv", ": is empty; expected a header line with column names"},
        {"blank.csv", ": is empty; expected a header line with column names"},
        {"utf16.csv", ": is in UTF-16; expected UTF-8 (convert it with iconv)"},
        {"cut_short.csv.gz",
         ":1: the gzip data is cut short after this line; expected a whole file (test it with gzip -t)"},
        {"damaged.csv.gz",
         ":1: the gzip data is damaged after this line: invalid code -- missing end-of-block; "
         "expected a whole file (test it with gzip -t)"},
        {"cut_short.csv.zst",
         ":1: the zstd data is cut short after this line; expected a whole file (test it with zstd -t)"},
        {"damaged.csv.zst", ":1: the zstd data is damaged after this line: Data corruption detected; "
                            "expected a whole file (test it with zstd -t)"},
        {"long_window.csv.zst",
         ": was packed with zstd --long, and takes more memory to unpack than is given "
         "to it; expected it unpacked (zstd -d --long=31)"},
        {"utf16_no_mark.csv", ": is in UTF-16; expected UTF-8 (convert it with iconv)"},
        {"archive.csv",
         ": is a zip archive, or a spreadsheet such as .xlsx; expected it unpacked, or exported "
         "as CSV"},
        {"parquet.csv", ": is a Parquet file; expected it exported as CSV or JSON lines"},
        {"good.csv.bz2", ": is compressed with bzip2; expected it unpacked (bunzip2), or as gzip or zstd"},
        {"pointer.csv", ": is a Git LFS pointer and not the file; expected the file (git lfs pull)"},
        {"page.csv", ": is a web page (HTML) or XML; expected a CSV file"},
        {"list.csv", ": is JSON; expected a CSV file (trace.jsonl reads JSON, with the names of its fields)"},
        {"no_header.csv", ":1: a row of numbers; expected a header line with column names before it"},
        {"nan.csv",
         ": none of the 1 rows read is left (0 usable ones in the window, 1 with a zero or missing "
         "length, 0 to skip); expected at least one"},
        {"no_such_file.csv", ": cannot be opened: No such file or directory"},
        {"", ": is a directory; expected a CSV file"},
    };
    char path[256], sentence[512];
    for (size_t i = 0; i < sizeof burstgpt / sizeof *burstgpt; i++) {
        snprintf(path, sizeof path, CORPUS "%s", burstgpt[i].file);
        snprintf(sentence, sizeof sentence, "%s%s", path, burstgpt[i].sentence);
        expect_sentence(trace_workload(path, MB_TRACE_BURSTGPT), 0, sentence);
    }
    expect_sentence(trace_workload(CORPUS "mixed_times.csv", MB_TRACE_AZURE), 0,
                    CORPUS
                    "mixed_times.csv:3: column \"TIMESTAMP\" is \"17\"; expected a date like 2023-11-16 "
                    "18:15:46.6805900, as in the first row");
    expect_sentence(trace_workload(CORPUS "bad_date.csv", MB_TRACE_AZURE), 0,
                    CORPUS
                    "bad_date.csv:2: column \"TIMESTAMP\" is \"2023-02-30 18:15:46.6805900\"; expected a "
                    "number, or a date like 2023-11-16 18:15:46.6805900");
    expect_sentence(
        trace_workload(CORPUS "missing_column.csv", MB_TRACE_CSV), 0,
        CORPUS "missing_column.csv:1: no column \"output\", nor another usual name of it; expected columns "
               "= { output = \"...\" } to name one of \"Timestamp\", \"Model\", \"Request tokens\" and "
               "\"Total tokens\"");
    expect_sentence(trace_workload("/dev/null", MB_TRACE_CSV), 0,
                    "/dev/null: is not a regular file; expected one, since it is read several times");
}

static void test_no_permission(void **unused) {
    (void)unused;
    char path[64], sentence[256];
    write_temporary(path, "a\n", 2);
    chmod(path, 0);
    if (access(path, R_OK) == 0) {
        unlink(path);
        print_message("skipped: this user may read every file\n");
        skip();
    }
    snprintf(sentence, sizeof sentence, "%s: cannot be opened: Permission denied", path);
    expect_sentence(trace_workload(path, MB_TRACE_CSV), 0, sentence);
    unlink(path);
}

// A quote that is never closed must not take the memory of the rest of the file.
static void test_endless_field(void **unused) {
    (void)unused;
    const size_t length = 4 * 1024 * 1024;
    char path[64], sentence[256], *text = malloc(length);
    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text, "time,prompt,output\n1,\"", 22);
    for (size_t i = 100; i < length; i += 100)
        text[i] = '\n';
    write_temporary(path, text, length);
    free(text);
    snprintf(sentence, sizeof sentence, "%s:2: a field is longer than 1 MiB; expected its quote to be closed",
             path);
    expect_sentence(trace_workload(path, MB_TRACE_CSV), 0, sentence);
    unlink(path);
}

static void test_read_column(void **unused) {
    (void)unused;
    mb_distribution distribution;
    mb_error error;
    assert_int_equal(
        mb_distribution_read_column(CORPUS "good.csv.gz", "response TOKENS", &distribution, &error), MB_OK);
    assert_int_equal(distribution.value_count, 3);
    assert_true(distribution.values[0] == 18 && distribution.values[1] == 230 &&
                distribution.values[2] == 276);
    assert_int_equal(mb_distribution_prepare(&distribution, "x", &error), MB_OK);
    mb_distribution_deinit(&distribution);
    assert_int_equal(mb_distribution_read_column(CORPUS "good.csv", "Model", &distribution, &error),
                     MB_BAD_INPUT);
    assert_string_equal(error.message, CORPUS
                        "good.csv:2: column \"Model\" is \"ChatGPT\"; expected a number of at least 0");
    assert_null(distribution.values);
    assert_int_equal(mb_distribution_read_column(CORPUS "header_only.csv", "Model", &distribution, &error),
                     MB_BAD_INPUT);
    assert_string_equal(error.message,
                        CORPUS "header_only.csv: no rows after the header; expected at least one");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_number),
        cmocka_unit_test(test_parse_date),
        cmocka_unit_test(test_burstgpt),
        cmocka_unit_test(test_azure),
        cmocka_unit_test(test_column_map),
        cmocka_unit_test(test_zero_lengths),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_window_per_seed),
        cmocka_unit_test(test_large_gzip),
        cmocka_unit_test(test_azure_published),
        cmocka_unit_test(test_burst_sample),
        cmocka_unit_test(test_shrinking_file),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_no_permission),
        cmocka_unit_test(test_endless_field),
        cmocka_unit_test(test_read_column),
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_long_comment),
        cmocka_unit_test(test_failed_requests),
        cmocka_unit_test(test_exact_times),
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_large_sort),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
