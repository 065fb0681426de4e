// SPDX-License-Identifier: MIT
// One file to share: a scenario with everything that it reads, the options it was run with, and its results
// (docs/results.md, "One file to share").
#pragma once
#include "run/experiment.h"

// A case in a folder of its own, made for it and removed with it.
typedef struct mb_case {
    char *folder;   // below the place for temporary files
    char *home;     // of the project's files: those of the case, and the program's own part in Lua
    char *data;     // what lay in folders of data
    char *scenario; // path
    char *place;    // the current folder that its names are meant from
    char **options; // those of mbsand run; NULL after the last
    size_t option_count;
    char *made_by; // "mbsand 0.1.0 (Lua 5.4)"
    char *results; // as mb_case_results has them
} mb_case;

bool mb_case_is(const char *path);
// Unpack and check. `root`: of the project's files. Release with mb_case_close in any case.
mb_status mb_case_open(mb_case *opened, const char *path, const char *root, const atomic_bool *stop,
                       mb_error *error);
// From here on names mean what they meant where it was packed: changes the current folder and the
// environment.
mb_status mb_case_enter(const mb_case *opened, mb_error *error);
mb_status mb_case_close(mb_case *opened, mb_error *error); // fails where files of it are left

// The sections of a scenario, run to their end; all runs must finish.
typedef struct mb_case_run {
    mb_results *sections; // [count]; owned
    size_t count;
} mb_case_run;
mb_status mb_case_run_all(mb_scenario *scenario, const mb_run_options *options, mb_case_run *run,
                          mb_error *error);
void mb_case_run_deinit(mb_case_run *run);
// The CSV of the results without what a clock measured: equal texts, equal bits. The caller frees it.
mb_status mb_case_results(const mb_case_run *run, char **text, mb_error *error);

typedef struct mb_case_options {
    const char *root;         // of the project's files
    const char *const *words; // options of mbsand run; NULL after the last
    const char *made_by;
    const char *called; // the case, in sentences
} mb_case_options;
// Write what a run rests on into an empty file, and make sure that nothing is missing in it.
mb_status mb_case_pack(const char *file, const mb_scenario *scenario, const mb_case_run *run,
                       const mb_case_options *options, mb_error *error);
// Does every file of the scenario lie in the case? Else a sentence names one that does not.
mb_status mb_case_covers(const mb_case *opened, const mb_scenario *scenario, mb_error *error);
