// SPDX-License-Identifier: MIT
#include "workload/source.h"

#include "workload/closed.h"
#include "workload/jitter.h"
#include "workload/row_users.h"
#include "workload/synthetic.h"
#include "workload/trace.h"
#include "workload/turns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct client_name {
    char text[20];
} client_name;

struct mb_source {
    const mb_workload *workload;
    mb_predictor_state *predictor;
    bool says_more;
    bool draws_noise; // it is no column of the trace
    uint64_t noise;   // that those of the requests are drawn from, where nobody waits for answers
    uint64_t given_out;
    bool finished;   // an open one has ended, or any has failed
    bool past_until; // an open one had more after `until_s`
    // One of these makes the requests (the jitter from the trace's); the others are NULL.
    mb_trace_reader *trace;
    mb_jitter *jitter;
    mb_open_state *open;
    mb_closed *closed;
    mb_turns *turns;     // of the trace, or the jitter
    mb_row_users *users; // of the trace
    client_name *client_names;
};

// ---- the stream

static mb_status open_trace(mb_source *source, uint64_t seed, uint64_t replication, mb_error *error) {
    const mb_workload *workload = source->workload;
    const mb_trace *trace = &workload->trace;
    mb_status status =
        mb_trace_open(trace, mb_trace_options_of(workload, seed, replication), &source->trace, error);
    if (!status && trace->jitter_s > 0)
        status = mb_jitter_open(source->trace, trace->jitter_s / trace->rate_scale, workload->limit, seed,
                                replication, &source->jitter, error);
    if (!status && workload->users)
        return mb_row_users_open(workload, seed, replication, source->trace, &source->users, error);
    if (status || trace->turns == MB_TURNS_STAMPS) return status;
    return mb_turns_open(workload, seed, replication, source->trace, source->jitter, &source->turns, error);
}

static mb_status open_synthetic(mb_source *source, uint64_t seed, uint64_t replication, mb_error *error) {
    const mb_workload *workload = source->workload;
    const mb_status status = mb_workload_closed(workload)
                                 ? mb_closed_open(workload, seed, replication, &source->closed, error)
                                 : mb_open_stream(workload, seed, replication, &source->open, error);
    if (status || workload->clients < 2) return status;
    source->client_names = calloc(workload->clients, sizeof *source->client_names);
    if (!source->client_names) return mb_fail_memory(error);
    for (uint32_t i = 0; i < workload->clients; i++)
        snprintf(source->client_names[i].text, sizeof source->client_names[i].text, "client-%u", i);
    return MB_OK;
}

// Is more said of the requests than what they all have? (Of those of a list, it was.)
static bool says_more(const mb_workload *workload) {
    bool bounds = workload->trace.columns.max_output || workload->max_output.given;
    for (size_t i = 0; i < workload->class_count; i++)
        bounds = bounds || workload->classes[i].max_output.given;
    return bounds || mb_predictor_refines(&workload->predictor);
}

static uint64_t draw_noise(uint64_t key, uint64_t number) {
    mb_rng rng;
    mb_rng_init(&rng, key, number, "predict");
    return mb_rng_bits(&rng);
}

mb_status mb_source_open(const mb_workload *workload, uint64_t seed, uint64_t replication, mb_source **out,
                         mb_error *error) {
    *out = NULL;
    mb_source *source = calloc(1, sizeof *source);
    if (!source) return mb_fail_memory(error);
    source->workload = workload;
    source->says_more = says_more(workload);
    source->draws_noise = source->says_more && !workload->trace.columns.noise;
    source->noise = draw_noise(seed, replication);
    mb_status status = mb_predictor_open(&workload->predictor, seed, replication, &source->predictor, error);
    if (!status && workload->kind == MB_WORKLOAD_TRACE)
        status = open_trace(source, seed, replication, error);
    else if (!status && workload->kind == MB_WORKLOAD_SYNTHETIC)
        status = open_synthetic(source, seed, replication, error);
    if (status) {
        mb_source_close(source);
        return status;
    }
    *out = source;
    return MB_OK;
}

static mb_status next_open(mb_source *source, mb_arrival *arrival, bool *end, mb_error *error) {
    mb_status status = MB_OK;
    source->finished = true; // unless all goes well below
    if (source->jitter)
        status = mb_jitter_next(source->jitter, arrival, end, error);
    else if (source->trace)
        status = mb_trace_next(source->trace, arrival, end, error);
    else
        *end = !mb_open_next(source->open, arrival);
    if (status || *end) return status;
    *end = arrival->time_s > source->workload->until_s;
    source->finished = source->past_until = *end;
    return MB_OK;
}

static double next_time(const mb_source *source) {
    if (source->users) return mb_row_users_next_time(source->users);
    return source->turns ? mb_turns_next_time(source->turns) : mb_closed_next_time(source->closed);
}

