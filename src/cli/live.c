// SPDX-License-Identifier: MIT
#include "cli/live.h"

#include "base/paths.h"
#include "cli/live_clock.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    USUAL_BUDGET = 8192,
    USUAL_ROWS = 1024,
    USUAL_SEQUENCES = 256, // of a step, where the scenario sets no limit: those of vllm_v1; sequences of a
                           // llama.cpp context
    MOST_RECORDED = 256    // decodes of a step that is recorded before it is needed
};

// --- the clock
// -------------------------------------------------------------------------------------------------

// What policies ask about steps to come the scenario's model answers, as in the simulation.
static mb_status use_device(void *context, const mb_experiment *experiment, mb_latency *latency,
                            mb_error *error) {
    (void)error;
    ((mb_live *)context)->clock.law = &experiment->groups->latency;
    *latency = (mb_latency){.kind = MB_LATENCY_CUSTOM,
                            .custom = mb_live_clock_step,
                            .custom_self = &((mb_live *)context)->clock,
                            .told = &experiment->groups->latency};
    return MB_OK;
}

static mb_status watch_run(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                           const mb_source *source, mb_observer *observer, mb_error *error) {
    (void)experiment, (void)source;
    mb_live *l = context;
    return mb_live_clock_begin(&l->clock, &l->sums[outcome->policy], observer, error);
}

// --- the device
// ------------------------------------------------------------------------------------------------

static mb_status check(const mb_section *section, const mb_live_question *question, bool engine,
                       mb_error *error) {
    const mb_experiment *experiment = &section->points[0].experiment;
    if (section->point_count > 1)
        return mb_fail(error, MB_BAD_INPUT, "--live is for one point, and this section is a sweep");
    if (experiment->group_count > 1)
        return mb_fail(error, MB_BAD_INPUT, "--live is for replicas that are alike, without cluster.groups");
    const mb_group *group = experiment->groups;
    if (!mb_latency_is_step(&group->latency))
        return mb_fail(error, MB_BAD_INPUT,
                       "--live needs a latency model of single steps, such as latency.step");
    if (!engine && !group->model_path)
        return mb_fail(error, MB_BAD_INPUT,
                       "--live needs cluster.model (and cluster.gpu): whose layers are to run?");
    if (group->hardware.memory.capacity == MB_UNLIMITED)
        return mb_fail(error, MB_BAD_INPUT, "--live needs a limit of KV memory, such as cluster.kv_blocks");
    if (!engine) return MB_OK;
    if (!question->model_file)
        return mb_fail(error, MB_BAD_INPUT, "--live %s needs --model-file M.gguf: what is it to run?",
                       question->backend);
    if (group->hardware.replicas > 1 || experiment->comes_and_goes)
        return mb_fail(error, MB_BAD_INPUT, "--live %s drives one engine; the scenario has more replicas",
                       question->backend);
    if (group->hardware.pipeline.stages > 1)
        return mb_fail(error, MB_BAD_INPUT, "--live %s drives one engine without stages", question->backend);
    return MB_OK;
}

static uint32_t most_rows(const mb_experiment *experiment, const mb_probe_backend *backend) {
    const uint32_t limit = experiment->groups->hardware.max_requests;
    return limit ? limit : mb_probe_is_engine(backend) ? USUAL_SEQUENCES : USUAL_ROWS;
}

static mb_status open_device(const mb_experiment *experiment, const mb_live_question *question,
                             const mb_probe_backend *backend, mb_live *l, mb_error *error) {
    const mb_hardware *hardware = &experiment->groups->hardware;
    const bool engine = mb_probe_is_engine(backend);
    const uint32_t rows = most_rows(experiment, backend);
    const uint64_t budget = hardware->token_budget ? hardware->token_budget : USUAL_BUDGET;
    l->budget = (uint32_t)(budget > rows ? budget : rows);
    const mb_probe_limits limits = {
        .tokens = l->budget, .rows = rows, .kv_tokens = hardware->memory.capacity};
    const bool alone = hardware->replicas == 1 && !experiment->comes_and_goes;
    l->clock.time = !alone ? MB_LIVE_STEPS : question->processor ? MB_LIVE_PROCESSOR : MB_LIVE_WALL;
    l->clock.stop = question->stop;
    mb_model_config model = {0};
    mb_status status = engine ? MB_OK : mb_model_config_read(experiment->groups->model_path, &model, error);
    const mb_probe_subject subject = {
        .model = &model, .file = question->model_file, .processor = question->processor};
    if (!status)
        status =
            mb_probe_session_open(backend, &subject, NULL, 1, &limits, experiment->seed, &l->session, error);
    mb_model_config_deinit(&model);
    if (!status) status = mb_live_clock_init(&l->clock, l->session, engine, rows, error);
    return status;
}

