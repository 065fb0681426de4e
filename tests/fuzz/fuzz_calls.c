// SPDX-License-Identifier: MIT
// libFuzzer: a policy that calls the core in any order, on any small cluster (tests/oracle/chaos.lua, whose
// draws are the input's bytes): the invariants hold, and jumping from change to change gives the bits of
// stepping.
#include "fuzz.h"
#include "metrics/measures.h"
#include "policy/policy_lua.h"

#include <math.h>

enum { MOST_TAPE = 2048 };

typedef struct bytes {
    const uint8_t *data;
    size_t left;
} bytes;

static unsigned take(bytes *b, unsigned below) {
    if (!b->left) return 0;
    b->left--;
    return *b->data++ % below;
}

static const double *pick(bytes *b, const double *values, unsigned count) {
    return &values[take(b, count)];
}
#define PICK(b, ...)                                                                                         \
    *pick(b, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

typedef struct params {
    mb_param list[24];
    size_t count;
} params;

static void number(params *p, const char *name, double value) {
    p->list[p->count++] =
        (mb_param){.name = (char *)(uintptr_t)name, .kind = MB_PARAM_NUMBER, .number = value};
}

static void text(params *p, const char *name, const char *value) {
    p->list[p->count++] =
        (mb_param){.name = (char *)(uintptr_t)name, .kind = MB_PARAM_TEXT, .text = (char *)(uintptr_t)value};
}

static void choose_params(bytes *b, params *p) {
    static const char *const reserves[] = {"chunk", "sequence", "prompt", "predicted", "expected", "maximum"};
    static const char *const ways[] = {"recompute", "swap", "pause", "any"};
    static const char *const orders[] = {
        "none", "function", "bins", "predicted_output", "predicted_remaining", "expected_remaining",
        "rank", "priority"};
    number(p, "budget", PICK(b, 0, 4, 16, 64));
    number(p, "requests", PICK(b, 0, 3, 12));
    text(p, "reserve", reserves[take(b, 6)]);
    number(p, "watermark", PICK(b, 0, 0.01, 0.1));
    p->list[p->count++] = (mb_param){
        .name = (char *)(uintptr_t) "chunked", .kind = MB_PARAM_BOOLEAN, .boolean = take(b, 4) > 0};
    number(p, "routed", PICK(b, 0, 0.5, 1));
    number(p, "preempt", PICK(b, 0, 0.1, 0.3));
    text(p, "how", ways[take(b, 4)]);
    number(p, "skip", PICK(b, 0, 0.2));
    number(p, "single", PICK(b, 0, 0.2));
    number(p, "rank", PICK(b, 0, 0.3, 1));
    number(p, "quantum", PICK(b, 0, 0.3));
    number(p, "idle", PICK(b, 0, 0.2));
    number(p, "barrier", PICK(b, 0, 0.3));
    number(p, "timer", PICK(b, 0, 0.3, 2));
    text(p, "order", orders[take(b, 8)]);
    text(p, "carry", take(b, 2) ? "spare" : "needed");
    number(p, "meddle", PICK(b, 0, 0.02, 0.1));
    number(p, "ask", PICK(b, 0, 0.2, 1));
}

static mb_hardware choose_hardware(bytes *b, const mb_latency *latency) {
    return (mb_hardware){.replicas = 1 + take(b, 3),
                         .latency = latency,
                         .memory = {.kind = (mb_kv_kind)take(b, 2),
                                    .capacity = 16 * (13 + take(b, 40)),
                                    .max_length = 160,
                                    .block = 1u << take(b, 5),
                                    .prefix_cache = take(b, 2)},
                         .token_budget = take(b, 2) ? 1 + take(b, 40) : 0,
                         .max_requests = take(b, 2) ? 2 + take(b, 20) : 0};
}

static mb_sim_config choose_cluster(bytes *b, const mb_hardware *hardware, size_t count) {
    return (mb_sim_config){.hardware = hardware,
                           .hardware_count = count,
                           .swap_tokens = take(b, 2) ? 500 : 0,
                           .swap_s_per_token = 0.0002,
                           .stop_s = take(b, 4) ? 0 : 0.5,
                           .slo = {.ttft_s = INFINITY, .tbt_s = 0.05, .e2e_s = 5}};
}

static mb_workload choose_workload(bytes *b) {
    mb_workload workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                            .arrivals = {.kind = MB_ARRIVALS_POISSON, .rate = PICK(b, 2, 10, 40, INFINITY)},
                            .prompt = {.kind = MB_DIST_UNIFORM, .a = 1, .b = 1 + take(b, 60)},
                            .output = {.kind = MB_DIST_UNIFORM, .a = 1, .b = 1 + take(b, 40)},
                            .clients = 1 + take(b, 3),
                            .limit = 5 + take(b, 20),
                            .until_s = INFINITY};
    if (isinf(workload.arrivals.rate)) workload.arrivals.kind = MB_ARRIVALS_CONSTANT;
    return workload;
}

