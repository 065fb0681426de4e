// SPDX-License-Identifier: MIT
#include "cli/live.h"

#include "probe/session.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    USUAL_BUDGET = 8192,
    USUAL_ROWS = 1024
}; // of a step, where the scenario sets no limit: those of vllm_v1

typedef struct live {
    mb_probe_session *session;
    uint32_t *tokens, *contexts; // of a step's rows
    uint32_t rows;
} live;

// --- the clock
// -------------------------------------------------------------------------------------------------

// A step's rows: the decodes share the context that they read as evenly as whole numbers allow. (A decode
// reads its own token too.)
static mb_status run_step(void *self, const mb_step_shape *shape, double *seconds, mb_error *error) {
    live *l = self;
    const uint64_t rows = (uint64_t)shape->decode_requests + shape->prefill_requests;
    if (rows > l->rows)
        return mb_fail(error, MB_BAD_INPUT,
                       "live: a step of %llu requests; the device was opened for %u (cluster.max_requests)",
                       (unsigned long long)rows, l->rows);
    uint32_t row = 0;
    const uint64_t read = shape->decode_context - shape->decode_requests;
    for (uint32_t i = 0; i < shape->decode_requests; i++, row++) {
        l->tokens[row] = 1;
        l->contexts[row] = (uint32_t)(read / shape->decode_requests + (i < read % shape->decode_requests));
    }
    for (uint32_t i = 0; i < shape->prefill_requests; i++, row++) {
        l->tokens[row] = shape->chunks[i].tokens;
        l->contexts[row] = shape->chunks[i].prefix;
    }
    return mb_probe_session_rows(l->session, l->tokens, l->contexts, row, seconds, error);
}

static mb_status use_device(void *context, const mb_experiment *experiment, mb_latency *latency,
                            mb_error *error) {
    (void)experiment, (void)error;
    *latency = (mb_latency){.kind = MB_LATENCY_CUSTOM, .custom = run_step, .custom_self = context};
    return MB_OK;
}

// --- the device
// ------------------------------------------------------------------------------------------------

static mb_status check(const mb_section *section, mb_error *error) {
    const mb_experiment *experiment = &section->points[0].experiment;
    if (section->point_count > 1)
        return mb_fail(error, MB_BAD_INPUT, "--live is for one point, and this section is a sweep");
    if (experiment->group_count > 1)
        return mb_fail(error, MB_BAD_INPUT, "--live is for replicas that are alike, without cluster.groups");
    const mb_group *group = experiment->groups;
    if (!mb_latency_is_step(&group->latency))
        return mb_fail(error, MB_BAD_INPUT,
                       "--live needs a latency model of single steps, such as latency.step");
    if (!group->model_path)
        return mb_fail(error, MB_BAD_INPUT,
                       "--live needs cluster.model (and cluster.gpu): whose layers are to run?");
    if (group->hardware.memory.capacity == MB_UNLIMITED)
        return mb_fail(error, MB_BAD_INPUT, "--live needs a limit of KV memory, such as cluster.kv_blocks");
    return MB_OK;
}

static mb_status open_device(const mb_experiment *experiment, const char *backend_name, live *l,
                             mb_error *error) {
    const mb_probe_backend *backend;
    mb_model_config model = {0};
    const mb_hardware *hardware = &experiment->groups->hardware;
    l->rows = hardware->max_requests ? hardware->max_requests : USUAL_ROWS;
    const uint64_t budget = hardware->token_budget ? hardware->token_budget : USUAL_BUDGET;
    const mb_probe_limits limits = {.tokens = (uint32_t)(budget > l->rows ? budget : l->rows),
                                    .rows = l->rows,
                                    .kv_tokens = hardware->memory.capacity};
    l->tokens = calloc(l->rows, sizeof *l->tokens);
    l->contexts = calloc(l->rows, sizeof *l->contexts);
    mb_status status = l->tokens && l->contexts ? MB_OK : mb_fail_memory(error);
    if (!status) status = mb_probe_backend_find(backend_name, &backend, error);
    if (!status) status = mb_model_config_read(experiment->groups->model_path, &model, error);
    if (!status)
        status =
            mb_probe_session_open(backend, &model, NULL, 1, &limits, experiment->seed, &l->session, error);
    mb_model_config_deinit(&model);
    return status;
}

// The first steps of a device are slow: clocks, caches, libraries.
static mb_status warm_up(live *l, mb_error *error) {
    const mb_probe_step steps[] = {{.chunks = 1, .chunk = 64}, {.decodes = 1, .context = 64}};
    mb_status status = MB_OK;
    for (int i = 0; i < 6 && !status; i++) {
        double ignored;
        status = mb_probe_session_time(l->session, &steps[i % 2], &ignored, error);
    }
    return status;
}

// --- side by side
// ----------------------------------------------------------------------------------------------

static void print_policy(const mb_results *simulated, const mb_results *real, size_t policy) {
    static const char *const names[] = {"ttft_mean_s", "ttft_p50_s", "ttft_p99_s",
                                        "tpot_mean_s", "tpot_p50_s", "tpot_p99_s",
                                        "e2e_mean_s",  "e2e_p50_s",  "e2e_p99_s"};
    const char *label = mb_results_section(simulated)->points[0].experiment.policies[policy].label;
    const mb_summary model = mb_summarise(simulated, 0, policy), device = mb_summarise(real, 0, policy);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const int m = mb_measure_index(names[i]);
        char a[MB_TEXT_SIZE], b[MB_TEXT_SIZE];
        mb_format_value(a, model.mean[m], mb_decimals(model.mean[m], NAN));
        mb_format_value(b, device.mean[m], mb_decimals(device.mean[m], NAN));
        const double difference = 100 * (model.mean[m] / device.mean[m] - 1);
        printf("%-24s  %-12s  %10s  %10s  ", i == 0 ? label : "", names[i], a, b);
        if (isfinite(difference))
            printf("%+8.1f %%\n", difference);
        else
            puts("       -");
    }
}

static void print_failures(const mb_results *results) {
    for (size_t i = 0; i < results->count; i++)
        if (results->outcomes[i].error)
            fprintf(stderr, "mbsand: live: %s\n", results->outcomes[i].error->message);
}

mb_status mb_live_compare(mb_scenario *scenario, const mb_results *simulated, const char *backend,
                          const atomic_bool *stop, mb_error *error) {
    const mb_section *section = mb_results_section(simulated);
    mb_status status = check(section, error);
    if (status) return status;
    live l = {0};
    status = open_device(&section->points[0].experiment, backend, &l, error);
    if (!status) status = warm_up(&l, error);
    mb_results real = {0};
    // One job after the other: they share the device.
    const mb_run_options options = {
        .threads = 1, .stop = stop, .observer = {.clock = use_device, .context = &l}};
    if (!status) status = mb_run_section(scenario, simulated->section, &options, &real, error);
    if (!status) {
        char device[256];
        mb_probe_session_describe(l.session, device, sizeof device);
        printf("\nlive on %s, %.1f s\n%-24s  %-12s  %10s  %10s  %s\n", device, real.wall_s, "policy",
               "measure", "simulated", "live", "difference");
        for (size_t p = 0; p < section->points[0].experiment.policy_count; p++)
            print_policy(simulated, &real, p);
        print_failures(&real);
    }
    mb_results_deinit(&real);
    mb_probe_session_close(l.session);
    free(l.tokens);
    free(l.contexts);
    return status;
}
