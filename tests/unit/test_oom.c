// SPDX-License-Identifier: MIT
// Memory that runs out at every possible moment (after Lua's own ltests): a small simulation under a limit
// that grows from nothing until it succeeds. Every failure must be one sentence; a crash ends this program.
#include "policy/policy_lua.h"
#include "run/job.h"
#include "run/results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP 128        // bytes
#define MOST (4u << 20) // far more than the simulation needs
#define REQUESTS "workload.limit=40"

static mb_scenario *load(const char *policy) {
    const char *const sets[] = {REQUESTS}, *const policies[] = {policy};
    const mb_overrides overrides = {.sets = sets, .set_count = 1, .policies = policies, .policy_count = 1};
    mb_scenario *scenario = NULL;
    mb_error error = {0};
    if (mb_scenario_load("tests/sandbox/small.lua", &overrides, &scenario, &error) != MB_OK)
        fail_msg("%s", error.message);
    return scenario;
}

// Run the scenario's second policy under a limit; true when it came through. `message` is the failure's
// sentence.
static bool run(const mb_scenario *scenario, uint64_t bytes, mb_error *error) {
    mb_experiment experiment =
        mb_scenario_section(scenario, 0)->points[0].experiment; // shallow: nothing is freed
    experiment.limits.memory_bytes = bytes;
    const mb_job_observer nobody = {0};
    static const atomic_bool never;
    mb_job_state state = {.stop = &never, .gate = PTHREAD_MUTEX_INITIALIZER};
    mb_outcome outcome = {.policy = 1};
    mb_job_run(&experiment, &nobody, &state, &outcome);
    const bool finished = outcome.finished;
    if (outcome.error)
        *error = *outcome.error;
    else if (!finished)
        fail_msg("a run failed without an error under %llu bytes", (unsigned long long)bytes);
    mb_outcome_deinit(&outcome);
    return finished;
}

static bool blames_memory(const char *message) {
    return strstr(message, "limits.memory_mb") || strstr(message, "not enough memory");
}

static void grow(const char *policy) {
    mb_scenario *scenario = load(policy);
    unsigned failures = 0;
    bool finished = false;
    for (uint64_t bytes = 0; bytes < MOST && !finished; bytes += STEP) {
        mb_error error = {0};
        finished = run(scenario, bytes, &error);
        if (finished) break;
        failures++;
        if (!blames_memory(error.message))
            fail_msg("under %llu bytes: %s\n%s", (unsigned long long)bytes, error.message, error.traceback);
    }
    assert_true(finished);
    assert_true(failures > 100);
    print_message("# %s came through after %u clean failures\n", policy, failures);
    mb_scenario_free(scenario);
}

static void test_busy_policy(void **state) {
    (void)state;
    grow("tests/sandbox/busy.lua");
}

static void test_bundled_policies(void **state) {
    (void)state;
    grow("multi_bin_dynamic");
    grow("static_fifo");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_policy),
        cmocka_unit_test(test_bundled_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
