// SPDX-License-Identifier: MIT
// mbsand sweep SCENARIO.lua --db FILE: a grid of runs that survives interruptions.
#include "sweep/sweep.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/show.h"
#include "cli/stop.h"
#include "report/progress.h"

#include <stdio.h>
#include <stdlib.h>

#define SLOW_STORE 0.2 // share of the time from which on it is worth a word

typedef struct watch {
    mb_progress progress;
    size_t before; // jobs done before this sweep began
    bool known;
} watch;

static void show_progress(void *context, size_t done, size_t jobs, uint64_t arrived, double elapsed_s) {
    watch *w = context;
    if (!w->known) w->before = done; // the first call comes before the first job ends
    w->known = true;
    const mb_progress_state state = {
        .done = done, .before = w->before, .total = jobs, .requests = arrived, .elapsed_s = elapsed_s};
    mb_progress_update(&w->progress, &state);
}

static void say_done(const mb_run_arguments *arguments, const mb_sweep_result *result) {
    fprintf(stderr, "mbsand: %zu of %zu runs are in %s", result->done, result->total, arguments->db);
    if (arguments->shards > 1) fprintf(stderr, " (part %u of %u)", arguments->shard + 1, arguments->shards);
    if (result->before) fprintf(stderr, ", %zu of them from before", result->before);
    if (result->failed) fprintf(stderr, "; %zu failed", result->failed);
    if (result->done < result->total) fputs("; the same command goes on from there", stderr);
    fputc('\n', stderr);
    if (result->store_s > SLOW_STORE * result->wall_s && result->wall_s > 1)
        fprintf(stderr,
                "mbsand: %.0f %% of the time somebody wrote to %s: a disk of this machine may be faster\n",
                100 * result->store_s / result->wall_s, arguments->db);
}

static int sweep(const mb_run_arguments *arguments, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    watch w = {0};
    mb_sweep_result result = {0};
    const mb_overrides overrides = mb_run_overrides(arguments);
    mb_progress_init(&w.progress, stderr, arguments->quiet);
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) {
        mb_stop_on_signals();
        const mb_sweep_options options = {.scenario = path,
                                          .db = arguments->db,
                                          .overrides = &overrides,
                                          .shard = arguments->shard,
                                          .shards = arguments->shards,
                                          .argc = argc,
                                          .argv = argv,
                                          .run = {.threads = arguments->threads,
                                                  .stop = mb_stop_flag(),
                                                  .walls = !arguments->no_walls,
                                                  .progress = show_progress,
                                                  .progress_context = &w}};
        status = mb_sweep_run(&options, &result, &error);
    }
    mb_progress_clear(&w.progress);
    if (result.total) say_done(arguments, &result);
    int code = status != MB_OK ? mb_cli_fail(&error) : result.failed || result.done < result.total ? 1 : 0;
    if (result.skipped) printf("skipped: %s\n", result.skipped);
    if (status == MB_OK && !result.skipped && !arguments->quiet && arguments->shards == 1) {
        const int shown = mb_show(arguments->db, arguments->format, NULL, NULL);
        if (shown > code) code = shown;
    }
    free(result.skipped);
    free(path);
    free(root);
    return code;
}

int mb_cmd_sweep(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_sweep_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        mb_sweep_arguments_help();
    else if (code == 0)
        code = sweep(&arguments, argc, argv);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
