// SPDX-License-Identifier: MIT
// mbsand show FILE: what a database of results holds.
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/warnings.h"
#include "report/files.h"
#include "report/fitting.h"
#include "report/format.h"
#include "report/runs_csv.h"
#include "report/table.h"
#include "sweep/export.h"
#include "sweep/record.h"
#include "sweep/references.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mb_status print_tables(const mb_stored *stored, mb_output_format format, mb_error *error) {
    mb_status status = MB_OK;
    for (size_t i = 0; i < stored->count && status == MB_OK; i++) {
        if (i) putchar('\n');
        status = format == MB_OUTPUT_MD
                     ? mb_report_markdown(&stored->results[i], stdout, error)
                     : mb_report_table(&stored->results[i], stdout, mb_wants_color(stdout), error);
    }
    return status;
}

static mb_status print(mb_store *store, const mb_stored *stored, mb_output_format format, mb_error *error) {
    if (format == MB_OUTPUT_TABLE || format == MB_OUTPUT_MD) return print_tables(stored, format, error);
    for (size_t i = 0; i < stored->count; i++)
        mb_print_warnings(&stored->results[i]);
    if (format == MB_OUTPUT_CSV) return mb_report_csv(stored->list, stored->count, stdout, error);
    return mb_stored_json(store, stored, stdout, error);
}

static bool has_policy(const mb_stored *stored, const char *label) {
    for (size_t i = 0; i < stored->count; i++)
        for (size_t j = 0; j < stored->sections[i].point_count; j++) {
            const mb_experiment *experiment = &stored->sections[i].points[j].experiment;
            for (size_t p = 0; p < experiment->policy_count; p++)
                if (strcmp(experiment->policies[p].label, label) == 0) return true;
        }
    return false;
}

int mb_show(const char *path, mb_output_format format, const char *baseline, const char *out) {
    mb_store store;
    mb_stored stored = {0};
    mb_error error = {0};
    mb_status status = mb_store_read(&store, path, &error);
    if (status == MB_OK) status = mb_stored_read(&store, &stored, &error);
    if (status == MB_OK) status = mb_references_read(&store, &stored, &error);
    if (status == MB_OK && baseline && !has_policy(&stored, baseline))
        status = mb_fail(&error, MB_BAD_INPUT, "--baseline: no policy in %s is called '%s'", path, baseline);
    for (size_t i = 0; status == MB_OK && i < stored.count; i++)
        stored.results[i].baseline = baseline;
    if (status == MB_OK)
        status = out ? mb_export(&store, &stored, out, &error) : print(&store, &stored, format, &error);
    mb_stored_deinit(&stored);
    mb_store_close(&store);
    return status == MB_OK ? 0 : mb_cli_fail(&error);
}

static void print_help(void) {
    mb_print_help(
        "usage: mbsand show FILE [options]\n\n"
        "Print the results in a database that `mbsand sweep` wrote, also while it is being written.\n\n"
        "      --format FORMAT   table (default), csv, json or md\n"
        "      --baseline NAME   compare every policy with this one\n"
        "      --out DIR         write results.csv, with names and types in results.schema.json (for "
        "Parquet),\n"
        "                        and summary.json into DIR\n"
        "  -h, --help            this text\n\n"
        "It is a file of SQLite; docs/results.md has its tables, and queries that people want.\n");
}

static int parse_format(const char *name, mb_output_format *format) {
    static const char *const names[] = {"table", "csv", "json", "md"};
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (mb_output_format)i;
            return 0;
        }
    return mb_cli_usage("show", "--format: '%s' is unknown; expected table, csv, json or md", name);
}

int mb_cmd_show(int argc, char **argv) {
    enum { FORMAT = MB_OPTION_WORDS, BASELINE, OUT };
    static const struct option options[] = {{"format", required_argument, NULL, FORMAT},
                                            {"baseline", required_argument, NULL, BASELINE},
                                            {"out", required_argument, NULL, OUT},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    mb_output_format format = MB_OUTPUT_TABLE;
    const char *baseline = NULL, *out = NULL;
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') {
            print_help();
            return mb_cli_finish();
        }
        if (option == '?') return mb_cli_wrong_option("show", options, option, argv);
        if (option == BASELINE)
            baseline = optarg;
        else if (option == OUT)
            out = optarg;
        else if (option != FORMAT || parse_format(optarg, &format))
            return 2;
    }
    if (optind + 1 != argc)
        return mb_cli_usage("show", "which database? For example: mbsand show results.db");
    const int code = mb_show(argv[optind], format, baseline, out);
    const int written = mb_cli_finish();
    return code ? code : written;
}
