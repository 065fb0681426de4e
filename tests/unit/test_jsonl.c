// SPDX-License-Identifier: MIT
// Traces of JSON lines: what is read, what each malformed file is told, and jitter. Run from the repository's
// root.
#include "base/strbuf.h"
#include "workload/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CORPUS "tests/corpus/jsonl/"
#define CONVERSATIONS "../shared/data/traces/mooncake/conversation_trace.jsonl"
#define SHAREGPT "../shared/data/perf/llmservingsim/workloads/sharegpt-llama-3.1-8b-300-sps10.blocks16.jsonl"

// ---- helpers

static mb_workload mooncake(const char *path) {
    mb_workload workload = {.kind = MB_WORKLOAD_TRACE, .until_s = INFINITY};
    workload.trace =
        (mb_trace){.layout = MB_TRACE_MOONCAKE, .time_unit_s = 1, .rate_scale = 1, .to_s = INFINITY};
    workload.trace.path = mb_strdup(path);
    return workload;
}

static mb_workload jsonl(const char *path, double time_unit_s, uint32_t prefix_unit) {
    mb_workload workload = mooncake(path);
    workload.trace.layout = MB_TRACE_JSONL;
    workload.trace.time_unit_s = time_unit_s;
    workload.trace.prefix_unit_tokens = prefix_unit;
    mb_trace_columns *keys = &workload.trace.columns;
    keys->time = mb_strdup("at");
    keys->prompt = mb_strdup("in");
    keys->output = mb_strdup("out");
    return workload;
}

static void name_key(char **key, const char *name) {
    free(*key);
    *key = mb_strdup(name);
}

typedef void visitor(void *context, const mb_source *source, const mb_arrival *arrival);

// Prepare, open and read all of a workload, which is released. The number of arrivals.
static mb_status read_with(mb_workload workload, uint64_t seed, visitor *visit, void *context, size_t *count,
                           mb_source_counts *counts, mb_error *error) {
    *count = 0;
    mb_source *source = NULL;
    mb_status status = mb_workload_prepare(&workload, error);
    if (!status) status = mb_source_open(&workload, seed, 0, &source, error);
    double last_s = 0;
    bool end = false;
    while (!status && !end) {
        mb_arrival arrival;
        status = mb_source_next(source, &arrival, &end, error);
        if (status || end) break;
        assert_true(arrival.time_s >= last_s);
        last_s = arrival.time_s;
        ++*count;
        if (visit) visit(context, source, &arrival);
    }
    if (source && counts) *counts = mb_source_get_counts(source);
    assert_true(!end || mb_source_over(source));
    mb_source_close(source);
    mb_workload_deinit(&workload);
    return status;
}

static size_t read_all(mb_workload workload, visitor *visit, void *context, mb_source_counts *counts) {
    mb_error error = {0};
    size_t count;
    if (read_with(workload, 1, visit, context, &count, counts, &error)) fail_msg("%s", error.message);
    return count;
}

