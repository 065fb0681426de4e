// SPDX-License-Identifier: MIT
// Scenarios read into C values, and the sentences for what cannot be read. The rules of the language itself
// are tested by tests/lua/test_scenario.lua. Run from the project's folder.
#include "base/paths.h"
#include "scenario/scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "tests/corpus/scenario/"

static mb_scenario *load(const char *path, const mb_overrides *overrides) {
    mb_scenario *scenario;
    mb_error error;
    if (mb_scenario_load(path, overrides, &scenario, &error)) fail_msg("%s", error.message);
    return scenario;
}

static void assert_mistake(const char *path, const char *set, const char *sentence) {
    const mb_overrides overrides = {.sets = &set, .set_count = set ? 1 : 0};
    mb_scenario *scenario;
    mb_error error;
    assert_int_equal(mb_scenario_load(path, &overrides, &scenario, &error), MB_BAD_INPUT);
    assert_null(scenario);
    assert_string_equal(error.message, sentence);
}

static const mb_experiment *experiment(const mb_scenario *scenario, size_t section, size_t point) {
    return &mb_scenario_section(scenario, section)->points[point].experiment;
}

static void reads_every_key(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "good.lua", NULL);
    assert_int_equal(mb_scenario_section_count(scenario), 2);
    const mb_section *section = mb_scenario_section(scenario, 0);
    assert_string_equal(section->title, "base");
    assert_string_equal(section->question, "Does it load?");
    assert_string_equal(section->columns[1], "gpu_util");
    assert_null(section->columns[2]);
    assert_false(section->has_report);
    assert_string_equal(section->points[0].label, "");
    const mb_experiment *e = experiment(scenario, 0, 0);
    const mb_hardware *h = &e->groups->hardware;
    const mb_workload *w = &e->workload;
    assert_int_equal(w->kind, MB_WORKLOAD_SYNTHETIC);
    assert_int_equal(w->arrivals.kind, MB_ARRIVALS_ON_OFF);
    assert_true(w->arrivals.rate == 10 && w->arrivals.on_mean_s == 2 && w->arrivals.off_mean_s == 3);
    assert_int_equal(w->prompt.kind, MB_DIST_NORMAL);
    assert_true(w->prompt.a == 50 && w->prompt.b == 10 && w->prompt.min == 1 && isinf(w->prompt.max));
    assert_true(w->output.kind == MB_DIST_LOGNORMAL && w->output.a == 4 && w->output.max == 1000);
    assert_true(w->limit == 100 && w->clients == 3 && isinf(w->until_s));
    assert_int_equal(w->predictor.bins, 2);
    assert_true(w->predictor.confusion[0] == 0.75 && w->predictor.confusion[3] == 0.75); // prepared
    assert_true(h->replicas == 2 && h->memory.kind == MB_KV_CONTIGUOUS && h->memory.capacity == 20000);
    assert_true(h->memory.max_length == 2048 && e->block_oversize);
    assert_true(e->groups->latency.law.floor_s == 0.001 && e->groups->latency.noise == 0.1);
    assert_true(isinf(e->slo.tbt_s) && e->slo.e2e_s == 5);
    assert_true(e->seeds == 2 && e->seed == 7 && e->warmup_requests == 10 && e->exact_percentiles &&
                !e->oracle);
    assert_true(e->limits.hook_s == 2 && e->limits.hook_instructions == 1000000);
    assert_int_equal(e->limits.memory_bytes, 32u << 20);
    mb_scenario_free(scenario);
}

static const mb_param *param(const mb_policy_spec *policy, const char *name) {
    for (size_t i = 0; i < policy->param_count; i++)
        if (strcmp(policy->params[i].name, name) == 0) return &policy->params[i];
    fail_msg("no parameter %s", name);
    return NULL;
}