typedef struct result {
    double values[MB_MEASURE_COUNT];
    char message[sizeof(((mb_error *)0)->message)];
} result;

static void run(const mb_workload *workload, mb_sim_config config, params *p, bool stepwise, result *result) {
    const mb_limits limits = {.hook_s = INFINITY, .hook_instructions = 10000000, .memory_bytes = 32u << 20};
    char *path = getenv("MBSAND_CHAOS");
    mb_policy_spec spec = {.label = (char *)(uintptr_t) "chaos",
                           .path = path ? path : (char *)(uintptr_t) "tests/oracle/chaos.lua",
                           .params = p->list,
                           .param_count = p->count};
    mb_error error = {0};
    mb_lua_policy policy;
    mb_source *source;
    mb_sim sim;
    config.stepwise = stepwise;
    check(mb_lua_policy_open(&policy, &spec, &limits, workload, 1, 0, &error) == MB_OK);
    check(mb_source_open(workload, 1, 0, &source, &error) == MB_OK);
    check(mb_sim_init(&sim, &config, source, (mb_policy){&policy.ops, &policy.host}, NULL, &error) == MB_OK);
    if (mb_sim_run(&sim, &error) != MB_OK) check(strlen(error.message) > 10);
    mb_measure_all(&sim.metrics, &config.slo, result->values);
    memcpy(result->message, error.message, sizeof error.message);
    mb_sim_deinit(&sim);
    mb_source_close(source);
    mb_lua_policy_close(&policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static double tape[MOST_TAPE];
    bytes b = {data, size};
    params p = {.count = 0};
    choose_params(&b, &p);
    const mb_latency latency = {.kind = MB_LATENCY_STEP,
                                .step = {.base_s = 0x1p-6,
                                         .per_token_s = PICK(&b, 0x1p-10, 0.0007),
                                         .per_context_s = PICK(&b, 0, 0x1p-14, 0.00003),
                                         .per_request_s = PICK(&b, 0, 0x1p-10)},
                                .noise = PICK(&b, 0, 0, 0, 0.1)};
    mb_latency slower = latency; // of a second group, where there is one
    slower.step.base_s *= 1.5;
    const mb_hardware hardware[] = {choose_hardware(&b, &latency), choose_hardware(&b, &slower)};
    const mb_sim_config config = choose_cluster(&b, hardware, take(&b, 3) ? 1 : 2);
    mb_workload workload = choose_workload(&b);
    mb_error error = {0};
    check(mb_workload_prepare(&workload, &error) == MB_OK);
    size_t length = 0;
    for (; length < MOST_TAPE && b.left; length++)
        tape[length] = take(&b, 256);
    p.list[p.count++] = (mb_param){.name = (char *)(uintptr_t) "tape",
                                   .kind = MB_PARAM_NUMBERS,
                                   .numbers = tape,
                                   .number_count = length};
    result jumped, stepped;
    run(&workload, config, &p, false, &jumped);
    run(&workload, config, &p, true, &stepped);
    check(strcmp(jumped.message, stepped.message) == 0);
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        if (strncmp(mb_measures[i].name, "sim_", 4) != 0) // what a clock measured
            check(memcmp(&jumped.values[i], &stepped.values[i], sizeof(double)) == 0);
    mb_workload_deinit(&workload);
    return 0;
}