static void expect_sentence(mb_workload workload, const char *sentence) {
    mb_error error = {0};
    size_t count;
    assert_int_equal(read_with(workload, 1, NULL, NULL, &count, NULL, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
}

typedef struct kept {
    size_t count;
    mb_arrival arrivals[8];
    uint64_t ids[8][8];
    char clients[8][16];
} kept;

static void keep(void *context, const mb_source *source, const mb_arrival *arrival) {
    kept *k = context;
    assert_true(k->count < 8 && arrival->prefix_count <= 8);
    const size_t i = k->count++;
    k->arrivals[i] = *arrival;
    if (arrival->prefix_count)
        memcpy(k->ids[i], arrival->prefix_ids, arrival->prefix_count * sizeof *arrival->prefix_ids);
    snprintf(k->clients[i], sizeof k->clients[i], "%s", mb_source_client_name(source, arrival->client));
}

// ---- what is read

static void check_good(const char *path) {
    kept k = {0};
    mb_source_counts counts;
    assert_int_equal(read_all(mooncake(path), keep, &k, &counts), 4);
    assert_int_equal(counts.rows, 5);
    assert_int_equal(counts.skipped_zero, 1);
    static const double times[] = {0, 0, 3, 3.001};
    static const uint32_t prompts[] = {513, 512, 1024, 1}, outputs[] = {5, 7, 9, 1}, ids[] = {2, 1, 2, 1};
    for (size_t i = 0; i < 4; i++) {
        const mb_arrival *a = &k.arrivals[i];
        assert_true(a->time_s == times[i] && a->prompt_tokens == prompts[i] &&
                    a->output_tokens == outputs[i]);
        assert_true(a->predicted_output == outputs[i] && a->prefix_count == ids[i]);
        assert_int_equal(a->prefix_unit_tokens, 512);
        assert_true(a->user == 0 && a->session == 0 && isinf(a->deadline_s));
    }
    assert_true(k.ids[0][0] == 0 && k.ids[0][1] == 1 && k.ids[2][1] == 3);
    assert_true(k.ids[3][0] == INT64_MAX);
}

static void test_mooncake(void **unused) {
    (void)unused;
    check_good(CORPUS "good.jsonl");
    check_good(CORPUS "good.jsonl.gz");
    assert_int_equal(read_all(mooncake(CORPUS "bom.jsonl"), NULL, NULL, NULL), 1);
    mb_workload workload = mooncake(CORPUS "good.jsonl");
    workload.trace.keep_zero = true;
    assert_int_equal(read_all(workload, NULL, NULL, NULL), 5);
    mb_source_counts counts;
    workload = mooncake(CORPUS "good.jsonl");
    workload.trace.longest = 519; // 513 + 5 and 512 + 7 fit, 1024 + 9 does not
    assert_int_equal(read_all(workload, NULL, NULL, &counts), 3);
    assert_int_equal(counts.skipped_long, 1);
    workload = mooncake(CORPUS "good.jsonl");
    workload.trace.from_s = 3;
    workload.trace.to_s = 3.001;
    assert_int_equal(read_all(workload, NULL, NULL, NULL), 1);
}

static mb_workload with_all_keys(void) {
    mb_workload workload = jsonl(CORPUS "fields.jsonl", 1e-9, 16);
    mb_trace_columns *keys = &workload.trace.columns;
    name_key(&keys->predicted, "guess");
    name_key(&keys->client, "who");
    name_key(&keys->priority, "urgent");
    name_key(&keys->prefix, "ids");
    workload.predictor.kind = MB_PREDICT_COLUMN;
    return workload;
}

// Nanoseconds since 1970 lose nothing: they count from the first row's. Ids of the answer are cut off.
static void test_fields(void **unused) {
    (void)unused;
    kept k = {0};
    assert_int_equal(read_all(with_all_keys(), keep, &k, NULL), 3);
    const mb_arrival *a = k.arrivals;
    assert_true(a[0].time_s == 0 && a[1].time_s == 0.5 && a[2].time_s == 2);
    assert_true(a[0].predicted_output == 38 && a[1].predicted_output == 3);
    assert_true(a[0].priority == 2 && a[1].priority == -1);
    assert_string_equal(k.clients[0], "a");
    assert_string_equal(k.clients[1], "7");
    assert_string_equal(k.clients[2], "a");
    assert_true(a[0].prefix_count == 3 && a[0].prefix_unit_tokens == 16 && k.ids[0][2] == 6); // ceil(33 / 16)
    assert_true(a[1].prefix_count == 0 && a[1].prefix_ids == NULL);
    assert_true(a[2].prefix_count == 1 && k.ids[2][0] == 4);

    k = (kept){0};
    assert_int_equal(read_all(jsonl(CORPUS "dates.jsonl", 1, 0), keep, &k, NULL), 2);
    assert_true(k.arrivals[1].time_s == 1.5 && k.arrivals[1].prefix_count == 0);
}

// Ids are unsigned numbers of 64 bits. Mooncake's may be missing, may go on into the answer, and need not
// name a last unit that is not full.
static void test_ids(void **unused) {
    (void)unused;
    kept k = {0};
    assert_int_equal(read_all(mooncake(CORPUS "ids.jsonl"), keep, &k, NULL), 4);
    const mb_arrival *a = k.arrivals;
    assert_true(a[0].prefix_count == 2 && k.ids[0][0] == UINT64_MAX && k.ids[0][1] == 9007199254740993);
    assert_true(a[1].prefix_count == 0 && a[1].prefix_ids == NULL);
    assert_true(a[2].prefix_count == 2 && k.ids[2][1] == 6);
    assert_true(a[3].prefix_count == 1 && k.ids[3][0] == 5);
    k = (kept){0};
    assert_int_equal(read_all(mooncake(CORPUS "missing_ids.jsonl"), keep, &k, NULL), 3);
    assert_true(a[0].prefix_count == 2 && a[1].prefix_count == 0 && a[2].prefix_count == 0);
    k = (kept){0};
    mb_workload workload = jsonl(CORPUS "text_ids.jsonl", 1, 4);
    name_key(&workload.trace.columns.prefix, "ids");
    assert_int_equal(read_all(workload, keep, &k, NULL), 1);
    assert_true(k.arrivals[0].prefix_count == 3 && k.ids[0][1] == UINT64_MAX && k.ids[0][2] == 9);
}

static mb_workload nested(const char *prompt) {
    mb_workload workload = jsonl(CORPUS "nested.jsonl", 1e-9, 0);
    mb_trace_columns *keys = &workload.trace.columns;
    name_key(&keys->time, "meta.at.ns");
    name_key(&keys->prompt, prompt);
    name_key(&keys->output, "use.out");
    name_key(&keys->client, "meta.tags.0.who");
    return workload;
}

// Paths go into objects and lists, and keys may hold dots themselves. Rows without lengths are left out.
static void test_nested(void **unused) {
    (void)unused;
    kept k = {0};
    mb_source_counts counts;
    assert_int_equal(read_all(nested("use.in.value"), keep, &k, &counts), 2);
    assert_int_equal(counts.rows, 4);
    assert_int_equal(counts.skipped_empty, 2);
    assert_true(k.arrivals[0].prompt_tokens == 550 && k.arrivals[1].prompt_tokens == 300);
    assert_true(k.arrivals[1].output_tokens == 20 && k.arrivals[1].time_s == 0.123456788);
    assert_string_equal(k.clients[0], "a\xc3\xa9");
    assert_string_equal(k.clients[1], "b");
    // A name that no row has is wrong.
    expect_sentence(nested("use.inn"),
                    CORPUS "nested.jsonl:6: no \"use.inn\"; expected a whole number of tokens in some row");
}

static mb_workload lists(const char *file) {
    char path[64];
    snprintf(path, sizeof path, CORPUS "%s", file);
    mb_workload workload = jsonl(path, 1, 0);
    mb_trace_columns *keys = &workload.trace.columns;
    name_key(&keys->time, "start_times");
    name_key(&keys->prompt, "input_lens");
    name_key(&keys->output, "output_lens");
    name_key(&keys->client, "model_id");
    return workload;
}

// An object of lists, and a list of objects, over several lines.
static void test_documents(void **unused) {
    (void)unused;
    kept k = {0};
    mb_source_counts counts;
    assert_int_equal(read_all(lists("lists.json"), keep, &k, &counts), 3);
    assert_int_equal(counts.skipped_zero, 1);
    assert_true(k.arrivals[1].time_s == 0.25 && k.arrivals[2].time_s == 3.75);
    assert_true(k.arrivals[2].prompt_tokens == 40 && k.arrivals[2].output_tokens == 4);
    assert_string_equal(k.clients[2], "m");
    expect_sentence(lists("unequal_lists.json"), CORPUS
                    "unequal_lists.json:1: \"input_lens\" has 2 values, and \"output_lens\" more; expected "
                    "lists of one length");
    // The tokens of a prompt are no requests.
    mb_workload workload = lists("token_ids.jsonl");
    name_key(&workload.trace.columns.time, "time");
    name_key(&workload.trace.columns.prompt, "input_ids");
    name_key(&workload.trace.columns.output, "out");
    expect_sentence(workload,
                    CORPUS "token_ids.jsonl:1: \"input_ids\" is a list, and \"out\" is none; expected "
                           "a request an object, or lists with an element a request");
    workload = lists("lists.json");
    name_key(&workload.trace.columns.output, "errors");
    expect_sentence(workload, CORPUS "lists.json:1: element 3 of \"errors\" is \"a \\\"]\\\" in {a text}\"; "
                                     "expected a whole number of tokens");
    k = (kept){0};
    assert_int_equal(read_all(jsonl(CORPUS "list_of_objects.json", 1, 0), keep, &k, NULL), 3);
    assert_true(k.arrivals[2].time_s == 2.75 && k.arrivals[2].prompt_tokens == 30);
}

// Times of 9e15 s, a quarter of a second apart.
static void test_far_times(void **unused) {
    (void)unused;
    kept k = {0};
    mb_workload workload = jsonl(CORPUS "far_times.jsonl", 1, 0);
    workload.trace.sort = true;
    assert_int_equal(read_all(workload, keep, &k, NULL), 3);
    assert_true(k.arrivals[1].time_s == 0.125 && k.arrivals[2].time_s == 0.625);
}

// ---- what is not

static void test_malformed(void **unused) {
    (void)unused;
    static const char *const cases[][2] = {
#define AT(file, rest) {file, CORPUS file ":2: " rest}
        AT("bad_json.jsonl", "bad JSON at column 50: '}' expected near '\"output_length\"'; expected one "
                             "object { ... } a line"),
        AT("cut_short.jsonl",
           "bad JSON at column 41: premature end of input near '\"outp'; expected one object { "
           "... } a line"),
        AT("array.jsonl", "an array; expected one object { ... } a line"),
        AT("number.jsonl", "a lone value; expected one object { ... } a line"),
        AT("two_objects.jsonl",
           "bad JSON at column 18: end of file expected near '{'; expected one object { ... } a line"),
        AT("doubled_key.jsonl", "two values of \"timestamp\"; expected one"),
        AT("control.jsonl",
           "bad JSON at column 19: control character 0x1b near '\"a'; expected one object { ... } "
           "a line"),
        AT("nul.jsonl", "a NUL byte; expected one object { ... } a line"),
        AT("missing_time.jsonl", "no \"timestamp\"; expected a number, as in the first row"),
        AT("negative.jsonl", "\"input_length\" is -3; expected a whole number of tokens"),
        AT("fraction.jsonl", "\"input_length\" is 3.5; expected a whole number of tokens"),
        AT("text.jsonl", "\"input_length\" is \"three\"; expected a whole number of tokens"),
        AT("null.jsonl", "\"timestamp\" is null; expected a number, as in the first row"),
        AT("nan.jsonl",
           "bad JSON at column 17: invalid token near 'NaN'; expected one object { ... } a line"),
        AT("too_large.jsonl",
           "\"input_length\" is 1000000001; expected a whole number of tokens, at most 1000000000"),
        AT("overflow.jsonl", "\"input_length\" is 99999999999999999999; expected a whole number of tokens, "
                             "at most 1000000000"),
        AT("infinite.jsonl", "\"timestamp\" is 1e999; expected a time below 9.2e18"),
        AT("wrong_count.jsonl",
           "\"hash_ids\" is [0]; expected 3 ids, one for every 512 of the 1025 prompt tokens, not 1"),
        AT("negative_id.jsonl", "\"hash_ids\" is [-1]; expected whole numbers from 0 to 2^64 - 1 as ids"),
        AT("text_id.jsonl", "\"hash_ids\" is [\"a\"]; expected whole numbers from 0 to 2^64 - 1 as ids"),
        AT("backwards.jsonl", "\"timestamp\" is 4; expected a time not before the previous row's (sort = "
                              "true puts the rows in order)"),
#undef AT
        {"negative_time.jsonl",
         CORPUS "negative_time.jsonl:1: \"timestamp\" is -1; expected a time of at least 0"},
        {"empty.jsonl", CORPUS "empty.jsonl: no rows; expected at least one"},
        {"blank.jsonl", CORPUS "blank.jsonl: no rows; expected at least one"},
        {"cut_short.jsonl.gz", CORPUS "cut_short.jsonl.gz:1: the gzip data is cut short after this line; "
                                      "expected a whole file (test it with gzip -t)"},
        {"utf16.jsonl", CORPUS "utf16.jsonl: is in UTF-16; expected UTF-8 (convert it with iconv)"},
        {"deep.jsonl", CORPUS "deep.jsonl:1: \"[\" where an object { ... } should begin; expected a list of "
                              "objects, or one object a line"},
        {"table.jsonl",
         CORPUS "table.jsonl:1: starts with \"at,in,out\", which is no JSON; expected one object "
                "{ ... } a line (trace.csv reads tables)"},
        {"open_list.json",
         CORPUS "open_list.json:3: the list that the file is ends without \"]\"; expected a "
                "whole file"},
        {"after_list.json", CORPUS "after_list.json:2: \"{\" after the end of the list; expected the file to "
                                   "end"},
        {"open_object.json", CORPUS "open_object.json:1: the object that begins here never ends; expected a "
                                    "whole file, or one object { ... } a line"},
        {"id_too_large.jsonl",
         CORPUS "id_too_large.jsonl:1: \"hash_ids\" is [1, 18446744073709551616]; expected "
                "whole numbers from 0 to 2^64 - 1 as ids"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        snprintf(path, sizeof path, CORPUS "%s", cases[i][0]);
        expect_sentence(mooncake(path), cases[i][1]);
    }
}

static void test_bad_keys(void **unused) {
    (void)unused;
    expect_sentence(jsonl(CORPUS "mixed_times.jsonl", 1, 0),
                    CORPUS "mixed_times.jsonl:2: \"at\" is 5; expected a date like 2023-11-16 "
                           "18:15:46.6805900, as in the first row");
    mb_workload workload = with_all_keys();
    workload.trace.prefix_unit_tokens = 0;
    expect_sentence(workload, CORPUS "fields.jsonl: a unit of 0 prefix tokens; expected 1 to 1000000000");
    workload = with_all_keys();
    name_key(&workload.trace.columns.priority, "who");
    expect_sentence(workload, CORPUS
                    "fields.jsonl:1: \"who\" is \"a\"; expected a whole number, larger for more urgent");
    workload = with_all_keys();
    name_key(&workload.trace.columns.client, "ids");
    expect_sentence(
        workload,
        CORPUS "fields.jsonl:1: \"ids\" is [4, 5, 6, 7, 8]; expected a name in quotes, or a whole number");
    workload = with_all_keys();
    free(workload.trace.columns.prompt);
    workload.trace.columns.prompt = NULL;
    expect_sentence(workload,
                    CORPUS "fields.jsonl: JSON lines without names; expected the keys of time, prompt "
                           "and output, and of the predicted length");
    workload = mooncake("tests/corpus");
    expect_sentence(workload, "tests/corpus: is a directory; expected a file of JSON lines");
    workload = mooncake(CORPUS "good.jsonl");
    workload.trace.jitter_s = -1;
    expect_sentence(workload, "trace: jitter is -1 s; expected seconds, at least 0");
    workload = mooncake(CORPUS "good.jsonl");
    workload.trace.longest = 1;
    expect_sentence(workload,
                    CORPUS "good.jsonl: none of the 5 rows read is left (0 usable ones in the window, 5 "
                           "with a zero, missing or too large length, 0 to skip); expected at least one");
}

// A line that lies in several buffers of 256 KiB, plain and at the end of the file.
static void test_long_lines(void **unused) {
    (void)unused;
    char path[] = "/tmp/mbsand-jsonl-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "wb");
    assert_non_null(file);
    for (int line = 0; line < 3; line++) {
        const unsigned units = line == 1 ? 200000 : 3;
        fprintf(file, "{\"timestamp\": %d, \"input_length\": %u, \"output_length\": 1, \"hash_ids\": [", line,
                units * 512);
        for (unsigned i = 0; i < units; i++)
            fprintf(file, "%s%u", i ? "," : "", i);
        fprintf(file, "]}%s", line < 2 ? "\n" : "");
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(read_all(mooncake(path), NULL, NULL, NULL), 3);
    file = fopen(path, "wb");
    assert_non_null(file);
    fputs("{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n{", file);
    for (int i = 0; i < 17 << 20; i++)
        fputc(' ', file);
    assert_int_equal(fclose(file), 0);
    char sentence[128];
    snprintf(sentence, sizeof sentence, "%s:2: a line of more than 16 MiB; expected one object a line", path);
    expect_sentence(mooncake(path), sentence);
    unlink(path);
}

// ---- jitter

#define ROWS 3000

typedef struct delays {
    size_t count;
    double sum, squares, last_s;
    bool seen[ROWS];
} delays;

// The file below: three rows at 0, 3, 6, ... s, with their number as id and prompt.
static void check_delay(void *context, const mb_source *source, const mb_arrival *arrival) {
    (void)source;
    delays *d = context;
    const uint32_t row = arrival->prompt_tokens - 1;
    const double stamp_s = 3 * (row / 3), delay_s = arrival->time_s - stamp_s;
    assert_true(row < ROWS && !d->seen[row] && delay_s >= 0 && delay_s < 10);
    assert_true(arrival->prefix_count == 1 + row / 512 && arrival->prefix_ids[row / 512] == row + 7000);
    d->seen[row] = true;
    d->count++;
    d->sum += delay_s;
    d->squares += delay_s * delay_s;
    d->last_s = arrival->time_s;
}

static void write_grouped(char *path) {
    FILE *file = fdopen(mkstemp(path), "wb");
    assert_non_null(file);
    for (unsigned row = 0; row < ROWS; row++) {
        fprintf(file, "{\"timestamp\": %u, \"input_length\": %u, \"output_length\": 1, \"hash_ids\": [",
                5000 + row / 3 * 3000, row + 1);
        for (unsigned i = 0; i < row / 512; i++)
            fprintf(file, "%u, ", i);
        fprintf(file, "%u]}\n", row + 7000);
    }
    assert_int_equal(fclose(file), 0);
}

static void count_row(void *context, const mb_source *source, const mb_arrival *arrival) {
    (void)source;
    assert_true(arrival->prompt_tokens <= 10);
    *(unsigned *)context |= 1u << arrival->prompt_tokens;
}

static void test_jitter(void **unused) {
    (void)unused;
    char path[] = "/tmp/mbsand-jsonl-XXXXXX";
    write_grouped(path);
    mb_workload workload = mooncake(path);
    workload.trace.jitter_s = 10; // over several groups
    static delays d;
    d = (delays){0};
    assert_int_equal(read_all(workload, check_delay, &d, NULL), ROWS);
    const double mean = d.sum / ROWS, variance = d.squares / ROWS - mean * mean;
    assert_true(fabs(mean - 5) < 5 * sqrt(100.0 / 12 / ROWS));
    assert_true(fabs(variance - 100.0 / 12) < 5 * 100.0 / 12 * sqrt(0.8 / ROWS)); // kurtosis 1.8
    // The same rows as without: a limit is the head of the file, and scaling shrinks the delays too.
    workload = mooncake(path);
    workload.trace.jitter_s = 10;
    workload.trace.rate_scale = 100;
    workload.limit = 10;
    unsigned rows = 0;
    assert_int_equal(read_all(workload, count_row, &rows, NULL), 10);
    assert_int_equal(rows, 0x7fe);
    unlink(path);
}

// ---- published traces

typedef struct cache {
    uint64_t blocks, hits;
    bool known[200000]; // id
} cache;

static void look_up(void *context, const mb_source *source, const mb_arrival *arrival) {
    (void)source;
    cache *c = context;
    const uint32_t unit = arrival->prefix_unit_tokens;
    assert_int_equal(arrival->prefix_count, (arrival->prompt_tokens + unit - 1) / unit);
    bool hit = true;
    for (uint32_t i = 0; i < arrival->prefix_count; i++) {
        const uint64_t id = arrival->prefix_ids[i];
        assert_true(id < 200000);
        hit = hit && c->known[id];
        c->hits += hit;
        c->known[id] = true;
        c->blocks++;
    }
}

static void test_conversation_trace(void **unused) {
    (void)unused;
    if (access(CONVERSATIONS, R_OK) != 0) {
        print_message("skipped: there is no %s\n", CONVERSATIONS);
        skip();
    }
    for (int jittered = 0; jittered < 2; jittered++) {
        static cache c;
        c = (cache){0};
        mb_workload workload = mooncake(CONVERSATIONS);
        workload.trace.jitter_s = 3 * jittered;
        assert_int_equal(read_all(workload, look_up, &c, NULL), 12031);
        assert_int_equal(c.blocks, 288500);
        uint64_t unique = 0;
        for (size_t i = 0; i < 200000; i++)
            unique += c.known[i];
        assert_int_equal(unique, 182790);
        const double ratio = (double)c.hits / (double)c.blocks;
        if (!jittered && fabs(ratio - 0.3664) > 5e-5) fail_msg("hit ratio %.6f", ratio);
    }
}

static void check_blocks(void *context, const mb_source *source, const mb_arrival *arrival) {
    (void)source;
    const uint32_t units = (arrival->prompt_tokens + 15) / 16;
    assert_true(arrival->prefix_count == units || arrival->prefix_count == units - 1);
    *(uint64_t *)context += arrival->prompt_tokens;
}

static void test_sharegpt(void **unused) {
    (void)unused;
    if (access(SHAREGPT, R_OK) != 0) {
        print_message("skipped: there is no %s\n", SHAREGPT);
        skip();
    }
    mb_workload workload = jsonl(SHAREGPT, 1e-9, 16);
    name_key(&workload.trace.columns.time, "arrival_time_ns");
    name_key(&workload.trace.columns.prompt, "input_toks");
    name_key(&workload.trace.columns.output, "output_toks");
    name_key(&workload.trace.columns.prefix, "block_ids");
    uint64_t tokens = 0;
    assert_int_equal(read_all(workload, check_blocks, &tokens, NULL), 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mooncake),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_conversation_trace),
        cmocka_unit_test(test_sharegpt),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_far_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
