// SPDX-License-Identifier: MIT
// libFuzzer: no text given as a policy makes the host crash, hang or fail without a sentence; where it loads,
// it runs a small simulation.
#include "fuzz.h"
#include "policy/policy_lua.h"

static void simulate(mb_lua_policy *policy, const mb_workload *workload) {
    const mb_latency latency = {.law = {.alpha_s = 1, .beta_s_per_token = 0.01}};
    const mb_hardware hardware = {.replicas = 2, .latency = &latency, .memory = {.capacity = 500}};
    const mb_sim_config config = {
        .hardware = &hardware, .hardware_count = 1, .slo = {.ttft_s = INFINITY, .tbt_s = 0.1, .e2e_s = 10}};
    mb_error error = {0};
    mb_source *source;
    mb_sim sim;
    check(mb_source_open(workload, 1, 0, &source, &error) == MB_OK);
    check(mb_sim_init(&sim, &config, source, (mb_policy){&policy->ops, &policy->host}, NULL, &error) ==
          MB_OK);
    if (mb_sim_run(&sim, &error) != MB_OK) check(strlen(error.message) > 10);
    mb_sim_deinit(&sim);
    mb_source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_path file = input_file("policy", data, size);
    char *path = file.text;
    mb_workload workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                            .arrivals = {.kind = MB_ARRIVALS_POISSON, .rate = 2},
                            .prompt = {.kind = MB_DIST_UNIFORM, .a = 1, .b = 100},
                            .output = {.kind = MB_DIST_UNIFORM, .a = 1, .b = 100},
                            .limit = 50,
                            .until_s = INFINITY};
    // Instructions are counted, so that an endless loop ends without a clock.
    const mb_limits limits = {.hook_s = 1, .hook_instructions = 100000, .memory_bytes = 8u << 20};
    mb_error error = {0};
    mb_policy_spec spec = {.label = path, .path = path};
    mb_lua_policy policy;
    check(mb_workload_prepare(&workload, &error) == MB_OK);
    if (mb_lua_policy_open(&policy, &spec, &limits, &workload, 1, 0, &error) == MB_OK) {
        simulate(&policy, &workload);
        mb_lua_policy_close(&policy);
    } else
        check(strlen(error.message) > 10);
    mb_workload_deinit(&workload);
    unlink(path);
    return 0;
}
