// SPDX-License-Identifier: MIT
// The description of a workload: checked and prepared once.
#include "workload/workload.h"
#include "workload/arrivals.h"
#include "workload/length_pairs.h"
#include "workload/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CLIENTS 1000000u
#define MAX_CLASSES ((size_t)1000)
#define MAX_NAME 100
#define MAX_USERS 1000000u // each has a few dozen bytes of state

void mb_workload_deinit(mb_workload *workload) {
    mb_trace_columns *columns = &workload->trace.columns;
    free(workload->trace.path);
    free(columns->time);
    free(columns->prompt);
    free(columns->output);
    free(columns->predicted);
    free(columns->client);
    free(columns->class_name);
    free(columns->priority);
    free(columns->service);
    free(columns->prefix);
    free(columns->end);
    free(columns->duration);
    free(columns->session);
    free(columns->id);
    free(columns->parent);
    free(columns->delay);
    free(columns->max_output);
    free(columns->noise);
    mb_arrivals_deinit(&workload->arrivals);
    mb_length_pairs_deinit(&workload->pairs);
    mb_distribution_deinit(&workload->prompt);
    mb_distribution_deinit(&workload->output);
    mb_distribution_deinit(&workload->service);
    mb_distribution_deinit(&workload->max_output.tokens);
    mb_distribution_deinit(&workload->think);
    mb_distribution_deinit(&workload->sessions.turns);
    mb_distribution_deinit(&workload->sessions.think);
    mb_distribution_deinit(&workload->prefix.choice);
    for (size_t i = 0; i < workload->class_count; i++) {
        free(workload->classes[i].name);
        free(workload->classes[i].active);
        free(workload->classes[i].clients);
        mb_distribution_deinit(&workload->classes[i].prompt);
        mb_distribution_deinit(&workload->classes[i].output);
        mb_distribution_deinit(&workload->classes[i].max_output.tokens);
        mb_length_pairs_deinit(&workload->classes[i].pairs);
    }
    free(workload->classes);
    mb_request_list *list = &workload->list;
    for (size_t i = 0; !list->whole && i < list->client_count; i++)
        free(list->clients[i]);
    if (!list->whole) {
        free((char **)(uintptr_t)list->clients);
        free((mb_arrival *)(uintptr_t)list->arrivals);
    }
    mb_predictor_deinit(&workload->predictor);
    *workload = (mb_workload){0};
}

mb_trace_options mb_trace_options_of(const mb_workload *workload, uint64_t seed, uint64_t replication) {
    const mb_trace *trace = &workload->trace;
    mb_trace_options options = {.skip_rows = trace->skip_rows,
                                .seed = seed,
                                .replication = replication,
                                .wants_prediction = workload->predictor.kind == MB_PREDICT_COLUMN};
    if (trace->window_per_seed) {
        options.skip_rows += replication * workload->limit;
        options.needed_rows = workload->limit;
    }
    return options;
}

bool mb_workload_before(const mb_workload *workload, uint64_t replication, uint64_t most,
                        mb_workload *before) {
    *before = *workload;
    before->until_s = INFINITY;
    before->limit = most;
    if (workload->kind == MB_WORKLOAD_LIST) return false;
    if (workload->kind == MB_WORKLOAD_SYNTHETIC) return true;
    mb_trace *trace = &before->trace;
    const uint64_t start = mb_trace_options_of(workload, 0, replication).skip_rows;
    trace->window_per_seed = false;
    trace->jitter_s = 0;
    if (start > 0) {
        if (before->limit > start) before->limit = start;
        trace->skip_rows = start - before->limit;
        return true;
    }
    trace->to_s = trace->from_s;
    trace->from_s = 0;
    before->limit = 0; // the latest are wanted, and how many there are is not known
    return trace->to_s > 0;
}

static mb_status prepare_users(mb_workload *workload, mb_error *error) {
    if (workload->users > MAX_USERS)
        return mb_fail(error, MB_BAD_INPUT, "workload: %u users; expected at most %u", workload->users,
                       MAX_USERS);
    if (!(workload->ramp_s >= 0 && isfinite(workload->ramp_s)))
        return mb_fail(error, MB_BAD_INPUT, "workload: a ramp of %g s; expected seconds, at least 0",
                       workload->ramp_s);
    return mb_distribution_prepare(&workload->think, "workload.think", error);
}

