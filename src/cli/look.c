// SPDX-License-Identifier: MIT
#include "cli/look.h"

#include "cli/commands.h"
#include "cli/enter.h"
#include "cli/warnings.h"
#include "sweep/record.h"
#include "sweep/references.h"
#include "sweep/tune_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int look_at_database(const mb_run_arguments *arguments, const mb_look *look) {
    if (arguments->policy_count || arguments->set_count > look->own_sets || arguments->over_count ||
        arguments->seeds || arguments->has_seed || arguments->only || arguments->bound || arguments->stepwise)
        return mb_cli_usage(arguments->verb,
                            "%s holds results, which nothing can change: of the options that are given, only "
                            "-o, --baseline and -q are for it",
                            arguments->scenario);
    mb_store store;
    mb_stored stored = {0};
    mb_error error = {0};
    mb_status status = mb_store_read(&store, arguments->scenario, &error);
    if (status == MB_OK) status = mb_stored_read(&store, &stored, &error);
    if (status == MB_OK) status = mb_references_read(&store, &stored, &error);
    int tuned = -1;
    if (status == MB_OK) status = mb_tune_store_measure(&store, &tuned, &error);
    mb_page_section *sections = calloc(stored.count + 1, sizeof *sections);
    if (status == MB_OK && !sections) status = mb_fail_memory(&error);
    for (size_t i = 0; i < stored.count && status == MB_OK; i++) {
        stored.results[i].baseline = arguments->baseline;
        sections[i].results = &stored.results[i];
        mb_print_warnings(&stored.results[i]);
    }
    if (sections && tuned >= 0) {
        sections[0].tuned = mb_measures[tuned].name;
        sections[0].least_served = MB_TUNE_LEAST_SERVED;
    }
    if (status == MB_OK) status = look->show(look->context, sections, stored.count, &error);
    free(sections);
    mb_stored_deinit(&stored);
    mb_store_close(&store);
    return status == MB_OK ? 0 : mb_cli_fail(&error);
}

// Both are SQLite's; a case has a name of its own.
static bool is_database(const char *path) {
    const size_t length = strlen(path);
    return mb_case_is(path) && (length < 4 || strcmp(path + length - 4, ".mbs") != 0);
}

int mb_look_at(mb_run_arguments *arguments, const mb_look *look, int argc, char **argv) {
    mb_entered entered = {0};
    int code = 0;
    const bool stored = is_database(arguments->scenario);
    if (!stored && mb_case_is(arguments->scenario)) code = mb_enter_case(&entered, arguments, argc, argv);
    if (code == 0) code = stored ? look_at_database(arguments, look) : mb_look_at_scenario(arguments, look);
    mb_leave_case(&entered);
    return code;
}