// The first steps of a device are slow: clocks, caches, libraries.
static mb_status warm_up(mb_live *l, mb_error *error) {
    const uint32_t chunk = l->budget < 64 ? l->budget : 64;
    const mb_probe_step steps[] = {{.chunks = 1, .chunk = chunk}, {.decodes = 1, .context = chunk}};
    mb_status status = MB_OK;
    for (int i = 0; i < 6 && !status; i++) {
        double ignored;
        status = mb_probe_session_time(l->session, &steps[i % 2], &ignored, error);
    }
    return status;
}

// As engines do, so that nobody waits for it while the clock runs.
static mb_status record(mb_live *l, uint32_t most, mb_error *error) {
    uint32_t tokens[MOST_RECORDED], contexts[MOST_RECORDED] = {0};
    mb_status status = MB_OK;
    for (uint32_t n = 0; n < most && n < MOST_RECORDED && !status && !atomic_load(l->stop); n++) {
        double ignored;
        tokens[n] = 1;
        status = mb_probe_session_rows(l->session, tokens, contexts, n + 1, &ignored, error);
    }
    return status;
}

mb_status mb_live_open(mb_live *l, const mb_section *section, const mb_live_question *question,
                       mb_error *error) {
    const mb_experiment *experiment = &section->points[0].experiment;
    const mb_probe_backend *backend;
    *l = (mb_live){.stop = question->stop, .policies = experiment->policy_count};
    mb_status status = mb_probe_backend_find(question->backend, &backend, error);
    if (!status) status = check(section, question, mb_probe_is_engine(backend), error);
    l->sums = calloc(experiment->policy_count, sizeof *l->sums);
    if (!status && !l->sums) status = mb_fail_memory(error);
    if (!status) status = open_device(experiment, question, backend, l, error);
    if (!status && backend->records) status = record(l, most_rows(experiment, backend), error);
    return status ? status : warm_up(l, error);
}

void mb_live_close(mb_live *l) {
    mb_live_clock_deinit(&l->clock);
    mb_probe_session_close(l->session);
    free(l->sums);
}

static mb_status first_failure(const mb_results *results, mb_error *error) {
    for (size_t i = 0; i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        if (outcome->started && outcome->status)
            return outcome->error ? mb_fail(error, outcome->status, "%s", outcome->error->message)
                                  : mb_fail(error, outcome->status, "a live run failed");
    }
    return MB_OK;
}

mb_status mb_live_run(mb_live *l, mb_scenario *scenario, size_t section, mb_results *real, mb_error *error) {
    memset(l->sums, 0, l->policies * sizeof *l->sums);
    // One job after the other: they share the device.
    const mb_run_options options = {
        .threads = 1, .stop = l->stop, .observer = {.open = watch_run, .clock = use_device, .context = l}};
    const mb_status status = mb_run_section(scenario, section, &options, real, error);
    return status ? status : first_failure(real, error);
}

// --- side by side
// ----------------------------------------------------------------------------------------------

static const char *const NAMES[] = {"ttft_mean_s", "ttft_p50_s", "ttft_p99_s", "tpot_mean_s", "tpot_p50_s",
                                    "tpot_p99_s",  "e2e_mean_s", "e2e_p50_s",  "e2e_p99_s"};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES };

static void print_percent(double share, const char *end) {
    if (isfinite(share))
        printf("%+8.1f %%%s", 100 * share, end);
    else
        printf("         -%s", end);
}

