// SPDX-License-Identifier: MIT
#include "workload/source.h"

#include "workload/arrivals.h"
#include "workload/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_CLIENTS 1000000u

typedef struct client_name {
    char text[20];
} client_name;

struct mb_source {
    const mb_workload *workload;
    mb_predictor_state *predictor;
    uint64_t given_out;
    bool finished;
    mb_trace_reader *trace; // NULL: synthetic
    mb_arrivals_state arrivals;
    mb_rng prompt_rng, output_rng, service_rng, client_rng;
    client_name *client_names;
};

// ---- the description

void mb_workload_deinit(mb_workload *workload) {
    mb_trace_columns *columns = &workload->trace.columns;
    free(workload->trace.path);
    free(columns->time);
    free(columns->prompt);
    free(columns->output);
    free(columns->predicted);
    free(columns->client);
    free(columns->priority);
    free(columns->service);
    free(workload->arrivals.segments);
    mb_distribution_deinit(&workload->prompt);
    mb_distribution_deinit(&workload->output);
    mb_distribution_deinit(&workload->service);
    mb_predictor_deinit(&workload->predictor);
    *workload = (mb_workload){0};
}

static mb_trace_options trace_options(const mb_workload *workload, uint64_t replication) {
    const mb_trace *trace = &workload->trace;
    mb_trace_options options = {.skip_rows = trace->skip_rows,
                                .replication = replication,
                                .wants_prediction = workload->predictor.kind == MB_PREDICT_COLUMN};
    if (trace->window_per_seed) {
        options.skip_rows += replication * workload->limit;
        options.needed_rows = workload->limit;
    }
    return options;
}

static mb_status prepare_trace(const mb_workload *workload, mb_error *error) {
    mb_status status = mb_trace_check(&workload->trace, error);
    if (status) return status;
    if (workload->trace.window_per_seed && workload->limit == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: window_per_seed without a limit; expected limit = rows per seed");
    mb_trace_reader *reader; // the columns are there?
    status = mb_trace_open(&workload->trace, trace_options(workload, 0), &reader, error);
    if (!status) mb_trace_close(reader);
    return status;
}

static mb_status prepare_lengths(mb_distribution *distribution, const char *what, mb_error *error) {
    if (distribution->kind == MB_DIST_FIXED && distribution->a > MB_MAX_TOKENS)
        return mb_fail(error, MB_BAD_INPUT, "%s: the value is %g; expected at most %u tokens", what,
                       distribution->a, MB_MAX_TOKENS);
    return mb_distribution_prepare(distribution, what, error);
}

static mb_status prepare_synthetic(mb_workload *workload, mb_error *error) {
    const bool all_at_once =
        workload->arrivals.kind == MB_ARRIVALS_CONSTANT && isinf(workload->arrivals.rate);
    if (workload->limit == 0 && (all_at_once || isinf(workload->until_s)))
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: synthetic requests without end; expected limit = number of requests%s",
                       all_at_once ? "" : ", or a last arrival time");
    if (workload->predictor.kind == MB_PREDICT_COLUMN)
        return mb_fail(
            error, MB_BAD_INPUT,
            "workload: synthetic requests have no column of predictions; expected another predictor");
    if (workload->clients > MAX_CLIENTS)
        return mb_fail(error, MB_BAD_INPUT, "workload: %u clients; expected at most %u", workload->clients,
                       MAX_CLIENTS);
    mb_status status = mb_arrivals_check(&workload->arrivals, error);
    if (!status) status = prepare_lengths(&workload->prompt, "workload.prompt", error);
    if (!status) status = prepare_lengths(&workload->output, "workload.output", error);
    if (!status && workload->has_service)
        status = mb_distribution_prepare(&workload->service, "workload.service", error);
    return status;
}

mb_status mb_workload_prepare(mb_workload *workload, mb_error *error) {
    if (!(workload->until_s > 0))
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: the last arrival time is %g s; expected positive seconds",
                       workload->until_s);
    const mb_status status = mb_predictor_prepare(&workload->predictor, error);
    if (status) return status;
    return workload->kind == MB_WORKLOAD_TRACE ? prepare_trace(workload, error)
                                               : prepare_synthetic(workload, error);
}

