// SPDX-License-Identifier: MIT
// mbsand search SCENARIO.lua: the highest load, or the fewest GPUs, that meet an SLO.
#include "sweep/search.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/stop.h"
#include "cli/tune.h"
#include "report/format.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void print_help(void) {
    fputs(
        "usage: mbsand search SCENARIO.lua --over KEY=LOW..HIGH --slo 'MEASURE<=X' [options]\n"
        "       mbsand search SCENARIO.lua --tune KEY=VALUES [--tune ...] [--measure MEASURE] [options]\n\n"
        "For each policy the highest value of a key (a load), or the lowest (GPUs), at which it meets the "
        "SLOs: a\n"
        "bisection for each seed, on the same random numbers, and the level of what the seeds find.\n\n"
        "With --tune, for each policy the best values of parameters (or keys of the cluster): searched for "
        "on "
        "the seeds\n"
        "of the scenario, then judged against the policy as it is on seeds that the search has not seen.\n\n"
        "      --over KEY=LOW..HIGH     the key and its range: --over workload.arrivals.rate=1..100\n"
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
        "      --format FORMAT          table (default), or csv: every answer and every run behind it; with "
        "--tune also\n"
        "                               json and md\n"
        "      --no-os-sandbox          run policies without the kernel's walls around them\n"
        "  -q, --quiet                  (there is no progress bar)\n"
        "  -h, --help                   this text\n\n"
        "Exit code: 0 done, 1 a run failed, 2 the command or its input is wrong.\n",
        stdout);
}

static const mb_search_task *task_at(const mb_search_result *result, size_t policy, uint32_t seed) {
    return &result->tasks[policy * result->seeds + seed];
}

static const char *label_of(const mb_search_result *result, size_t policy) {
    return mb_scenario_section(result->scenario, 0)->points[0].experiment.policies[policy].label;
}

typedef struct summary {
    uint32_t found, everywhere, nowhere, wild;
    mb_sample sample;
    double least, most;
    size_t runs; // the most of any seed
    bool ascending;
} summary;

static summary summarise(const mb_search_result *result, size_t policy) {
    summary s = {.sample = {.scale = MB_SCALE_POSITIVE}, .least = INFINITY, .most = -INFINITY};
    s.ascending = task_at(result, policy, 0)->ascending;
    for (uint32_t seed = 0; seed < result->seeds; seed++) {
        const mb_search_task *task = task_at(result, policy, seed);
        if (task->run_count > s.runs) s.runs = task->run_count;
        s.everywhere += task->end == MB_MET_EVERYWHERE;
        s.nowhere += task->end == MB_MET_NOWHERE;
        s.wild += task->not_monotone;
        if (task->end != MB_FOUND) continue;
        s.found++;
        s.ascending = task->ascending;
        mb_sample_add(&s.sample, task->answer);
        s.least = fmin(s.least, task->answer);
        s.most = fmax(s.most, task->answer);
    }
    return s;
}

// What stands for the policy: of whole numbers what every seed is content with, else the level.
static void write_answer(const mb_search_options *options, const mb_search_result *result, const summary *s,
                         char text[MB_TEXT_SIZE]) {
    if (s->everywhere == result->seeds)
        snprintf(text, MB_TEXT_SIZE, "all of %g..%g", options->low, options->high);
    else if (s->nowhere == result->seeds)
        snprintf(text, MB_TEXT_SIZE, "none of %g..%g", options->low, options->high);
    else if (s->found < result->seeds)
        snprintf(text, MB_TEXT_SIZE, "%u of %u seeds: %g to %g", s->found, result->seeds, s->least, s->most);
    else if (result->whole)
        snprintf(text, MB_TEXT_SIZE, "%s %g", s->ascending ? "up to" : "from",
                 s->ascending ? s->least : s->most);
    else {
        const mb_estimate level = mb_sample_level(&s->sample);
        char number[MB_TEXT_SIZE];
        mb_format_interval(number, level.value, level.low, level.high);
        snprintf(text, MB_TEXT_SIZE, "%s %.40s", s->ascending ? "up to" : "from", number);
    }
}