static void reads_policies(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "good.lua", NULL);
    const mb_experiment *e = experiment(scenario, 0, 0);
    assert_int_equal(e->policy_count, 2);
    const mb_policy_spec *policy = &e->policies[1];
    assert_string_equal(policy->label, "bins");
    assert_non_null(strstr(policy->path, "policies/multi_bin.lua"));
    assert_true(policy->unlimited_memory && !e->policies[0].unlimited_memory);
    assert_true(param(policy, "bins")->kind == MB_PARAM_NUMBER && param(policy, "bins")->number == 3);
    assert_string_equal(param(policy, "rule")->text, "fixed");
    assert_true(param(policy, "edges")->kind == MB_PARAM_NUMBERS && param(policy, "edges")->numbers[1] == 64);
    assert_true(param(policy, "max_wait")->kind == MB_PARAM_BOOLEAN && !param(policy, "max_wait")->boolean);
    mb_scenario_free(scenario);
}

static void expands_a_sweep(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "good.lua", NULL);
    const mb_section *section = mb_scenario_section(scenario, 1);
    assert_int_equal(section->point_count, 6);
    assert_string_equal(section->points[3].label, "cluster.gpus=2 params.batch_size=8");
    assert_int_equal(section->points[3].experiment.groups->hardware.replicas, 2);
    const mb_param *size = param(&section->points[3].experiment.policies[0], "batch_size");
    assert_true(size->number == 8 && size->if_declared);
    mb_scenario_free(scenario);
}

static void takes_overrides(void **state) {
    (void)state;
    const char *const sets[] = {"cluster.gpus=9", "workload.arrivals.rate=11", "params.bins=5"};
    const char *const policies[] = {"multi_bin,bins=2,label=added"};
    const mb_overrides overrides = {.sets = sets,
                                    .set_count = 3,
                                    .policies = policies,
                                    .policy_count = 1,
                                    .seeds = 4,
                                    .has_seed = true,
                                    .seed = UINT64_MAX,
                                    .limits = {.memory_bytes = 12345678}};
    mb_scenario *scenario = load(FOLDER "good.lua", &overrides);
    const mb_experiment *e = experiment(scenario, 0, 0);
    assert_true(e->groups->hardware.replicas == 9 && e->workload.arrivals.rate == 11 && e->seeds == 4 &&
                e->seed == UINT64_MAX);
    assert_true(e->limits.memory_bytes == 12345678 && e->limits.hook_s == 2);
    assert_int_equal(e->policy_count, 3);
    assert_string_equal(e->policies[2].label, "added");
    assert_true(param(&e->policies[1], "bins")->number == 5 && !param(&e->policies[1], "bins")->if_declared);
    assert_true(param(&e->policies[0], "bins")->if_declared);
    assert_int_equal(mb_scenario_section(scenario, 1)->point_count, 2); // the swept key was set
    mb_scenario_free(scenario);
}

static void prepares_a_trace(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "trace.lua", NULL);
    const mb_experiment *e = experiment(scenario, 0, 0);
    assert_int_equal(e->groups->hardware.memory.capacity, 38229);
    assert_true(fabs(e->groups->latency.law.alpha_s - 0.0596528) < 1e-5 &&
                e->groups->latency.law.floor_s == 0.001);
    assert_true(e->groups->latency.max_batch == 32 && e->groups->latency.max_length == 2048);
    assert_string_equal(
        e->description,
        "100 requests of burst_sample.csv (x10), a window per seed, 4 replicas (38,229 KV tokens each), "
        "batch law 59.65 ms + 5.742 ms L (1 + 0.316 (b-1)/b), 5 seeds");
    mb_source *source;
    mb_error error;
    assert_int_equal(mb_source_open(&e->workload, e->seed, 0, &source, &error), MB_OK);
    mb_source_close(source);
    mb_scenario_free(scenario);
}