// ---- the stream

static mb_status open_synthetic(mb_source *source, uint64_t seed, uint64_t replication, mb_error *error) {
    const mb_workload *workload = source->workload;
    mb_arrivals_open(&workload->arrivals, seed, replication, &source->arrivals);
    mb_rng_init(&source->prompt_rng, seed, replication, "prompt");
    mb_rng_init(&source->output_rng, seed, replication, "output");
    mb_rng_init(&source->service_rng, seed, replication, "service");
    mb_rng_init(&source->client_rng, seed, replication, "clients");
    if (workload->clients < 2) return MB_OK;
    source->client_names = calloc(workload->clients, sizeof *source->client_names);
    if (!source->client_names) return mb_fail_memory(error);
    for (uint32_t i = 0; i < workload->clients; i++)
        snprintf(source->client_names[i].text, sizeof source->client_names[i].text, "client-%u", i);
    return MB_OK;
}

mb_status mb_source_open(const mb_workload *workload, uint64_t seed, uint64_t replication, mb_source **out,
                         mb_error *error) {
    *out = NULL;
    mb_source *source = calloc(1, sizeof *source);
    if (!source) return mb_fail_memory(error);
    source->workload = workload;
    mb_status status = mb_predictor_open(&workload->predictor, seed, replication, &source->predictor, error);
    if (!status)
        status =
            workload->kind == MB_WORKLOAD_TRACE
                ? mb_trace_open(&workload->trace, trace_options(workload, replication), &source->trace, error)
                : open_synthetic(source, seed, replication, error);
    if (status) {
        mb_source_close(source);
        return status;
    }
    *out = source;
    return MB_OK;
}

static bool next_synthetic(mb_source *source, mb_arrival *arrival) {
    const mb_workload *workload = source->workload;
    double time_s;
    if (!mb_arrivals_next(&source->arrivals, &time_s)) return false;
    *arrival = (mb_arrival){.time_s = time_s, .deadline_s = INFINITY};
    arrival->prompt_tokens = mb_distribution_draw_tokens(&workload->prompt, &source->prompt_rng);
    arrival->output_tokens = mb_distribution_draw_tokens(&workload->output, &source->output_rng);
    if (workload->clients > 1)
        arrival->client = (uint32_t)mb_rng_below(&source->client_rng, workload->clients);
    if (workload->has_service)
        arrival->service_s = mb_distribution_draw(&workload->service, &source->service_rng);
    return true;
}

mb_status mb_source_next(mb_source *source, mb_arrival *arrival, bool *end, mb_error *error) {
    const mb_workload *workload = source->workload;
    *end = true;
    if (source->finished || (workload->limit && source->given_out == workload->limit)) return MB_OK;
    source->finished = true; // unless all goes well below
    if (source->trace) {
        const mb_status status = mb_trace_next(source->trace, arrival, end, error);
        if (status || *end) return status;
    } else if (!next_synthetic(source, arrival)) {
        return MB_OK;
    }
    *end = arrival->time_s > workload->until_s;
    if (*end) return MB_OK;
    arrival->predicted_output = mb_predictor_draw(source->predictor, arrival->prompt_tokens,
                                                  arrival->output_tokens, arrival->predicted_output);
    source->finished = false;
    source->given_out++;
    return MB_OK;
}

mb_source_counts mb_source_get_counts(const mb_source *source) {
    if (source->trace) return mb_trace_counts(source->trace);
    return (mb_source_counts){.rows = source->given_out};
}

const char *mb_source_client_name(const mb_source *source, uint32_t client) {
    if (source->trace) return mb_trace_client_name(source->trace, client);
    return source->client_names && client < source->workload->clients ? source->client_names[client].text
                                                                      : "";
}

void mb_source_close(mb_source *source) {
    if (!source) return;
    mb_trace_close(source->trace);
    mb_predictor_close(source->predictor);
    free(source->client_names);
    free(source);
}
