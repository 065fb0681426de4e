// SPDX-License-Identifier: MIT
// The price of Lua: the same static_fifo as a C policy, as a C policy that also calls an empty Lua hook, and
// in Lua. usage: bench_policy [requests]
#include "policy/policy_lua.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static mb_status schedule_c(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)self, (void)replica, (void)error;
    mb_refusal refusal;
    mb_step_admit(sim, 0, 8, &refusal);
    return MB_OK;
}

// self is a Lua policy whose `schedule` does nothing.
static mb_status schedule_empty(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_lua_policy *lua = self;
    const mb_status status = lua->ops.schedule(&lua->host, sim, replica, error);
    return status == MB_OK ? schedule_c(NULL, sim, replica, error) : status;
}

static mb_status init_empty(void *self, mb_sim *sim, mb_error *error) {
    mb_lua_policy *lua = self;
    return lua->ops.init(&lua->host, sim, error);
}

static void give_up(const mb_error *error) {
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static mb_workload make_workload(uint64_t requests) {
    mb_workload workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                            .arrivals = {.kind = MB_ARRIVALS_POISSON, .rate = 14},
                            .prompt = {.kind = MB_DIST_LOGNORMAL, .a = 5.525, .b = 1.334, .max = 4096},
                            .output = {.kind = MB_DIST_LOGNORMAL, .a = 3.526, .b = 1.604, .max = 4096},
                            .limit = requests,
                            .until_s = INFINITY};
    mb_error error;
    if (mb_workload_prepare(&workload, &error) != MB_OK) give_up(&error);
    return workload;
}

static double run(const mb_workload *workload, mb_policy policy, double *check) {
    const mb_latency latency = {.kind = MB_LATENCY_BATCH,
                                .law = {.alpha_s = 0.05965, .beta_s_per_token = 0.005742, .gamma = 0.316}};
    const mb_hardware hardware = {
        .replicas = 32, .latency = &latency, .memory = {.kind = MB_KV_TOKENS, .capacity = 73025}};
    const mb_sim_config config = {.hardware = &hardware,
                                  .hardware_count = 1,
                                  .slo = {.ttft_s = INFINITY, .tbt_s = 0.01, .e2e_s = 60},
                                  .seed = 42};
    mb_error error = {0};
    mb_source *source;
    mb_sim sim;
    if (mb_source_open(workload, 42, 0, &source, &error) != MB_OK) give_up(&error);
    if (mb_sim_init(&sim, &config, source, policy, NULL, &error) != MB_OK) give_up(&error);
    const double start = now_s();
    if (mb_sim_run(&sim, &error) != MB_OK) give_up(&error);
    const double elapsed = now_s() - start;
    *check = sim.metrics.sojourn_s;
    mb_sim_deinit(&sim);
    mb_source_close(source);
    return elapsed;
}

static void open_lua(mb_lua_policy *policy, const char *path) {
    const mb_limits limits = {.hook_s = 1, .memory_bytes = 64u << 20};
    mb_error error = {0};
    mb_policy_spec spec = {.label = (char *)(uintptr_t)path, .path = (char *)(uintptr_t)path};
    if (mb_lua_policy_open(policy, &spec, &limits, NULL, 42, 0, &error) != MB_OK) give_up(&error);
}

int main(int argc, char **argv) {
    const uint64_t requests = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
    const mb_workload workload = make_workload(requests);
    const mb_policy_ops c_ops = {.schedule = schedule_c};
    const mb_policy_ops empty_ops = {.init = init_empty, .schedule = schedule_empty};
    mb_lua_policy empty, lua;
    open_lua(&empty, "tests/bench/empty_hook.lua");
    open_lua(&lua, "policies/static_fifo.lua");
    double best[3] = {INFINITY, INFINITY, INFINITY}, check[3];
    for (int round = 0; round < 3; round++) {
        const double seconds[3] = {run(&workload, (mb_policy){&c_ops, NULL}, &check[0]),
                                   run(&workload, (mb_policy){&empty_ops, &empty}, &check[1]),
                                   run(&workload, (mb_policy){&lua.ops, &lua.host}, &check[2])};
        for (int i = 0; i < 3; i++)
            best[i] = seconds[i] < best[i] ? seconds[i] : best[i];
    }
    static const char *const names[] = {"in C", "in C, with an empty Lua hook called as well", "in Lua"};
    printf(
        "| `static_fifo`, %llu requests, best of 3 (%s) | million requests/s | time |\n| --- | --- | --- |\n",
        (unsigned long long)requests, mb_lua_engine());
    for (int i = 0; i < 3; i++)
        printf("| %s | %.1f | %.2f%s |\n", names[i], (double)requests / best[i] / 1e6, best[i] / best[0],
               check[i] == check[0] ? "" : " RESULTS DIFFER");
    mb_lua_policy_close(&empty);
    mb_lua_policy_close(&lua);
    return 0;
}
