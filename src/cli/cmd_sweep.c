// SPDX-License-Identifier: MIT
// mbsand sweep SCENARIO.lua --db FILE: a grid of runs that survives interruptions.
#include "sweep/sweep.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/show.h"
#include "cli/stop.h"
#include "report/progress.h"
#include "sweep/ranks.h"

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
    mb_cli_say(stderr, "mbsand: %zu of %zu runs are in %s", result->done, result->total, arguments->db);
    if (arguments->shards > 1) fprintf(stderr, " (part %u of %u)", arguments->shard + 1, arguments->shards);
    if (result->before) fprintf(stderr, ", %zu of them from before", result->before);
    if (result->failed) fprintf(stderr, "; %zu failed", result->failed);
    if (result->done < result->total) fputs("; the same command goes on from there", stderr);
    fputc('\n', stderr);
    if (result->to_bound)
        mb_cli_say(stderr, "mbsand: bounds of %zu of %zu points are there%s\n", result->bounded,
                   result->to_bound,
                   result->bounded < result->to_bound ? "; the same command goes on from there" : "");
    if (result->store_s > SLOW_STORE * result->wall_s && result->wall_s > 1)
        mb_cli_say(stderr,
                   "mbsand: %.0f %% of the time somebody wrote to %s: a disk of this machine may be faster\n",
                   100 * result->store_s / result->wall_s, arguments->db);
}

// On a rank that has no database: run what rank 0 hands out.
static int help(const mb_ranks *ranks, const mb_sweep_options *options) {
    mb_error error = {0};
    // What goes wrong here, rank 0 says.
    return mb_ranks_help(ranks, options, &error) == MB_OK ? 0 : 1;
}

static int sweep(const mb_run_arguments *arguments, const mb_ranks *ranks, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    watch w = {0};
    mb_sweep_result result = {0};
    const mb_overrides overrides = mb_run_overrides(arguments);
    const bool several = ranks->size > 1;
    mb_progress_init(&w.progress, stderr, arguments->quiet || ranks->rank > 0);
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) {
        mb_stop_on_signals();
        const mb_sweep_options options = {
            .scenario = path,
            .db = arguments->db,
            .overrides = &overrides,
            .shard = arguments->shard,
            .shards = arguments->shards,
            .argc = argc,
            .argv = argv,
            .bound = arguments->bound,
            .ranks = several ? ranks : NULL,
            .run = {.threads = several && !arguments->threads ? 1 : arguments->threads,
                    .stop = mb_stop_flag(),
                    .walls = !arguments->no_walls,
                    .progress = show_progress,
                    .progress_context = &w}};
        if (ranks->rank > 0) {
            const int code = help(ranks, &options);
            free(path);
            free(root);
            return code;
        }
        status = mb_sweep_run(&options, &result, &error);
    }
    mb_progress_clear(&w.progress);
    if (result.total) say_done(arguments, &result);
    if (result.lost_ranks) fputs("mbsand: some ranks did not answer; the others did their runs\n", stderr);
    int code = status != MB_OK ? mb_cli_fail(&error)
               : result.failed || result.done < result.total || result.bounded < result.to_bound ? 1
                                                                                                 : 0;
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
    const mb_ranks ranks = mb_ranks_begin();
    int code = mb_sweep_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        mb_sweep_arguments_help();
    else if (code == 0 && ranks.size == 1 && mb_ranks_started() > 1)
        code = mb_cli_usage(
            "sweep",
            "%u ranks were started, and this mbsand cannot share runs between them: `make MPI=1` "
            "builds one that can",
            mb_ranks_started());
    else if (code == 0)
        code = sweep(&arguments, &ranks, argc, argv);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    if (!code) code = written;
    mb_ranks_end();
    return code;
}
