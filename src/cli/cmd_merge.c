// SPDX-License-Identifier: MIT
// mbsand merge INTO PART...: what several machines ran, in one database.
#include "cli/commands.h"
#include "report/fitting.h"
#include "sweep/merge.h"

#include <getopt.h>
#include <stdio.h>

static void print_help(void) {
    mb_print_help(
        "usage: mbsand merge INTO.db PART.db...\n\n"
        "Add the runs of the parts of a sweep (`mbsand sweep --shard I/N`) to one database, which is made "
        "where\n"
        "there is none. All must be of the same command and the same texts. What is still missing, the "
        "sweep's\n"
        "command without --shard runs.\n\n"
        "  -h, --help   this text\n");
}

int mb_cmd_merge(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    const int option = getopt_long(argc, argv, "h", options, NULL);
    if (option == 'h') {
        print_help();
        return mb_cli_finish();
    }
    if (option != -1) return mb_cli_wrong_option("merge", options, option, argv);
    if (optind + 2 > argc)
        return mb_cli_usage("merge", "which databases? For example: mbsand merge all.db part-1.db part-2.db");
    size_t added = 0, missing = 0;
    mb_error error = {0};
    if (mb_merge(argv[optind], argv + optind + 1, (size_t)(argc - optind - 1), &added, &missing, &error) !=
        MB_OK)
        return mb_cli_fail(&error);
    mb_cli_say(stderr, "mbsand: %zu runs were added to %s", added, argv[optind]);
    if (missing) fprintf(stderr, "; %zu are still missing", missing);
    fputc('\n', stderr);
    return 0;
}
