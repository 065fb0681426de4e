// SPDX-License-Identifier: MIT
// One function per verb. argv[0] is the verb; the result is the exit code: 0 done, 1 failed, 2 wrong command
// or input.
#pragma once
#include "base/error.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

typedef struct mb_verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} mb_verb;

// mbsand help WORD...: where something is said of it.
int mb_help(const mb_verb *verbs, size_t count, int argc, char **argv);
// mbsand complete: words that may come next, of these verbs and others.
int mb_complete(const mb_verb *verbs, size_t count, int argc, char **argv);

int mb_cmd_run(int argc, char **argv);
int mb_cmd_sweep(int argc, char **argv);
int mb_cmd_search(int argc, char **argv);
int mb_cmd_explain(int argc, char **argv);
int mb_cmd_show(int argc, char **argv);
int mb_cmd_show_scenario(int argc, char **argv);
int mb_cmd_plot(int argc, char **argv);
int mb_cmd_report(int argc, char **argv);
int mb_cmd_compare(int argc, char **argv);
int mb_cmd_merge(int argc, char **argv);
int mb_cmd_pack(int argc, char **argv);
int mb_cmd_verify(int argc, char **argv);
int mb_cmd_plan(int argc, char **argv);
int mb_cmd_fit(int argc, char **argv);
int mb_cmd_probe(int argc, char **argv);
int mb_cmd_list(int argc, char **argv);
int mb_cmd_check(int argc, char **argv);
int mb_cmd_test(int argc, char **argv);
int mb_cmd_repl(int argc, char **argv);
int mb_cmd_new(int argc, char **argv);
int mb_cmd_init(int argc, char **argv);
int mb_cmd_playground(int argc, char **argv);

// Print "mbsand: SENTENCE" and the traceback, if any, on standard error; the exit code of the error.
int mb_cli_fail(const mb_error *error);
// The same for a mistake in the command line, with a hint at --help.
int mb_cli_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The numbers of a verb's options without a letter begin here: behind the letters, so that none is mistaken
// for one.
enum { MB_OPTION_WORDS = 256 };
// What getopt_long, with opterr 0, did not take: '?' or ':', of these options.
int mb_cli_wrong_option(const char *verb, const struct option *options, int found, char **argv);
// Text of a file or a script on standard output: one line, without what would steer a terminal.
void mb_cli_put(const char *text);
// The same of what is made of such texts: lines, on standard output or standard error.
void mb_cli_say(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Flush standard output and say so if it could not be written; the exit code.
int mb_cli_finish(void);

// What mbsand fit --tables writes: the steps of a probe's log as a folder for latency.profile, and how many.
enum { MB_CLI_TABLES = 3 };
extern const char *const mb_cli_tables[MB_CLI_TABLES]; // the files' names
mb_status mb_cli_tabulate(const char *path, const char *folder, size_t *steps, mb_error *error);