static void reads_sessions(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "sessions.lua", NULL);
    const mb_workload *w = &experiment(scenario, 0, 0)->workload;
    assert_true(mb_workload_closed(w) && w->users == 7 && w->ramp_s == 3);
    assert_true(w->think.kind == MB_DIST_EXPONENTIAL && w->think.a == 2);
    assert_true(w->sessions.on && w->sessions.max_context == 900);
    assert_true(w->sessions.turns.b == 5 && w->sessions.think.a == 4);
    assert_int_equal(w->class_count, 2);
    const mb_class *chat = &w->classes[0], *code = &w->classes[1];
    assert_string_equal(chat->name, "chat");
    assert_true(chat->share == 0.7 && chat->priority == -2);
    assert_true(chat->slo.ttft_s == 1 && isinf(chat->slo.tbt_s) && chat->slo.e2e_s == 30);
    assert_true(chat->prompt.a == 9 && chat->output.a == 6 && code->prompt.a == 5 && code->output.a == 8);
    assert_true(isinf(code->slo.e2e_s));
    w = &experiment(scenario, 1, 0)->workload;
    assert_true(!mb_workload_closed(w) && w->prefix.tokens == 100 && w->prefix.groups == 3);
    assert_true(w->prefix.theta == 0.5 && w->prefix.choice.value_count == 3); // prepared
    w = &experiment(scenario, 2, 0)->workload;
    assert_int_equal(w->trace.layout, MB_TRACE_MOONCAKE);
    assert_true(w->trace.jitter_s == 3 && w->trace.longest == 4000);
    w = &experiment(scenario, 3, 0)->workload;
    assert_int_equal(w->trace.layout, MB_TRACE_JSONL);
    assert_string_equal(w->trace.columns.prefix, "ids");
    assert_string_equal(w->trace.columns.priority, "urgent");
    assert_true(w->trace.prefix_unit_tokens == 16 && w->trace.time_unit_s == 1e-9);
    mb_scenario_free(scenario);
}

static void fills_in_defaults(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "minimal.lua", NULL);
    const mb_experiment *e = experiment(scenario, 0, 0);
    assert_true(e->groups->hardware.replicas == 1 && e->groups->hardware.memory.capacity == MB_UNLIMITED &&
                !e->block_oversize);
    assert_true(isinf(e->slo.tbt_s) && isinf(e->slo.e2e_s) && e->seeds == 5 && e->seed == 42);
    assert_int_equal(e->workload.predictor.kind, MB_PREDICT_EXACT);
    assert_true(isinf(e->workload.arrivals.rate));
    assert_non_null(strstr(mb_scenario_text(scenario), "all_at_once"));
    assert_string_equal(mb_scenario_path(scenario), FOLDER "minimal.lua");
    mb_scenario_free(scenario);
}

static void skips(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "skips.lua", NULL);
    assert_string_equal(mb_scenario_skipped(scenario), "the trace is not here");
    assert_int_equal(mb_scenario_section_count(scenario), 0);
    mb_scenario_free(scenario);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    assert_mistake(FOLDER "wrong_key.lua", NULL,
                   FOLDER "wrong_key.lua:4: cluster has no key \"gpuss\"; did you mean \"gpus\"?");
    assert_mistake(FOLDER "run_error.txt", NULL,
                   FOLDER "run_error.txt:3: attempt to perform arithmetic on a nil value");
    assert_mistake(
        FOLDER "nothing.lua", NULL,
        FOLDER "nothing.lua: a scenario must end with \"return scenario { ... }\"; this one returns nothing");
    assert_mistake(FOLDER "zero_byte.txt", NULL,
                   FOLDER "zero_byte.txt:2: a zero byte; expected a text in Lua");
    assert_mistake(FOLDER "error_value.lua", NULL, FOLDER "error_value.lua: error value of type table");
    assert_mistake(
        FOLDER "trace.lua", "workload.path=nowhere.csv",
        "--set workload.path=nowhere.csv: workload.path: there is no file \"nowhere.csv\" (looked in the "
        "current folder, the scenario's folder and the project's)");
    assert_mistake(FOLDER "minimal.lua", "seeds=0",
                   "--set seeds=0: seeds is 0; expected a whole number from 1 to 1000000");
    assert_mistake("nowhere/x.lua", NULL,
                   "there is no scenario \"nowhere/x.lua\": No such file or directory");
    assert_mistake(FOLDER, NULL, "the scenario \"" FOLDER "\" is a folder, not a file");
}