static const char *label_of(const mb_results *results, size_t policy) {
    return mb_results_section(results)->points[0].experiment.policies[policy].label;
}

static void print_policy(const mb_results *simulated, const mb_results *real, size_t policy) {
    const mb_summary model = mb_summarise(simulated, 0, policy), device = mb_summarise(real, 0, policy);
    for (size_t i = 0; i < NAME_COUNT; i++) {
        const int m = mb_measure_index(NAMES[i]);
        char a[MB_TEXT_SIZE], b[MB_TEXT_SIZE];
        mb_format_value(a, model.mean[m], mb_decimals(model.mean[m], NAN));
        mb_format_value(b, device.mean[m], mb_decimals(device.mean[m], NAN));
        printf("%-24s  %-12s  %10s  %10s  ", i == 0 ? label_of(simulated, policy) : "", NAMES[i], a, b);
        print_percent(model.mean[m] / device.mean[m] - 1, "\n");
    }
}

// What a policy changes against the first, in both worlds.
static void print_change(const mb_results *simulated, const mb_results *real, size_t policy) {
    const mb_summary model = mb_summarise(simulated, 0, policy), device = mb_summarise(real, 0, policy);
    const mb_summary model_first = mb_summarise(simulated, 0, 0), device_first = mb_summarise(real, 0, 0);
    for (size_t i = 0; i < NAME_COUNT; i += 3) { // the means
        const int m = mb_measure_index(NAMES[i]);
        printf("%-24s  %-12s  ", i == 0 ? label_of(simulated, policy) : "", NAMES[i]);
        print_percent(model.mean[m] / model_first.mean[m] - 1, "  ");
        print_percent(device.mean[m] / device_first.mean[m] - 1, "\n");
    }
}

static void print_sums(const char *label, const mb_live_sums *s, bool engine, bool wall) {
    printf("%-24s  %llu steps of %llu tokens", label, (unsigned long long)s->steps,
           (unsigned long long)s->tokens);
    if (engine) printf(", %llu sequences", (unsigned long long)s->sequences);
    printf("; device %.2f s", s->device_s);
    if (wall && s->steps)
        printf(", host %.1f us a step, idle %.2f s", 1e6 * s->host_s / (double)s->steps, s->idle_s);
    printf("; %+.1f %% against the model's times of these steps\n", 100 * mb_live_excess(s));
}

static void print_all(const mb_results *simulated, const mb_results *real, const mb_live *l) {
    const size_t count = mb_results_section(simulated)->points[0].experiment.policy_count;
    char device[256];
    mb_probe_session_describe(l->session, device, sizeof device);
    printf("\nlive on %s, %.1f s\n", device, real->wall_s);
    const char *note = mb_probe_session_note(l->session);
    if (note) printf("(%s)\n", note);
    if (l->clock.time == MB_LIVE_STEPS)
        puts("(replicas take turns on the device: no idle time, and no time of policies, is in it)");
    printf("%-24s  %-12s  %10s  %10s  %s\n", "policy", "measure", "simulated", "live", "difference");
    for (size_t p = 0; p < count; p++)
        print_policy(simulated, real, p);
    if (count > 1)
        printf("\n%-24s  %-12s  %10s  %10s\n", "against the first", "measure", "simulated", "live");
    for (size_t p = 1; p < count; p++)
        print_change(simulated, real, p);
    putchar('\n');
    mb_live_sums all = {0};
    for (size_t p = 0; p < count; p++) {
        print_sums(label_of(simulated, p), &l->sums[p], l->clock.engine, l->clock.time == MB_LIVE_WALL);
        mb_live_sums_add(&all, &l->sums[p]);
    }
    mb_live_warn_busy(&all);
}

mb_status mb_live_compare(mb_scenario *scenario, const mb_results *simulated,
                          const mb_live_question *question, mb_error *error) {
    mb_live l;
    mb_results real = {0};
    mb_status status = mb_live_open(&l, mb_results_section(simulated), question, error);
    if (!status) status = mb_live_run(&l, scenario, simulated->section, &real, error);
    if (real.count) print_all(simulated, &real, &l);
    mb_results_deinit(&real);
    mb_live_close(&l);
    return status;
}
