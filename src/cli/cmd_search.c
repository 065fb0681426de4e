// SPDX-License-Identifier: MIT
// mbsand search SCENARIO.lua: the highest load, or the fewest GPUs, that meet an SLO.
#include "sweep/search.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/search_report.h"
#include "cli/stop.h"
#include "cli/tune.h"
#include "report/fitting.h"
#include "sweep/ranks.h"

#include <stdio.h>
#include <stdlib.h>

static void print_help(void) {
    mb_print_help(
        "usage: mbsand search SCENARIO.lua --over KEY=LOW..HIGH --slo 'MEASURE<=X' [options]\n"
        "       mbsand search SCENARIO.lua --tune KEY=VALUES [--tune ...] [--measure MEASURE] [options]\n\n"
        "For each policy the highest value of a key (a load), or the lowest (GPUs), at which it meets the "
        "SLOs: a\n"
        "bisection for each seed, on the same random numbers, and the level of what the seeds find.\n\n"
        "With --tune, for each policy the best values of parameters (or keys of the cluster): searched for "
        "on "
        "the seeds\n"
        "of the scenario, then judged against the policy as it is on seeds that the search has not seen.\n\n"
        "      --over KEY=LOW..HIGH     the key and its range: --over workload.arrivals.rate=1..100, "
        "cluster.gpus=2..64:2\n"
        "      --over KEY=A,B,...       beside it: for each of these, and what is cheapest: "
        "cluster.gpu=h100-80gb,"
        "l40s-48gb\n"
        "      --slo 'MEASURE<=X'       what is to be met, <= or >=; may be repeated: all are\n"
        "      --tolerance X%           how narrow a bisection becomes (default 2%)\n"
        "      --tune KEY=VALUES        LOW..HIGH (whole numbers where both are), LOW..HIGH:log, "
        "LOW..HIGH:STEP,\n"
        "                               LOW..HIGH:xFACTOR, or a list with commas: params.bins=1..32; may be "
        "repeated\n"
        "      --measure MEASURE        what is to be best (default e2e_mean_s)\n"
        "      --runs N                 at most so many runs in all (default 200 for each policy)\n"
        "      --fresh N                seeds to judge by (default 10); they come after those of --seeds\n"
        "      --db FILE                keep the runs: the same command goes on where it was interrupted, "
        "and\n"
        "                               `mbsand show FILE` prints them\n"
        "  -p, --policy NAME|FILE[,param=value...]  add a policy (may be repeated)\n"
        "      --only NAME[,NAME...]    of the scenario's own policies, these alone\n"
        "  -s, --set KEY=VALUE          change a value of the scenario\n"
        "      --seeds N                number of seeds\n"
        "      --seed S                 the first seed\n"
        "  -j, --jobs N                 threads (default: all processors); the results do not depend on it\n"
        "      --format FORMAT          table (default), md, or csv and json: every answer and every run "
        "behind "
        "it (json of\n"
        "                               --tune: what the table has)\n"
        "      --no-os-sandbox          run policies without the kernel's walls around them\n"
        "  -q, --quiet                  (there is no progress bar)\n"
        "  -h, --help                   this text\n\n"
        "Exit code: 0 done, 1 a run failed, 2 the command or its input is wrong.\n");
}

static mb_status read_options(const mb_run_arguments *arguments, mb_search_options *options,
                              mb_error *error) {
    if (arguments->slo_count > MB_MOST_SLOS)
        return mb_fail(error, MB_BAD_INPUT, "--slo: at most %d can be given", MB_MOST_SLOS);
    mb_status status = MB_OK;
    for (size_t i = 0; i < arguments->over_count && status == MB_OK; i++)
        status = mb_search_over_parse(arguments->overs[i], options, error);
    if (status == MB_OK && !options->key[0])
        status = mb_fail(error, MB_BAD_INPUT,
                         "search: over which range? For example: --over workload.arrivals.rate=1..100");
    for (size_t i = 0; i < arguments->slo_count && status == MB_OK; i++)
        status = mb_search_slo_parse(arguments->slos[i], &options->slos[options->slo_count++], error);
    return status;
}

static int search(const mb_run_arguments *arguments) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    mb_search_result result = {0};
    mb_overrides overrides = mb_run_overrides(arguments);
    overrides.over_count = 0; // the range is not an axis
    mb_search_options options = {
        .overrides = &overrides,
        .tolerance = arguments->tolerance,
        .run = {.threads = arguments->threads, .stop = mb_stop_flag(), .walls = !arguments->no_walls}};
    mb_status status = read_options(arguments, &options, &error);
    for (size_t i = 0; i < options.slo_count && status == MB_OK; i++)
        overrides.wants[options.slos[i].measure] = true;
    if (status == MB_OK) status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) {
        options.scenario = path;
        mb_stop_on_signals();
        status = mb_search_run(&options, &result, &error);
    }
    if (status == MB_OK) status = mb_search_print(&options, &result, arguments->format, &error);
    mb_search_deinit(&result);
    mb_search_options_deinit(&options);
    free(path);
    free(root);
    return status == MB_OK ? 0 : mb_cli_fail(&error);
}

int mb_cmd_search(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_search_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        print_help();
    else if (code == 0 && mb_ranks_started() > 1)
        code = mb_cli_usage(
            "search",
            "%u ranks were started, and each would do the whole search: only `mbsand sweep` shares "
            "its runs between them. Start it without mpirun; --jobs takes all processors of a machine",
            mb_ranks_started());
    else if (code == 0)
        code = arguments.tune_count ? mb_tune(&arguments, argc, argv) : search(&arguments);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
