// SPDX-License-Identifier: MIT
#include "cli/verify_served.h"

#include "base/sketch.h"
#include "cli/commands.h"
#include "cli/serve.h"
#include "cli/stop.h"
#include "cli/verify_report.h"
#include "probe/load.h"
#include "probe/server.h"
#include "report/files.h"
#include "run/experiment.h"
#include "workload/source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAYS = 2, ROUNDS = 3, MOST_SLOTS = 64, PROMPT = 16, OUTPUT = 64, SERVICE_SEED = 7 };
static const char *const LABELS[WAYS] = {"cont-batching", "no-cont-batching"};

// What a request and a step take in service beyond what the tables say.
typedef struct service {
    double decodes_s[MOST_SLOTS]; // a step of 1, 2, ... decodes
    double front_s;               // a request: connecting, HTTP, JSON, threads
} service;

// The requests of the scenario, and what the server made of them.
typedef struct trace {
    mb_load_request *requests;
    mb_load_answer *answers;
    size_t count;
    uint64_t tokens; // asked for
    bool used[MOST_SLOTS];
} trace;

// --- the server
// ------------------------------------------------------------------------------------------------

static mb_status start(const mb_verify_check *c, size_t way, mb_probe_server *server, mb_error *error) {
    uint16_t port = 0;
    int listener;
    *server = (mb_probe_server){0};
    mb_status status = mb_serve_open(&port, &listener, error); // a free one
    if (status) return status;
    close(listener);
    const mb_probe_server_options options = {.program = c->o->server,
                                             .model = c->model.text,
                                             .log = c->log.text,
                                             .port = port,
                                             .slots = c->o->slots,
                                             .batch = MB_VERIFY_STEP_TOKENS,
                                             .context = MB_VERIFY_CELLS,
                                             .continuous = way == 0,
                                             .stop = mb_stop_flag()};
    status = mb_probe_server_start(&options, server, error);
    if (!status && server->slots != c->o->slots)
        status =
            mb_fail(error, MB_FAILED, "llama-server has %u slots and not %u", server->slots, c->o->slots);
    return status;
}

mb_status mb_verify_served_starts(const mb_verify_check *c, mb_error *error) {
    mb_probe_server server;
    const mb_status status = start(c, 0, &server, error);
    mb_probe_server_end(&server);
    return status;
}

static mb_status play(const mb_probe_server *server, uint64_t seed, const mb_load_request *requests,
                      size_t count, mb_load_answer *answers, mb_error *error) {
    const mb_load load = {
        .port = server->port, .vocabulary = server->vocabulary, .seed = seed, .stop = mb_stop_flag()};
    return mb_load_play(&load, requests, count, answers, error);
}

// --- what things take in service
// -------------------------------------------------------------------------------

static double median(const mb_sketch *values) {
    return mb_sketch_quantile(values, 0.5);
}

// As many requests at once as there are decodes, all of one length: a step is the time between two tokens.
static mb_status measure_decodes(const mb_verify_check *c, const mb_probe_server *server, uint32_t decodes,
                                 double *seconds, mb_error *error) {
    mb_load_request requests[MOST_SLOTS];
    mb_load_answer answers[MOST_SLOTS];
    mb_sketch steps = {0};
    mb_sketch_keep_samples(&steps);
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < decodes; i++)
        requests[i] = (mb_load_request){.prompt = PROMPT, .output = OUTPUT};
    for (uint64_t round = 0; round < ROUNDS && !status; round++) {
        status = play(server, SERVICE_SEED + round, requests, decodes, answers, error);
        for (uint32_t i = 0; i < decodes && !status; i++)
            mb_sketch_add(&steps, (answers[i].last_s - answers[i].first_s) / (OUTPUT - 1));
    }
    *seconds = median(&steps) - mb_verify_seconds(c, decodes, PROMPT + OUTPUT / 2.0, 0, 0);
    mb_sketch_deinit(&steps);
    return status;
}

