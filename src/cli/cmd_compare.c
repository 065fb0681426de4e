// SPDX-License-Identifier: MIT
// mbsand compare A B: two databases of results side by side.
#include "cli/commands.h"
#include "report/fitting.h"
#include "report/format.h"
#include "sweep/compare.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void print_help(void) {
    mb_print_help(
        "usage: mbsand compare A.db B.db [options]\n\n"
        "Two databases of results side by side: what differs between what they rest on, and each policy at "
        "each\n"
        "point that both have, paired by seed, with 95 % intervals. Of two versions of a policy, of "
        "mbsand, of\n"
        "anything.\n\n"
        "      --format FORMAT   table (default), md, or csv: every measure\n"
        "  -h, --help            this text\n");
}

int mb_cmd_compare(int argc, char **argv) {
    static const struct option options[] = {{"format", required_argument, NULL, MB_OPTION_WORDS},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static const char *const names[] = {"table", "csv", "md"};
    mb_compare_format format = MB_COMPARE_TABLE;
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') {
            print_help();
            return mb_cli_finish();
        }
        if (option != MB_OPTION_WORDS) return mb_cli_wrong_option("compare", options, option, argv);
        size_t at = 0;
        while (at < 3 && strcmp(names[at], optarg) != 0)
            at++;
        if (at == 3)
            return mb_cli_usage("compare", "--format: '%s' is unknown; expected table, csv or md", optarg);
        format = (mb_compare_format)at;
    }
    if (optind + 2 != argc)
        return mb_cli_usage("compare", "which two databases? For example: mbsand compare before.db after.db");
    mb_error error = {0};
    const mb_status status =
        mb_compare_stores(argv[optind], argv[optind + 1], format, mb_wants_color(stdout), stdout, &error);
    const int written = mb_cli_finish();
    return status == MB_OK ? written : mb_cli_fail(&error);
}
