// SPDX-License-Identifier: MIT
#include "cli/tune.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "cli/stop.h"
#include "cli/tune_report.h"
#include "report/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_progress(void *context, size_t done, size_t jobs, uint64_t arrived, double elapsed_s) {
    const mb_progress_state state = {
        .done = done, .total = jobs, .requests = arrived, .elapsed_s = elapsed_s};
    mb_progress_update(context, &state);
}

static mb_status read_measure(const char *text, int *measure, mb_error *error) {
    *measure = mb_measure_find(text, strlen(text));
    if (*measure < 0)
        return mb_fail(error, MB_BAD_INPUT, "--measure: '%s' is no measure; for example %s", text,
                       mb_measure_example(text, strlen(text)));
    if (mb_measures[*measure].better != MB_BETTER_NEITHER) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "--measure: of %s (%s) neither more nor less is better",
                   mb_measures[*measure].name, mb_measures[*measure].meaning);
}

static mb_status read_axes(const mb_run_arguments *arguments, mb_axis axes[MB_MOST_AXES], size_t *count,
                           mb_error *error) {
    if (arguments->tune_count > MB_MOST_AXES)
        return mb_fail(error, MB_BAD_INPUT, "--tune: at most %d keys can be tuned at once", MB_MOST_AXES);
    for (size_t i = 0; i < arguments->tune_count; i++) {
        const mb_status status = mb_axis_parse(arguments->tunes[i], &axes[(*count)++], error);
        if (status != MB_OK) return status;
        for (size_t j = 0; j < i; j++)
            if (strcmp(axes[j].key, axes[i].key) == 0)
                return mb_fail(error, MB_BAD_INPUT, "--tune %s: %s is tuned twice", arguments->tunes[i],
                               axes[i].key);
    }
    return MB_OK;
}

// What of the command changes results, beside the overrides; the caller frees each.
static mb_status read_settings(const mb_run_arguments *arguments, const mb_tune_options *options,
                               char *settings[MB_MOST_AXES + 3], size_t *count, mb_error *error) {
    for (size_t i = 0; i < options->axis_count + 3; i++) {
        mb_strbuf text = {0};
        if (i < options->axis_count)
            mb_strbuf_printf(&text, "tune %s", arguments->tunes[i]);
        else if (i == options->axis_count)
            mb_strbuf_printf(&text, "measure %s", mb_measures[options->measure].name);
        else if (i == options->axis_count + 1)
            mb_strbuf_printf(&text, "fresh %u", options->fresh);
        else
            mb_strbuf_printf(&text, "runs %zu", options->runs);
        if (text.failed) {
            mb_strbuf_deinit(&text);
            return mb_fail_memory(error);
        }
        settings[(*count)++] = text.text;
    }
    return MB_OK;
}

static mb_status tune(const mb_run_arguments *arguments, mb_tune_options *options, mb_tune_result *result,
                      mb_error *error) {
    char *root = NULL, *path = NULL, *settings[MB_MOST_AXES + 3] = {NULL};
    size_t count = 0;
    mb_status status = read_settings(arguments, options, settings, &count, error);
    options->settings = (const char *const *)settings;
    options->setting_count = count;
    if (status == MB_OK) status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, error);
    if (status == MB_OK) {
        mb_progress progress;
        mb_progress_init(&progress, stderr, arguments->quiet);
        options->scenario = path;
        options->run.progress = show_progress;
        options->run.progress_context = &progress;
        mb_stop_on_signals();
        status = mb_tune_run_all(options, result, error);
        mb_progress_clear(&progress);
    }
    for (size_t i = 0; i < count; i++)
        free(settings[i]);
    free(path);
    free(root);
    return status;
}

int mb_tune(const mb_run_arguments *arguments, int argc, char **argv) {
    mb_error error = {0}, told = {0};
    mb_axis axes[MB_MOST_AXES] = {0};
    mb_tune_result result = {0};
    mb_overrides overrides = mb_run_overrides(arguments);
    mb_tune_options options = {
        .db = arguments->db,
        .overrides = &overrides,
        .axes = axes,
        .fresh = arguments->fresh ? arguments->fresh : MB_TUNE_FRESH,
        .runs = arguments->runs,
        .argc = argc,
        .argv = argv,
        .run = {.threads = arguments->threads, .stop = mb_stop_flag(), .walls = !arguments->no_walls}};
    mb_status status =
        read_measure(arguments->objective ? arguments->objective : "e2e_mean", &options.measure, &error);
    if (status == MB_OK) overrides.wants[options.measure] = true;
    if (status == MB_OK) status = read_axes(arguments, axes, &options.axis_count, &error);
    if (status == MB_OK) status = tune(arguments, &options, &result, &error);
    bool any = false; // even where a run failed, or the disk: the best so far
    for (size_t i = 0; i < result.policy_count; i++)
        any = any || result.policies[i].best != SIZE_MAX;
    if (status == MB_OK || (any && status == MB_FAILED)) {
        const mb_status printed = mb_tune_print(&options, &result, arguments->format, &told);
        if (status == MB_OK && printed != MB_OK) {
            status = printed;
            error = told;
        }
    }
    if (result.before)
        mb_cli_say(stderr, "mbsand: %zu of %zu runs were in %s before\n", result.before, result.done,
                   arguments->db);
    const bool interrupted = result.interrupted;
    mb_tune_deinit(&result);
    for (size_t i = 0; i < options.axis_count; i++)
        mb_axis_deinit(&axes[i]);
    return status != MB_OK ? mb_cli_fail(&error) : interrupted ? 1 : 0;
}
