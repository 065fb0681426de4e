// SPDX-License-Identifier: MIT
// What reports and figures are made of: a scenario, which is run.
#pragma once
#include "cli/options.h"
#include "page/page.h"

typedef struct mb_look {
    mb_status (*show)(void *context, const mb_page_section *sections, size_t count, mb_error *error);
    // Now and then while the last of the sections is run, of which `done` runs are over; NULL: nobody looks.
    void (*partly)(void *context, const mb_page_section *sections, size_t count, size_t done);
    void *context;
    size_t own_sets; // of arguments->sets, that are not the user's
    int wanted;      // a measure that is to be there; -1: those that are
} mb_look;

// Run the scenario that arguments->scenario names, and show it. The exit code.
int mb_look_at_scenario(const mb_run_arguments *arguments, const mb_look *look);