static mb_status next_closed(mb_source *source, mb_arrival *arrival, bool *end, mb_error *error) {
    *end = !isfinite(next_time(source));
    if (*end) return MB_OK;
    mb_draw_key key;
    const mb_status status = source->users   ? mb_row_users_next(source->users, arrival, &key, error)
                             : source->turns ? mb_turns_next(source->turns, arrival, &key, error)
                                             : mb_closed_next(source->closed, arrival, &key, error);
    source->finished = status != MB_OK;
    if (!status) mb_predictor_reseed(source->predictor, key.key, key.number);
    if (!status && source->draws_noise) arrival->noise = draw_noise(key.key, key.number);
    return status;
}

static void next_of_list(mb_source *source, mb_arrival *arrival, bool *end) {
    const mb_request_list *list = &source->workload->list;
    *end = source->finished = source->given_out == list->count;
    if (!*end) *arrival = list->arrivals[source->given_out++];
}

static bool at_limit(const mb_source *source) {
    return source->finished || (source->workload->limit && source->given_out == source->workload->limit);
}

static mb_status predict(const mb_source *source, mb_arrival *arrival, mb_error *error) {
    const mb_predictor *predictor = &source->workload->predictor;
    if (!mb_predictor_refines(predictor)) {
        arrival->predicted_output = mb_predictor_draw(source->predictor, arrival->prompt_tokens,
                                                      arrival->output_tokens, arrival->predicted_output);
        return MB_OK;
    }
    const mb_refinement told = {.noise = arrival->noise, .output = arrival->output_tokens};
    arrival->predicted_output = mb_predictor_refine(predictor, &told, MB_SAYS_OUTPUT, 0);
    return mb_predictor_check(predictor, arrival->output_tokens, error);
}

// What the class of a trace's row has for it, now that it is known when the request comes; a priority of the
// row's own stands.
static void promise(const mb_workload *workload, mb_arrival *arrival) {
    const int32_t own = arrival->priority;
    mb_set_class(workload, arrival->class_index, arrival);
    if (workload->trace.columns.priority) arrival->priority = own;
}

mb_status mb_source_next(mb_source *source, mb_arrival *arrival, bool *end, mb_error *error) {
    *end = true;
    if (at_limit(source)) return MB_OK;
    if (source->workload->kind == MB_WORKLOAD_LIST) {
        next_of_list(source, arrival, end);
        return MB_OK;
    }
    const mb_status status = mb_source_closed(source) ? next_closed(source, arrival, end, error)
                                                      : next_open(source, arrival, end, error);
    if (status || *end) return status;
    arrival->says_more = source->says_more;
    if (source->draws_noise && !mb_source_closed(source))
        arrival->noise = draw_noise(source->noise, source->given_out);
    source->given_out++;
    if (source->trace) promise(source->workload, arrival);
    return predict(source, arrival, error);
}

bool mb_source_ends_sessions(const mb_source *source) {
    return source->closed;
}

bool mb_source_session_over(const mb_source *source, uint32_t user) {
    return source->closed && mb_closed_session_over(source->closed, user);
}

bool mb_source_closed(const mb_source *source) {
    return source->closed || source->turns || source->users;
}

double mb_source_next_time(const mb_source *source) {
    return mb_source_closed(source) && !at_limit(source) ? next_time(source) : (double)INFINITY;
}

bool mb_source_over(const mb_source *source) {
    return at_limit(source) || (source->closed && mb_closed_over(source->closed)) ||
           (source->turns && mb_turns_over(source->turns)) ||
           (source->users && mb_row_users_over(source->users));
}

mb_status mb_source_finished(mb_source *source, const mb_departure *departure, mb_error *error) {
    if (!mb_source_closed(source) || departure->user == 0) return MB_OK;
    const mb_status status = source->users   ? mb_row_users_finished(source->users, departure, error)
                             : source->turns ? mb_turns_finished(source->turns, departure, error)
                                             : mb_closed_finished(source->closed, departure, error);
    if (status) source->finished = true;
    return status;
}

mb_source_counts mb_source_get_counts(const mb_source *source) {
    mb_source_counts counts = {.rows = source->given_out};
    if (source->trace) counts = mb_trace_counts(source->trace);
    counts.past_end |= source->past_until;
    if (source->trace) return counts;
    const mb_workload *workload = source->workload;
    counts.skipped_zero = workload->pairs.skipped_zero;
    counts.skipped_empty = workload->pairs.skipped_empty;
    for (size_t i = 0; i < workload->class_count; i++) {
        counts.skipped_zero += workload->classes[i].pairs.skipped_zero;
        counts.skipped_empty += workload->classes[i].pairs.skipped_empty;
    }
    return counts;
}

const char *mb_source_client_name(const mb_source *source, uint32_t client) {
    if (source->trace) return mb_trace_client_name(source->trace, client);
    const mb_request_list *list = &source->workload->list;
    if (client < list->client_count) return list->clients[client];
    return source->client_names && client < source->workload->clients ? source->client_names[client].text
                                                                      : "";
}

void mb_source_close(mb_source *source) {
    if (!source) return;
    mb_turns_close(source->turns);
    mb_row_users_close(source->users);
    mb_jitter_close(source->jitter);
    mb_trace_close(source->trace);
    mb_open_close(source->open);
    mb_closed_close(source->closed);
    mb_predictor_close(source->predictor);
    free(source->client_names);
    free(source);
}
