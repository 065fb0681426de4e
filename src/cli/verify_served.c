// SPDX-License-Identifier: MIT
#include "cli/verify_served.h"

#include "base/rng.h"
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

enum {
    WAYS = 2,
    ROUNDS = 5,
    MOST_SLOTS = 64,
    PROMPT = 16,
    OUTPUT = 64,
    PROMPTS = 7,   // lengths that are measured
    NEWCOMERS = 2, // beside an answer of OUTPUT tokens, which has about the usual context then
    SERVICE_SEED = 7,
    MOST_PATH = 4096
};
// Tokens of a step. From 64 on llama.cpp computes attention in tiles of 64, over the cells of other slots,
// too: the second tile, at 65, costs the server what it does not cost where there are no others.
static const uint32_t LENGTHS[PROMPTS] = {8, 32, 63, 64, 65, 96, 128};
static const char *const LABELS[WAYS] = {"cont-batching", "no-cont-batching"};

// What a request and a step take in service beyond what the tables say.
typedef struct service {
    double decodes_s[MOST_SLOTS];    // a step of 1, 2, ... decodes
    double prompts_s[WAYS][PROMPTS]; // one with a prompt of LENGTHS; beside an answer, and alone
    double front_s;                  // a request, while others go on: connecting, HTTP, JSON
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

// All slots full of what they would have been left with in service: attention looks through the cells of the
// others, too, and more of them where each had the same long prompt.
static mb_status fill_slots(const mb_verify_check *c, const mb_probe_server *server, uint64_t round,
                            mb_error *error) {
    mb_load_request requests[MOST_SLOTS];
    mb_load_answer answers[MOST_SLOTS];
    mb_rng lengths;
    mb_rng_init(&lengths, SERVICE_SEED, round, "slots");
    for (uint32_t i = 0; i < c->o->slots; i++) {
        const uint64_t prompt = 1 + mb_rng_below(&lengths, MB_VERIFY_PROMPT),
                       answer = 1 + mb_rng_below(&lengths, MB_VERIFY_OUTPUT);
        requests[i] = (mb_load_request){.prompt = (uint32_t)(prompt + answer - 1), .output = 1};
    }
    return play(server, SERVICE_SEED, requests, c->o->slots, answers, error);
}

// The step in which the first token of a newcomer came: between two tokens of the request beside it.
static double step_with(const double *tokens_s, uint32_t count, double first_s) {
    uint32_t at = 1;
    while (at + 1 < count && fabs(tokens_s[at + 1] - first_s) < fabs(tokens_s[at] - first_s))
        at++;
    return tokens_s[at] - tokens_s[at - 1];
}

// A step with a prompt, beside a token of one answer: the server may do more for a request than compute it
// while the others wait.
static mb_status measure_beside(const mb_verify_check *c, const mb_probe_server *server, size_t which,
                                service *found, mb_error *error) {
    double tokens_s[OUTPUT];
    const uint32_t prompt = LENGTHS[which] - 1;
    const double table_s = mb_verify_seconds(c, 1, PROMPT + OUTPUT / 2.0, prompt, 0),
                 decode_s = mb_verify_seconds(c, 1, PROMPT + OUTPUT / 2.0, 0, 0) + found->decodes_s[0],
                 gap_s = table_s + OUTPUT / (2.0 + NEWCOMERS) * decode_s;
    mb_load_request requests[1 + NEWCOMERS] = {{.prompt = PROMPT, .output = OUTPUT, .tokens_s = tokens_s}};
    mb_load_answer answers[1 + NEWCOMERS];
    for (uint32_t i = 1; i <= NEWCOMERS; i++)
        requests[i] = (mb_load_request){.at_s = i * gap_s, .prompt = prompt, .output = 1};
    mb_sketch mixed = {0};
    mb_sketch_keep_samples(&mixed);
    mb_status status = MB_OK;
    for (uint64_t round = 0; round < ROUNDS && !status; round++) {
        status = fill_slots(c, server, round, error);
        if (!status) status = play(server, SERVICE_SEED + round, requests, 1 + NEWCOMERS, answers, error);
        for (uint32_t i = 1; i <= NEWCOMERS && !status; i++)
            mb_sketch_add(&mixed, step_with(tokens_s, OUTPUT, answers[i].first_s));
    }
    found->prompts_s[0][which] = median(&mixed) - table_s;
    mb_sketch_deinit(&mixed);
    return status;
}

// A request alone, of a single token. Its slot takes it, and the server says so, before the step begins.
static mb_status measure_alone(const mb_verify_check *c, const mb_probe_server *server, size_t which,
                               mb_sketch *ways, service *found, mb_error *error) {
    const mb_load_request request = {.prompt = LENGTHS[which], .output = 1};
    mb_load_answer answer;
    mb_sketch steps = {0};
    mb_sketch_keep_samples(&steps);
    mb_status status = MB_OK;
    for (uint64_t round = 0; round < ROUNDS && !status; round++) {
        status = fill_slots(c, server, round, error);
        if (!status) status = play(server, SERVICE_SEED + round, &request, 1, &answer, error);
        if (status) break;
        mb_sketch_add(&steps, answer.first_s - answer.begun_s);
        mb_sketch_add(ways, answer.begun_s - answer.sent_s);
    }
    found->prompts_s[1][which] = median(&steps) - mb_verify_seconds(c, 0, 0, LENGTHS[which], 0);
    mb_sketch_deinit(&steps);
    return status;
}

static mb_status measure_prompts(const mb_verify_check *c, const mb_probe_server *server, service *found,
                                 mb_error *error) {
    mb_sketch ways = {0}; // in, and back
    mb_sketch_keep_samples(&ways);
    mb_status status = MB_OK;
    for (size_t i = 0; i < PROMPTS && !status; i++) {
        status = measure_beside(c, server, i, found, error);
        if (!status) status = measure_alone(c, server, i, &ways, found, error);
    }
    found->front_s = median(&ways);
    mb_sketch_deinit(&ways);
    return status;
}

static mb_status measure_service(const mb_verify_check *c, service *found, mb_error *error) {
    mb_probe_server server;
    mb_status status = start(c, 0, &server, error);
    for (uint32_t i = 0; i < c->o->slots && !status; i++)
        status = measure_decodes(c, &server, i + 1, &found->decodes_s[i], error);
    if (!status) status = measure_prompts(c, &server, found, error);
    mb_probe_server_end(&server);
    return status;
}

// The mean of what was measured several times, a step at a time. Returns by how much any step's is apart.
static double settle(const service *all, uint32_t times, service *mean) {
    double most = 0;
    enum { VALUES = sizeof *mean / sizeof(double) }; // of nothing else it is made
    for (size_t i = 0; i < VALUES; i++) {
        double sum = 0, low = INFINITY, high = -INFINITY;
        for (uint32_t k = 0; k < times; k++) {
            const double value = ((const double *)&all[k])[i];
            sum += value;
            low = fmin(low, value);
            high = fmax(high, value);
        }
        ((double *)mean)[i] = sum / times;
        most = fmax(most, high - low);
    }
    return most;
}

static void print_service(const mb_verify_check *c, const service *found, double drift_s) {
    printf("In service, in the mean of %u times before, between and after the live runs, against the tables "
           "a step of",
           c->o->repeats + 1);
    for (uint32_t i = 0; i < c->o->slots; i++)
        printf("%s %u", i ? "," : "", i + 1);
    printf(" decodes took");
    for (uint32_t i = 0; i < c->o->slots; i++)
        printf("%s %+.0f", i ? "," : "", 1e6 * found->decodes_s[i]);
    printf(" us; one with a prompt, of");
    for (size_t i = 0; i < PROMPTS; i++)
        printf("%s %u", i ? "," : "", LENGTHS[i]);
    for (size_t way = 0; way < WAYS; way++) {
        printf(way ? ", alone" : " tokens beside an answer");
        for (size_t i = 0; i < PROMPTS; i++)
            printf("%s %+.0f", i ? "," : "", 1e6 * found->prompts_s[way][i]);
    }
    mb_cli_say(stdout,
               " us; and a request %.0f us before its first step. By these the simulation is corrected; the "
               "times were up to %.0f us apart.\n",
               1e6 * found->front_s, 1e6 * drift_s);
}

// --- both worlds
// -----------------------------------------------------------------------------------------------

// A way's own files, where the caller keeps them: "cont-batching.lua", "cont-batching.csv".
static const char *path_of(const mb_verify_check *c, size_t way, const char *ending, char path[MOST_PATH]) {
    snprintf(path, MOST_PATH, "%s/%s.%s", c->folder, LABELS[way], ending);
    return path;
}

static mb_status write_corrections(const mb_verify_check *c, size_t way, const service *found,
                                   mb_error *error) {
    char path[MOST_PATH];
    mb_strbuf text = {0};
    mb_strbuf_add(&text, "prompts,tokens,time_us\n");
    for (uint32_t i = 0; i < c->o->slots; i++)
        mb_strbuf_printf(&text, "0,%u,%.6g\n", i + 1, 1e6 * found->decodes_s[i]);
    for (size_t i = 0; i < PROMPTS; i++)
        mb_strbuf_printf(&text, "1,%u,%.6g\n", LENGTHS[i], 1e6 * found->prompts_s[way][i]);
    const mb_status status =
        text.failed ? mb_fail_memory(error) : mb_output_text(path_of(c, way, "csv", path), &text, error);
    mb_strbuf_deinit(&text);
    return status;
}

static mb_status describe(const mb_verify_check *c, size_t way, const service *found, mb_scenario **scenario,
                          mb_error *error) {
    char path[MOST_PATH], latency[128], cluster[64], policy[128];
    snprintf(latency, sizeof latency, "profile \"tables\" { layers = 1, corrections = \"%s.csv\" }",
             LABELS[way]);
    snprintf(cluster, sizeof cluster, ", front_end = %.6g", found->front_s);
    snprintf(policy, sizeof policy, " { \"llama_server\", slots = %u, n_batch = %d, cont_batching = %s } ",
             c->o->slots, MB_VERIFY_STEP_TOKENS, way == 0 ? "true" : "false");
    const mb_verify_script script = {.path = path_of(c, way, "lua", path),
                                     .requests = c->requests,
                                     .latency = latency,
                                     .cluster = cluster,
                                     .policies = policy};
    const mb_overrides overrides = {
        .seeds = 1, .seed = MB_VERIFY_SEED, .has_seed = true, .stop = mb_stop_flag()};
    mb_status status = write_corrections(c, way, found, error);
    if (!status) status = mb_verify_write(c, &script, error);
    if (!status) status = mb_scenario_load(path, &overrides, scenario, error);
    return status;
}

static mb_status simulate(const mb_verify_check *c, size_t way, const service *found, mb_verify_values values,
                          mb_error *error) {
    const mb_run_options how = {.stop = mb_stop_flag(), .walls = true};
    mb_scenario *scenario = NULL;
    mb_results results = {0};
    mb_status status = describe(c, way, found, &scenario, error);
    if (!status) status = mb_run_section(scenario, 0, &how, &results, error);
    if (!status) mb_verify_take(&results, 0, values);
    mb_results_deinit(&results);
    mb_scenario_free(scenario);
    return status;
}

// The requests that the simulation will have.
static mb_status read_trace(const mb_verify_check *c, const service *found, trace *t, mb_error *error) {
    mb_scenario *scenario = NULL;
    mb_source *source = NULL;
    bool end = false;
    t->requests = calloc(c->requests, sizeof *t->requests);
    t->answers = calloc(c->requests, sizeof *t->answers);
    mb_status status = t->requests && t->answers ? MB_OK : mb_fail_memory(error);
    if (!status) status = describe(c, 0, found, &scenario, error);
    if (!status) {
        const mb_experiment *experiment = &mb_scenario_section(scenario, 0)->points[0].experiment;
        status = mb_source_open(&experiment->workload, experiment->seed, 0, &source, error);
    }
    while (!status && !end && t->count < c->requests) {
        mb_arrival a;
        status = mb_source_next(source, &a, &end, error);
        if (status || end) break;
        t->requests[t->count++] =
            (mb_load_request){.at_s = a.time_s, .prompt = a.prompt_tokens, .output = a.output_tokens};
        t->tokens += a.output_tokens;
    }
    mb_source_close(source);
    mb_scenario_free(scenario);
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

// What is measured in one minute does not hold in the next on a machine whose host others use. So it is
// measured before the first, between and after the live runs, always with other requests than theirs.
static mb_status serve_and_measure(const mb_verify_check *c, trace *t, service *found, double *drift_s,
                                   mb_verify_values *live, mb_error *error) {
    const uint32_t times = c->o->repeats + 1;
    service *all = calloc(times, sizeof *all);
    mb_status status = all ? MB_OK : mb_fail_memory(error);
    if (!status) all[0] = *found;
    for (size_t i = 1; i < times && !status; i++) {
        for (size_t way = 0; way < WAYS && !status; way++)
            status = serve(c, way, t, live[(i - 1) * WAYS + way], error);
        if (!status) status = measure_service(c, &all[i], error);
    }
    if (!status) *drift_s = settle(all, times, found);
    free(all);
    return status;
}

static mb_status compare(const mb_verify_check *c, service *found, mb_error *error) {
    mb_verify_values simulated[WAYS], *live = calloc((size_t)c->o->repeats * WAYS, sizeof *live);
    double drift_s = 0;
    trace t = {0};
    mb_status status = live ? read_trace(c, found, &t, error) : mb_fail_memory(error);
    if (!status) status = serve_and_measure(c, &t, found, &drift_s, live, error);
    for (size_t way = 0; way < WAYS && !status; way++)
        status = simulate(c, way, found, simulated[way], error);
    if (!status) {
        const mb_verified verified = {.policies = WAYS,
                                      .labels = LABELS,
                                      .simulated = simulated,
                                      .live = live,
                                      .repeats = c->o->repeats};
        print_service(c, found, drift_s);
        mb_verify_print(&verified);
        print_served(c, &t);
        mb_verify_conclude(&verified, "server");
    }
    free(t.requests);
    free(t.answers);
    free(live);
    return status;
}

mb_status mb_verify_served(mb_verify_check *c, mb_error *error) {
    service found = {0};
    mb_status status = measure_service(c, &found, error);
    if (status) return status;
    mb_verify_load(c, c->o->slots, found.decodes_s[c->o->slots - 1]);
    putchar('\n');
    fflush(stdout);
    status = compare(c, &found, error);
    for (size_t way = 0; way < WAYS && !c->o->output; way++) {
        char path[MOST_PATH];
        unlink(path_of(c, way, "lua", path));
        unlink(path_of(c, way, "csv", path));
    }
    return status;
}
