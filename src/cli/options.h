// SPDX-License-Identifier: MIT
// Options of `mbsand run`, `sweep`, `search`, `explain`, `pack`, `report` and `verify`.
#pragma once
#include "base/error.h"
#include "scenario/scenario.h"

typedef enum mb_output_format {
    MB_OUTPUT_TABLE,
    MB_OUTPUT_CSV,
    MB_OUTPUT_JSON,
    MB_OUTPUT_MD
} mb_output_format;

typedef struct mb_run_arguments {
    const char *verb;
    const char *scenario, *model_file;                                  // the second: of --live, or NULL
    const char **policies, **sets, **overs, **slos, **tunes, **asserts; // arrays owned, strings are argv's
    size_t policy_count, set_count, over_count, slo_count, tune_count, assert_count;
    uint32_t seeds;
    uint64_t seed;
    bool has_seed, stepwise, quiet, help, control, bound, watch, resolved;
    bool no_walls; // policies run without run/walls.h
    unsigned threads;
    const char *only;       // names, or NULL
    const char *db;         // of a sweep
    const char *output;     // of a pack
    uint32_t shard, shards; // of a sweep: part number `shard`, from 0
    const char *out;
    uint32_t section;      // of an explanation: which of the file's, from 1; 0: not given
    const char *live;      // a backend, or NULL
    const char *baseline;  // a policy's label, or NULL
    double pause_s;        // --pause-at
    double tolerance;      // of a search, as a share
    int measure;           // of an explanation: number of e2e, ttft, tbt
    const char *objective; // --measure as it was given, of a tuning; or NULL
    size_t runs;           // of a tuning, at most; 0: not given
    uint32_t fresh;        // its seeds to judge by; 0: not given
    double until;          // --until, as a share; 0: not given
    int until_measure;     // -1: the first of the verdict's
    uint32_t max_seeds;    // 0: not given
    unsigned dump;         // MB_DUMP_* of report/dump.h
    bool plot;             // draw in the terminal
    const char *figure;    // its kind, of a plot
    const char *timeline;  // a file, or NULL
    bool window;           // --timeline-window was given
    double from_s, to_s;   // it, or all the time
    mb_output_format format;
    mb_limits limits;
} mb_run_arguments;

// The changes to the scenario that they ask for.
mb_overrides mb_run_overrides(const mb_run_arguments *arguments);

// 0, or the exit code after a sentence on standard error. Release with mb_run_arguments_deinit in any case.
int mb_run_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_sweep_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_pack_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_repl_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_show_scenario_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_plot_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_report_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_verify_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_search_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
int mb_explain_arguments_parse(int argc, char **argv, mb_run_arguments *arguments);
void mb_run_arguments_deinit(mb_run_arguments *arguments);
void mb_run_arguments_help(void);
void mb_sweep_arguments_help(void);
void mb_pack_arguments_help(void);
void mb_verify_arguments_help(void);
void mb_report_arguments_help(void);
void mb_plot_arguments_help(void);
