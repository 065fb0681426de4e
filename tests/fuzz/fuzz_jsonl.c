// SPDX-License-Identifier: MIT
// libFuzzer: no file, however broken, makes the reader of JSON lines crash, leak, hang, or break its
// promises.
#include "base/strbuf.h"
#include "fuzz.h"
#include "workload/length_pairs.h"
#include "workload/source.h"

#include <math.h>

// A failure comes with a sentence.
static void check_status(mb_status status, const mb_error *error) {
    check(status == MB_OK || (status == MB_BAD_INPUT && strlen(error->message) > 10));
}

static void check_arrival(const mb_arrival *arrival, const mb_source *source) {
    check(isfinite(arrival->time_s));
    check(arrival->prompt_tokens <= MB_MAX_TOKENS && arrival->output_tokens <= MB_MAX_TOKENS);
    check(arrival->predicted_output >= 1 && arrival->predicted_output <= MB_MAX_TOKENS);
    check(mb_source_client_name(source, arrival->client) != NULL);
    check((arrival->prefix_count == 0) == (arrival->prefix_ids == NULL));
    if (arrival->prefix_count == 0) return;
    // No unit begins behind the prompt's end.
    check((uint64_t)(arrival->prefix_count - 1) * arrival->prefix_unit_tokens < arrival->prompt_tokens);
    volatile uint64_t sum = 0;
    for (uint32_t i = 0; i < arrival->prefix_count; i++)
        sum = sum + arrival->prefix_ids[i]; // all can be read
}

static void read_all(mb_workload *workload) {
    mb_error error = {0};
    mb_source *source = NULL;
    mb_status status = mb_workload_prepare(workload, &error);
    if (!status) status = mb_source_open(workload, 1, 0, &source, &error);
    check_status(status, &error);
    double previous_s = 0;
    bool end = false;
    while (!status && !end) {
        mb_arrival arrival;
        status = mb_source_next(source, &arrival, &end, &error);
        check_status(status, &error);
        if (status || end) break;
        check_arrival(&arrival, source);
        check(arrival.time_s >= previous_s);
        previous_s = arrival.time_s;
        const mb_departure answer = {.user = arrival.user, .time_s = arrival.time_s + 1};
        status = mb_source_finished(source, &answer, &error);
    }
    mb_source_close(source);
    mb_workload_deinit(workload);
}

static mb_workload lines(const char *path, mb_trace_layout layout, double jitter_s) {
    mb_workload workload = {.kind = MB_WORKLOAD_TRACE, .until_s = INFINITY};
    workload.trace = (mb_trace){.path = mb_strdup(path),
                                .layout = layout,
                                .time_unit_s = 0.001,
                                .rate_scale = 3,
                                .to_s = INFINITY,
                                .jitter_s = jitter_s,
                                .keep_zero = true};
    return workload;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("trace", data, size);
    const char *path = file.text;
    mb_workload workload = lines(path, MB_TRACE_MOONCAKE, 0);
    read_all(&workload);
    workload = lines(path, MB_TRACE_MOONCAKE, 2);
    read_all(&workload);
    workload = lines(path, MB_TRACE_JSONL, 0);
    workload.trace.columns = (mb_trace_columns){.time = mb_strdup("at"),
                                                .prompt = mb_strdup("in"),
                                                .output = mb_strdup("out"),
                                                .predicted = mb_strdup("guess"),
                                                .client = mb_strdup("who"),
                                                .priority = mb_strdup("urgent"),
                                                .prefix = mb_strdup("ids")};
    workload.trace.prefix_unit_tokens = 16;
    workload.predictor.kind = MB_PREDICT_COLUMN;
    read_all(&workload);
    // Nested values, or lists of them, in any order, whose turns wait.
    workload = lines(path, MB_TRACE_JSONL, 0);
    workload.trace.columns = (mb_trace_columns){.end = mb_strdup("meta.end"),
                                                .duration = mb_strdup("took"),
                                                .prompt = mb_strdup("input_lens"),
                                                .output = mb_strdup("use.out"),
                                                .client = mb_strdup("meta.tags.0.who"),
                                                .id = mb_strdup("id"),
                                                .parent = mb_strdup("parent")};
    workload.trace.sort = true;
    workload.trace.turns = MB_TURNS_WAIT;
    read_all(&workload);
    mb_length_pairs pairs;
    mb_error error = {0};
    check_status(mb_length_pairs_read(path, "input_lens", "output_lens", &pairs, &error), &error);
    mb_length_pairs_deinit(&pairs);
    unlink(path);
    return 0;
}