static bool is_bound(double x) {
    return x > 0; // INFINITY: none
}

static mb_status check_class(const mb_workload *workload, size_t index, mb_error *error) {
    const mb_class *class = &workload->classes[index];
    if (!class->name || !*class->name)
        return mb_fail(error, MB_BAD_INPUT, "workload: class %zu has no name; expected one", index + 1);
    if (strlen(class->name) > MAX_NAME)
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: the name of class %zu has %zu bytes; expected at most %d", index + 1,
                       strlen(class->name), MAX_NAME);
    for (size_t i = 0; i < index; i++)
        if (strcmp(workload->classes[i].name, class->name) == 0)
            return mb_fail(error, MB_BAD_INPUT,
                           "workload: classes %zu and %zu are both named \"%s\"; expected different names",
                           i + 1, index + 1, class->name);
    if (!(class->share > 0 && isfinite(class->share)))
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: the share of class \"%s\" is %g; expected a positive number", class->name,
                       class->share);
    if (!is_bound(class->slo.ttft_s) || !is_bound(class->slo.tbt_s) || !is_bound(class->slo.e2e_s) ||
        class->slo.gap_s < 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: a bound of class \"%s\" is not above 0; expected positive seconds",
                       class->name);
    return MB_OK;
}

static mb_status check_classes(const mb_workload *workload, mb_error *error) {
    mb_status status = MB_OK;
    if (workload->class_count > MAX_CLASSES)
        return mb_fail(error, MB_BAD_INPUT, "workload: %zu classes; expected at most %zu",
                       workload->class_count, MAX_CLASSES);
    for (size_t i = 0; i < workload->class_count && !status; i++)
        status = check_class(workload, i, error);
    return status;
}

static mb_status prepare_trace(mb_workload *workload, mb_error *error) {
    mb_status status = mb_trace_check(&workload->trace, error);
    if (!status) status = check_classes(workload, error);
    workload->trace.classes = workload->classes;
    workload->trace.class_count = workload->class_count;
    if (!status && workload->users) status = prepare_users(workload, error);
    if (status) return status;
    if (workload->trace.window_per_seed && workload->limit == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: window_per_seed without a limit; expected limit = rows per seed");
    mb_trace_reader *reader; // the columns are there?
    status = mb_trace_open(&workload->trace, mb_trace_options_of(workload, 0, 0), &reader, error);
    if (!status) mb_trace_close(reader);
    return status;
}

static mb_status prepare_lengths(mb_distribution *distribution, const char *what, mb_error *error) {
    if (distribution->kind == MB_DIST_FIXED && distribution->a > MB_MAX_TOKENS)
        return mb_fail(error, MB_BAD_INPUT, "%s: the value is %g; expected at most %u tokens", what,
                       distribution->a, MB_MAX_TOKENS);
    return mb_distribution_prepare(distribution, what, error);
}

static mb_status prepare_bound(mb_output_bound *bound, const char *what, mb_error *error) {
    if (!bound->given) return MB_OK;
    if (bound->factor == 0) return prepare_lengths(&bound->tokens, what, error);
    if (bound->factor >= 1 && isfinite(bound->factor)) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "%s: the factor is %g; expected a number of at least 1", what,
                   bound->factor);
}

static mb_status prepare_classes(mb_workload *workload, mb_error *error) {
    mb_status status = check_classes(workload, error);
    for (size_t i = 0; i < workload->class_count && !status; i++) {
        mb_class *class = &workload->classes[i];
        char what[64];
        snprintf(what, sizeof what, "workload.classes[%zu].prompt", i + 1);
        if (!status) status = prepare_lengths(&class->prompt, what, error);
        snprintf(what, sizeof what, "workload.classes[%zu].output", i + 1);
        if (!status) status = prepare_lengths(&class->output, what, error);
        snprintf(what, sizeof what, "workload.classes[%zu].max_output", i + 1);
        if (!status) status = prepare_bound(&class->max_output, what, error);
    }
    return status;
}

