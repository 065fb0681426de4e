// SPDX-License-Identifier: MIT
// libFuzzer: no file, however broken, makes the trace reader crash, leak, hang, or break its promises.
#include "base/strbuf.h"
#include "fuzz.h"
#include "workload/distribution.h"
#include "workload/length_pairs.h"
#include "workload/source.h"

#include <math.h>

// A failure comes with a sentence.
static void check_status(mb_status status, const mb_error *error) {
    check(status == MB_OK || (status == MB_BAD_INPUT && strlen(error->message) > 10));
}

static void read_trace(const char *path, mb_trace_layout layout, mb_predictor_kind predictor, bool keep_zero,
                       bool sort) {
    mb_workload workload = {.kind = MB_WORKLOAD_TRACE, .until_s = INFINITY, .predictor.kind = predictor};
    workload.trace = (mb_trace){.path = mb_strdup(path),
                                .layout = layout,
                                .time_unit_s = 1,
                                .rate_scale = 3,
                                .to_s = INFINITY,
                                .sort = sort,
                                .thin = sort ? 2 : 0,
                                .max_gap_s = sort ? 10 : 0,
                                .keep_zero = keep_zero};
    mb_error error = {0};
    mb_source *source = NULL;
    mb_status status = mb_workload_prepare(&workload, &error);
    if (!status) status = mb_source_open(&workload, 1, 0, &source, &error);
    check_status(status, &error);
    double previous_s = 0;
    bool end = false;
    while (!status && !end) {
        mb_arrival arrival;
        status = mb_source_next(source, &arrival, &end, &error);
        check_status(status, &error);
        if (status || end) break;
        check(arrival.time_s >= previous_s && isfinite(arrival.time_s));
        check(arrival.prompt_tokens <= MB_MAX_TOKENS && arrival.output_tokens <= MB_MAX_TOKENS);
        check(keep_zero || (arrival.prompt_tokens > 0 && arrival.output_tokens > 0));
        check(arrival.predicted_output >= 1 && arrival.predicted_output <= MB_MAX_TOKENS);
        check(isfinite(arrival.service_s) && arrival.service_s >= 0);
        check(mb_source_client_name(source, arrival.client) != NULL);
        previous_s = arrival.time_s;
    }
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("trace", data, size);
    const char *path = file.text;
    read_trace(path, MB_TRACE_BURSTGPT, MB_PREDICT_EXACT, false, false);
    read_trace(path, MB_TRACE_AZURE, MB_PREDICT_EXACT, true, false);
    read_trace(path, MB_TRACE_CSV, MB_PREDICT_EXACT, true, false);
    read_trace(path, MB_TRACE_CSV, MB_PREDICT_COLUMN, false, true);
    mb_distribution distribution;
    mb_error error = {0};
    mb_length_pairs pairs;
    check_status(mb_length_pairs_read(path, "prompt", "output", &pairs, &error), &error);
    mb_length_pairs_deinit(&pairs);
    const mb_status status = mb_distribution_read_column(path, "output", &distribution, &error);
    check_status(status, &error);
    mb_distribution_deinit(&distribution);
    unlink(path);
    return 0;
}