// One request alone, of a single token: what is not the step is the way there and back.
static mb_status measure_front(const mb_verify_check *c, const mb_probe_server *server, service *found,
                               mb_error *error) {
    static const uint32_t PROMPTS[] = {8, 16, 32, 48, 64, 80, 96};
    mb_sketch ways = {0};
    mb_sketch_keep_samples(&ways);
    mb_status status = MB_OK;
    for (uint64_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof PROMPTS / sizeof *PROMPTS && !status; i++) {
            const mb_load_request request = {.prompt = PROMPTS[i], .output = 1};
            mb_load_answer answer;
            status = play(server, SERVICE_SEED + round, &request, 1, &answer, error);
            if (!status)
                mb_sketch_add(&ways, answer.first_s - answer.sent_s -
                                         mb_verify_seconds(c, 0, 0, PROMPTS[i], 0) - found->decodes_s[0]);
        }
    found->front_s = fmax(0, median(&ways));
    mb_sketch_deinit(&ways);
    return status;
}

static mb_status write_corrections(const mb_verify_check *c, const service *found, mb_error *error) {
    mb_strbuf text = {0};
    double sum = 0;
    mb_strbuf_add(&text, "prompts,tokens,time_us\n");
    for (uint32_t i = 0; i < c->o->slots; i++) {
        mb_strbuf_printf(&text, "0,%u,%.6g\n", i + 1, 1e6 * found->decodes_s[i]);
        sum += found->decodes_s[i];
    }
    mb_strbuf_printf(&text, "1,1,%.6g\n",
                     1e6 * sum / c->o->slots); // of steps with prompts nobody sees the ends
    const mb_status status = text.failed ? mb_fail_memory(error) : mb_output_text(c->rest.text, &text, error);
    mb_strbuf_deinit(&text);
    return status;
}

static mb_status measure_service(const mb_verify_check *c, service *found, mb_error *error) {
    mb_probe_server server;
    mb_status status = start(c, 0, &server, error);
    for (uint32_t i = 0; i < c->o->slots && !status; i++)
        status = measure_decodes(c, &server, i + 1, &found->decodes_s[i], error);
    if (!status) status = measure_front(c, &server, found, error);
    mb_probe_server_end(&server);
    return status ? status : write_corrections(c, found, error);
}

// --- both worlds
// -----------------------------------------------------------------------------------------------

static mb_status simulate(const mb_verify_check *c, const service *found, mb_scenario **scenario,
                          mb_results *simulated, mb_error *error) {
    char cluster[64], policies[256];
    snprintf(cluster, sizeof cluster, ", front_end = %.6g", found->front_s);
    snprintf(policies, sizeof policies,
             "\n    { \"llama_server\", slots = %u, n_batch = %d, label = \"%s\" },\n"
             "    { \"llama_server\", slots = %u, n_batch = %d, cont_batching = false, label = \"%s\" },\n  ",
             c->o->slots, MB_VERIFY_STEP_TOKENS, LABELS[0], c->o->slots, MB_VERIFY_STEP_TOKENS, LABELS[1]);
    const mb_verify_script script = {
        .requests = c->requests,
        .latency = "profile \"tables\" { layers = 1, corrections = \"corrections.csv\" }",
        .cluster = cluster,
        .policies = policies};
    const mb_overrides overrides = {
        .seeds = 1, .seed = MB_VERIFY_SEED, .has_seed = true, .stop = mb_stop_flag()};
    const mb_run_options how = {.stop = mb_stop_flag(), .walls = true};
    mb_status status = mb_verify_write(c, &script, error);
    if (!status) status = mb_scenario_load(c->script.text, &overrides, scenario, error);
    return status ? status : mb_run_section(*scenario, 0, &how, simulated, error);
}

// The requests that the simulation had.
static mb_status read_trace(const mb_verify_check *c, mb_scenario *scenario, trace *t, mb_error *error) {
    const mb_experiment *experiment = &mb_scenario_section(scenario, 0)->points[0].experiment;
    mb_source *source = NULL;
    bool end = false;
    t->requests = calloc(c->requests, sizeof *t->requests);
    t->answers = calloc(c->requests, sizeof *t->answers);
    mb_status status = t->requests && t->answers ? MB_OK : mb_fail_memory(error);
    if (!status) status = mb_source_open(&experiment->workload, experiment->seed, 0, &source, error);
    while (!status && !end && t->count < c->requests) {
        mb_arrival a;
        status = mb_source_next(source, &a, &end, error);
        if (status || end) break;
        t->requests[t->count++] =
            (mb_load_request){.at_s = a.time_s, .prompt = a.prompt_tokens, .output = a.output_tokens};
        t->tokens += a.output_tokens;
    }
    mb_source_close(source);
    return status;
}