static mb_status print_table(const mb_search_options *options, const mb_search_result *result,
                             mb_error *error) {
    mb_sheet sheet = {.text_columns = 1, .columns = 4, .rows = result->policies};
    const char *const heads[] = {"policy", options->key, "seeds", "runs each"};
    if (!mb_sheet_allocate(&sheet)) {
        mb_sheet_deinit(&sheet);
        return mb_fail_memory(error);
    }
    uint32_t wild = 0, partly = 0;
    for (size_t i = 0; i < 4; i++) {
        mb_sheet_put(&sheet, &sheet.heads[i], heads[i]);
        mb_sheet_put(&sheet, &sheet.units[i], "");
    }
    for (size_t policy = 0; policy < result->policies; policy++) {
        const summary s = summarise(result, policy);
        char text[MB_TEXT_SIZE];
        char **cells = &sheet.cells[4 * policy];
        mb_sheet_put(&sheet, &cells[0], label_of(result, policy));
        write_answer(options, result, &s, text);
        mb_sheet_put(&sheet, &cells[1], text);
        snprintf(text, sizeof text, "%u", result->seeds);
        mb_sheet_put(&sheet, &cells[2], text);
        snprintf(text, sizeof text, "%zu", s.runs);
        mb_sheet_put(&sheet, &cells[3], text);
        wild += s.wild;
        partly += s.found && s.found < result->seeds;
    }
    const bool failed = sheet.failed;
    if (!failed) mb_print_sheet(&sheet, stdout, mb_wants_color(stdout));
    mb_sheet_deinit(&sheet);
    if (failed) return mb_fail_memory(error);
    putchar('\n');
    mb_print_wrapped(
        stdout,
        result->whole
            ? "What every seed is content with, by a bisection for each."
            : "Where the SLOs are just met, by a bisection for each seed: the geometric mean of the seeds, "
              "95 % CI.",
        0);
    if (partly)
        mb_print_wrapped(stdout,
                         "warning: some seeds meet the SLOs at every value of the range, or at none: the "
                         "answer is of the others",
                         2);
    if (wild)
        mb_print_wrapped(
            stdout,
            "warning: over this key the measures do not go one way with some seeds (`--format csv` has the "
            "runs): a bisection finds one of several answers",
            2);
    return MB_OK;
}

static const char *end_of(const mb_search_task *task) {
    return task->end == MB_FOUND            ? "found"
           : task->end == MB_MET_EVERYWHERE ? "met everywhere"
                                            : "met nowhere";
}

static void add_csv_text(const char *text) {
    mb_strbuf field = {0};
    mb_add_csv(&field, text);
    if (field.text) fputs(field.text, stdout);
    mb_strbuf_deinit(&field);
}

static void print_csv(const mb_search_options *options, const mb_search_result *result) {
    printf("policy,seed,row,");
    add_csv_text(options->key);
    for (size_t i = 0; i < options->slo_count; i++)
        printf(",%s", mb_measures[options->slos[i].measure].name);
    puts(",met");
    for (size_t policy = 0; policy < result->policies; policy++)
        for (uint32_t seed = 0; seed < result->seeds; seed++) {
            const mb_search_task *task = task_at(result, policy, seed);
            for (size_t i = 0; i <= task->run_count; i++) { // the answer comes last
                const bool run = i < task->run_count;
                add_csv_text(label_of(result, policy));
                printf(",%u,%s,", seed + 1, run ? "run" : end_of(task));
                if (run || task->end == MB_FOUND) printf("%.17g", run ? task->runs[i].at : task->answer);
                for (size_t k = 0; k < options->slo_count; k++) {
                    putchar(',');
                    if (run && !isnan(task->runs[i].values[k])) printf("%.17g", task->runs[i].values[k]);
                }
                printf(",%s\n", !run                       ? task->not_monotone ? "not monotone" : ""
                                : task->runs[i].ratio <= 1 ? "1"
                                                           : "0");
            }
        }
}

static mb_status read_options(const mb_run_arguments *arguments, mb_search_options *options,
                              mb_error *error) {
    if (arguments->slo_count > MB_MOST_SLOS)
        return mb_fail(error, MB_BAD_INPUT, "--slo: at most %d can be given", MB_MOST_SLOS);
    mb_status status = mb_search_range_parse(arguments->overs[0], options, error);
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
    if (status == MB_OK) status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) {
        options.scenario = path;
        mb_stop_on_signals();
        status = mb_search_run(&options, &result, &error);
    }
    if (status == MB_OK && arguments->format == MB_OUTPUT_CSV)
        print_csv(&options, &result);
    else if (status == MB_OK)
        status = print_table(&options, &result, &error);
    mb_search_deinit(&result);
    free(path);
    free(root);
    return status == MB_OK ? 0 : mb_cli_fail(&error);
}

int mb_cmd_search(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_search_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        print_help();
    else if (code == 0)
        code = arguments.tune_count ? mb_tune(&arguments, argc, argv) : search(&arguments);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