static void blames_the_right_file(void **state) {
    (void)state;
    mb_scenario *scenario;
    mb_error error;
    assert_int_equal(mb_scenario_load(FOLDER "wrong_column.lua", NULL, &scenario, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "burst_sample.csv:1: "));
    assert_non_null(strstr(error.message, "Request toks"));
    assert_int_equal(mb_scenario_load(FOLDER "syntax_error.txt", NULL, &scenario, &error), MB_BAD_INPUT);
    assert_int_equal(
        strncmp(error.message, FOLDER "syntax_error.txt:2: ", strlen(FOLDER "syntax_error.txt:2: ")), 0);
    assert_string_equal(error.traceback, "");
    assert_int_equal(mb_scenario_load(FOLDER "run_error.txt", NULL, &scenario, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.traceback, "stack traceback"));
}

static void reports(void **state) {
    (void)state;
    mb_scenario *scenario = load(FOLDER "good.lua", NULL);
    double mean[MB_MEASURE_COUNT] = {0}, half[MB_MEASURE_COUNT];
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        half[i] = (double)NAN;
    const double *const values[] = {mean, NULL}; // the second run did not finish
    const mb_row row = {.seeds = 1,
                        .level = mean,
                        .low = half,
                        .high = half,
                        .mean = mean,
                        .half_width = half,
                        .values = values};
    mb_error error;
    assert_int_equal(mb_scenario_report(scenario, 0, &row, 1, &error), MB_OK); // has none
    assert_int_equal(mb_scenario_report(scenario, 1, &row, 1, &error), MB_OK);
    mean[mb_measure_index("e2e_mean_s")] = 99;
    assert_int_equal(mb_scenario_report(scenario, 1, &row, 1, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, FOLDER "good.lua:32: the report's own mistake");
    assert_int_equal(mb_scenario_report(scenario, 1, NULL, 0, &error), MB_BAD_INPUT);
    mb_scenario_free(scenario);
}

static void finds_files(void **state) {
    (void)state;
    char *root, *path = NULL;
    mb_error error;
    assert_int_equal(mb_paths_root(&root, &error), MB_OK);
    assert_int_equal(mb_paths_find_policy(root, NULL, "origin/static_fifo", &path, &error), MB_OK);
    assert_non_null(strstr(path, "policies/origin/static_fifo.lua"));
    free(path);
    assert_int_equal(mb_paths_find_policy(root, NULL, "static_fifa", &path, &error), MB_BAD_INPUT);
    assert_null(path);
    assert_string_equal(error.message,
                        "there is no policy \"static_fifa\"; did you mean \"static_fifo\"? (a file of "
                        "yours is written ./static_fifa.lua)");
    assert_int_equal(mb_paths_find_bin_rule(root, NULL, "equal_mass", &path, &error), MB_OK);
    free(path);
    assert_int_equal(mb_paths_find_scenario(root, "burst", &path, &error), MB_OK);
    free(path);
    char **names;
    size_t count;
    assert_int_equal(mb_paths_list(root, "policies", ".lua", &names, &count, &error), MB_OK);
    assert_true(count > 4);
    for (size_t i = 0; i + 1 < count; i++)
        assert_true(strcmp(names[i], names[i + 1]) < 0);
    for (size_t i = 0; i < count; i++)
        assert_null(strstr(names[i], "bins/"));
    mb_paths_free_names(names, count);
    free(root);
    char *folder = mb_paths_folder("/x");
    assert_string_equal(folder, "/");
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_key),
        cmocka_unit_test(reads_policies),
        cmocka_unit_test(expands_a_sweep),
        cmocka_unit_test(takes_overrides),
        cmocka_unit_test(prepares_a_trace),
        cmocka_unit_test(reads_sessions),
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(skips),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(blames_the_right_file),
        cmocka_unit_test(reports),
        cmocka_unit_test(finds_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