static void put_statistics(mb_sketch *of, double *values) {
    values[0] = mb_sketch_mean(of);
    values[1] = mb_sketch_quantile(of, 0.5);
    values[2] = mb_sketch_quantile(of, 0.99);
    mb_sketch_deinit(of);
}

static void judge(const trace *t, mb_verify_values values) {
    mb_sketch ttft = {0}, tpot = {0}, e2e = {0};
    for (size_t i = 0; i < t->count; i++) {
        const mb_load_answer *a = &t->answers[i];
        mb_sketch_add(&ttft, a->first_s - a->sent_s);
        if (a->tokens > 1) mb_sketch_add(&tpot, (a->last_s - a->first_s) / (a->tokens - 1));
        mb_sketch_add(&e2e, a->last_s - a->sent_s);
    }
    put_statistics(&ttft, values);
    put_statistics(&tpot, values + 3);
    put_statistics(&e2e, values + 6);
}

static mb_status serve(const mb_verify_check *c, size_t way, trace *t, mb_verify_values values,
                       mb_error *error) {
    mb_probe_server server;
    mb_status status = start(c, way, &server, error);
    if (!status) status = play(&server, MB_VERIFY_SEED, t->requests, t->count, t->answers, error);
    mb_probe_server_end(&server);
    if (status) return status;
    for (size_t i = 0; i < t->count; i++)
        t->used[t->answers[i].slot % MOST_SLOTS] = true;
    judge(t, values);
    return MB_OK;
}

static void print_served(const mb_verify_check *c, const trace *t) {
    uint32_t used = 0;
    for (size_t i = 0; i < MOST_SLOTS; i++)
        used += t->used[i];
    printf("%zu answers of %llu tokens, in %u of %u slots\n", t->count * WAYS * c->o->repeats,
           (unsigned long long)t->tokens * WAYS * c->o->repeats, used, c->o->slots);
}

static mb_status compare(const mb_verify_check *c, const service *found, mb_error *error) {
    mb_scenario *scenario = NULL;
    mb_results results = {0};
    mb_verify_values simulated[WAYS], *live = calloc((size_t)c->o->repeats * WAYS, sizeof *live);
    trace t = {0};
    mb_status status = live ? simulate(c, found, &scenario, &results, error) : mb_fail_memory(error);
    if (!status) status = read_trace(c, scenario, &t, error);
    for (size_t i = 0; i < (size_t)c->o->repeats * WAYS && !status; i++)
        status = serve(c, i % WAYS, &t, live[i], error);
    for (size_t way = 0; way < WAYS && !status; way++)
        mb_verify_take(&results, way, simulated[way]);
    if (!status) {
        const mb_verified verified = {.policies = WAYS,
                                      .labels = LABELS,
                                      .simulated = simulated,
                                      .live = live,
                                      .repeats = c->o->repeats};
        mb_verify_print(&verified);
        print_served(c, &t);
        mb_verify_conclude(&verified, "server");
    }
    free(t.requests);
    free(t.answers);
    free(live);
    mb_results_deinit(&results);
    mb_scenario_free(scenario);
    return status;
}

mb_status mb_verify_served(mb_verify_check *c, mb_error *error) {
    service found = {0};
    const mb_status status = measure_service(c, &found, error);
    if (status) return status;
    printf("In service a step of decodes took, against the tables:");
    for (uint32_t i = 0; i < c->o->slots; i++)
        printf("%s %+.0f us for %u", i ? "," : "", 1e6 * found.decodes_s[i], i + 1);
    mb_cli_say(stdout, "; and a request %.0f us beyond its steps. By that the simulation is corrected.\n",
               1e6 * found.front_s);
    fflush(stdout);
    return compare(c, &found, error);
}
