// SPDX-License-Identifier: MIT
// mbsand playground: the page in a browser, from this machine to itself.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/serve.h"
#include "cli/stop.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 8765 };

// What `make playground` makes.
static const char *const FILES[] = {"index.html", "playground.css", "begin.js",  "playground.js", "worker.js",
                                    "core.js",    "core.wasm",      "core.data", "licences.txt",  NULL};

static void print_help(void) {
    mb_cli_say(
        stdout,
        "usage: mbsand playground [--port N]\n\n"
        "Serve a page with an editor for policies, scenarios and their charts, which runs in the browser\n"
        "alone. Nobody but this machine can open it. `make playground` makes its files, which any server of\n"
        "files can hand out. Ctrl-C ends it.\n\n"
        "  --port N    of 127.0.0.1 (default %d; 0: one that is free)\n"
        "  -h, --help  this text\n",
        PORT);
}

// Beside the scripts where they are installed, in build/ of a checkout. NULL: it was not made.
static char *find_folder(const char *root) {
    static const char *const places[] = {"playground", "build/playground"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *folder = mb_paths_join(root, places[i]);
        bool whole = folder != NULL;
        for (const char *const *name = FILES; whole && *name; name++) {
            char *path = mb_paths_join(folder, *name);
            whole = path && mb_paths_is_file(path);
            free(path);
        }
        if (whole) return folder;
        free(folder);
    }
    return NULL;
}

static mb_status serve(uint16_t port, mb_error *error) {
    char *root = NULL;
    int listener;
    mb_status status = mb_paths_root(&root, error);
    if (status != MB_OK) return status;
    char *folder = find_folder(root);
    if (!folder)
        status =
            mb_fail(error, MB_FAILED,
                    "the page was not made with this program: `make playground` makes it, in %s/build", root);
    else
        status = mb_serve_open(&port, &listener, error);
    if (status == MB_OK) {
        mb_stop_on_signals();
        printf("http://127.0.0.1:%u/\n", (unsigned)port);
        fflush(stdout);
        status = mb_serve(listener, folder, FILES, mb_stop_flag(), error);
    }
    free(folder);
    free(root);
    return status;
}

int mb_cmd_playground(int argc, char **argv) {
    static const struct option options[] = {{"port", required_argument, NULL, MB_OPTION_WORDS},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    uint16_t port = PORT;
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        char *end = NULL;
        const long number = option == MB_OPTION_WORDS ? strtol(optarg, &end, 10) : 0;
        if (option == 'h') {
            print_help();
            return mb_cli_finish();
        }
        if (option != MB_OPTION_WORDS) return mb_cli_wrong_option("playground", options, option, argv);
        if (!*optarg || *end || number < 0 || number > 65535)
            return mb_cli_usage("playground", "--port: '%s' is not a whole number from 0 to 65535", optarg);
        port = (uint16_t)number;
    }
    if (optind != argc) return mb_cli_usage("playground", "playground takes no '%s'", argv[optind]);
    mb_error error = {0};
    return serve(port, &error) == MB_OK ? mb_cli_finish() : mb_cli_fail(&error);
}
