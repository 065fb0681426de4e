// SPDX-License-Identifier: MIT
// Who looks on while the jobs of a run go: dumps, and the timeline.
#pragma once
#include "cli/options.h"
#include "page/gather.h"
#include "run/pool.h"
#include "tracks/file.h"

#include <stdatomic.h>

typedef struct mb_watch {
    const mb_run_arguments *arguments;
    mb_scenario *scenario;
    size_t section;        // the one that runs
    char *dump_dir;        // of it
    atomic_bool cut_dumps; // some run that was dumped did not come to its end
    mb_tracks_file tracks; // where a timeline is wanted
    mb_gathered gathered;  // of the section, for --plot
    size_t first_process;  // of the section
    size_t skipped;        // points and seeds that the timeline leaves out
    atomic_bool cut_tracks;
} mb_watch;

// Release with mb_watch_close, also after a failure.
mb_status mb_watch_open(mb_watch *watch, const mb_run_arguments *arguments, mb_scenario *scenario,
                        mb_error *error);
// The jobs of this section run next: fills options->observer where anybody looks on.
mb_status mb_watch_section(mb_watch *watch, size_t section, mb_run_options *options, mb_error *error);
// They have run.
void mb_watch_ran(mb_watch *watch, const mb_results *results);
// All sections have: what was gathered is written, and what is not whole is told.
mb_status mb_watch_finish(mb_watch *watch, mb_error *error);
void mb_watch_close(mb_watch *watch);