static mb_status prepare_prefix(mb_shared_prefix *prefix, mb_error *error) {
    if (prefix->tokens == 0) return MB_OK;
    if (prefix->tokens > MB_MAX_TOKENS)
        return mb_fail(error, MB_BAD_INPUT, "workload: a prefix of %u tokens; expected at most %u",
                       prefix->tokens, MB_MAX_TOKENS);
    if (prefix->groups < 1)
        return mb_fail(error, MB_BAD_INPUT, "workload: a prefix without groups; expected at least 1");
    prefix->choice = (mb_distribution){.kind = MB_DIST_ZIPF,
                                       .a = prefix->theta,
                                       .min = 1,
                                       .max = prefix->groups,
                                       .values = prefix->choice.values};
    return mb_distribution_prepare(&prefix->choice, "workload.prefix", error);
}

// A fixed number of turns may be 0, but no session can.
static mb_status prepare_sessions(mb_workload *workload, mb_error *error) {
    mb_sessions *sessions = &workload->sessions;
    if (!sessions->on) return MB_OK;
    if (workload->prefix.tokens)
        return mb_fail(
            error, MB_BAD_INPUT,
            "workload: sessions with a shared prefix; expected one of the two (a session's turns share "
            "what was said before)");
    if (sessions->turns.kind == MB_DIST_FIXED && sessions->turns.a < 1)
        return mb_fail(error, MB_BAD_INPUT, "workload: sessions of %g turns; expected at least 1",
                       sessions->turns.a);
    const mb_status status = mb_distribution_prepare(&sessions->turns, "workload.sessions.turns", error);
    return status ? status : mb_distribution_prepare(&sessions->think, "workload.sessions.think", error);
}

static mb_status check_end(const mb_workload *workload, mb_error *error) {
    const bool all_at_once = workload->users == 0 && !workload->origin &&
                             workload->arrivals.kind == MB_ARRIVALS_CONSTANT &&
                             isinf(workload->arrivals.rate);
    if (workload->limit == 0 && (all_at_once || isinf(workload->until_s)))
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: synthetic requests without end; expected limit = number of requests%s",
                       all_at_once ? "" : ", or a last arrival time");
    return MB_OK;
}

static mb_status prepare_synthetic(mb_workload *workload, mb_error *error) {
    if (workload->predictor.kind == MB_PREDICT_COLUMN)
        return mb_fail(
            error, MB_BAD_INPUT,
            "workload: synthetic requests have no column of predictions; expected another predictor");
    if (workload->clients > MAX_CLIENTS)
        return mb_fail(error, MB_BAD_INPUT, "workload: %u clients; expected at most %u", workload->clients,
                       MAX_CLIENTS);
    mb_status status = check_end(workload, error);
    if (status || workload->origin) return status;
    if (!status)
        status = workload->users ? prepare_users(workload, error)
                                 : mb_arrivals_prepare(&workload->arrivals, error);
    if (!status) status = prepare_lengths(&workload->prompt, "workload.prompt", error);
    if (!status) status = prepare_lengths(&workload->output, "workload.output", error);
    if (!status) status = prepare_bound(&workload->max_output, "workload.max_output", error);
    if (!status && workload->has_service)
        status = mb_distribution_prepare(&workload->service, "workload.service", error);
    if (!status) status = prepare_classes(workload, error);
    if (!status) status = prepare_prefix(&workload->prefix, error);
    return status ? status : prepare_sessions(workload, error);
}

mb_status mb_workload_prepare(mb_workload *workload, mb_error *error) {
    if (!(workload->until_s > 0))
        return mb_fail(error, MB_BAD_INPUT,
                       "workload: the last arrival time is %g s; expected positive seconds",
                       workload->until_s);
    const mb_status status = mb_predictor_prepare(&workload->predictor, error);
    if (status || workload->kind == MB_WORKLOAD_LIST) return status;
    return workload->kind == MB_WORKLOAD_TRACE ? prepare_trace(workload, error)
                                               : prepare_synthetic(workload, error);
}

const char *mb_workload_class_name(const mb_workload *workload, uint32_t class_index) {
    return class_index < workload->class_count ? workload->classes[class_index].name : "";
}
