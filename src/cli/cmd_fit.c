// SPDX-License-Identifier: MIT
// mbsand fit: fit a law to measured times, and show where it is wrong.
#include "base/paths.h"
#include "cli/commands.h"
#include "fit/file.h"
#include "fit/tables.h"
#include "report/files.h"
#include "report/fitting.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: mbsand fit FILE.csv [options]\n"
    "       mbsand fit --from-vllm-log | --from-sglang-log LOG [options]\n"
    "\n"
    "Fit a law to measured times, and show how far it is from them. - reads standard input.\n"
    "The file's header says which law:\n"
    "\n"
    "  a grid      batch_size, max_seq_len (tokens, prompt + output), mean_latency_sec\n"
    "              latency.batch: T(b, L) = alpha + beta L (1 + gamma (b - 1) / b)\n"
    "  a step log  tokens (computed by the step), context (read by its decodes), time_s\n"
    "              and, if known, requests (rows of the step)\n"
    "              latency.step: t = base + per_token T + per_context K + per_request B\n"
    "\n"
    "  --from-vllm-log  the file is what vLLM 0.27 or later printed from its start on, with\n"
    "                   --enable-logging-iteration-details\n"
    "  --from-sglang-log  the file is what SGLang printed: steps of decodes, and of prompts\n"
    "                   where SGLANG_LOG_FORWARD_ITERS=1 numbers them\n"
    "  --absolute       least squares on seconds; the default is on relative errors,\n"
    "                   so that short times count as much as long ones\n"
    "  --format FORMAT  table (default), json, csv (one row per time) or md\n"
    "  --split          of a step log: steps with prompts get coefficients of their own\n"
    "  --keep-all       of a step log: also fit the steps whose times stand out from all\n"
    "                   others (a cold start, a wrong stamp), which are left out and named\n"
    "  --tables DIR     of a probe's log of steps: no law, but the steps themselves as tables,\n"
    "                   for latency.profile \"DIR\" { layers = 1 }\n"
    "  --plot FILE.svg  draw fitted against measured times\n"
    "  -o, --output FILE  also write the law as a Lua table, for latency.batch(dofile \"FILE\")\n"
    "                   or latency.step(dofile \"FILE\"); - writes it to standard output\n"
    "                   in place of the report\n"
    "  --help           this text\n";

enum { FORMATS = 4 };

static const char *const FORMAT_NAMES[FORMATS] = {
    [MB_FIT_AS_TABLE] = "table", [MB_FIT_AS_JSON] = "json", [MB_FIT_AS_CSV] = "csv", [MB_FIT_AS_MD] = "md"};

typedef struct options {
    const char *file, *plot, *output, *tables; // the last three: NULL where not asked for
    mb_step_fit_how how;
    mb_fit_format format;
    mb_server server;
    bool help;
} options;

static mb_status parse_format(const char *name, mb_fit_format *chosen, mb_error *error) {
    for (int i = 0; i < FORMATS; i++) {
        if (strcmp(name, FORMAT_NAMES[i]) != 0) continue;
        *chosen = (mb_fit_format)i;
        return MB_OK;
    }
    const char *near = mb_nearest_word(name, FORMAT_NAMES, FORMATS);
    return mb_fail(error, MB_BAD_INPUT, "fit: no format '%s'; %s%s%sthere are table, json, csv and md", name,
                   near ? "did you mean " : "", near ? near : "", near ? "? " : "");
}

enum { ABSOLUTE = MB_OPTION_WORDS, FORMAT, PLOT, SPLIT, KEEP_ALL, FROM_VLLM_LOG, TABLES, FROM_SGLANG_LOG };

static int parse_options(int argc, char **argv, options *o) {
    mb_error error;
    static const struct option LONG[] = {{"absolute", no_argument, NULL, ABSOLUTE},
                                         {"format", required_argument, NULL, FORMAT},
                                         {"output", required_argument, NULL, 'o'},
                                         {"plot", required_argument, NULL, PLOT},
                                         {"split", no_argument, NULL, SPLIT},
                                         {"keep-all", no_argument, NULL, KEEP_ALL},
                                         {"help", no_argument, NULL, 'h'},
                                         {"from-vllm-log", no_argument, NULL, FROM_VLLM_LOG},
                                         {"tables", required_argument, NULL, TABLES},
                                         {"from-sglang-log", no_argument, NULL, FROM_SGLANG_LOG},
                                         {0}};
    *o = (options){.how.weight = MB_FIT_RELATIVE};
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":o:h", LONG, NULL)) != -1;) {
        mb_status status = MB_OK;
        switch (c) {
        case ABSOLUTE:
            o->how.weight = MB_FIT_ABSOLUTE;
            break;
        case FORMAT:
            status = parse_format(optarg, &o->format, &error);
            break;
        case 'o':
            o->output = optarg;
            break;
        case PLOT:
            o->plot = optarg;
            break;
        case TABLES:
            o->tables = optarg;
            break;
        case SPLIT:
            o->how.split = true;
            break;
        case KEEP_ALL:
            o->how.keep_all = true;
            break;
        case FROM_VLLM_LOG:
            o->server = MB_SERVER_VLLM;
            break;
        case FROM_SGLANG_LOG:
            o->server = MB_SERVER_SGLANG;
            break;
        case 'h':
            o->help = true;
            return 0;
        default:
            return mb_cli_wrong_option("fit", LONG, c, argv);
        }
        if (status) return mb_cli_fail(&error);
    }
    if (optind == argc) return mb_cli_usage("fit", "which file? Usage: mbsand fit FILE.csv");
    if (argc - optind > 1) return mb_cli_usage("fit", "one file at a time; what is '%s'?", argv[optind + 1]);
    o->file = argv[optind];
    return 0;
}

static mb_status print(const mb_strbuf *text, bool fitting, mb_error *error) {
    errno = 0;
    if (fitting)
        mb_print_fitting(stdout, text->text);
    else
        fwrite(text->text, 1, text->length, stdout);
    if (fflush(stdout) == 0 && !ferror(stdout)) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write to standard output: %s", strerror(errno));
}

static mb_status deliver(const options *o, const mb_fit_texts *texts, mb_error *error) {
    const bool lua_to_stdout = o->output && strcmp(o->output, "-") == 0;
    mb_status status = MB_OK;
    if (o->plot) status = mb_output_text(o->plot, &texts->picture, error);
    if (texts->note.text) mb_cli_say(stderr, "mbsand: warning: %s: %s\n", o->file, texts->note.text);
    if (!status && o->output && !lua_to_stdout) status = mb_output_text(o->output, &texts->lua, error);
    return status ? status
                  : print(lua_to_stdout ? &texts->lua : &texts->report,
                          !lua_to_stdout && o->format == MB_FIT_AS_TABLE, error);
}

static mb_status fit(const options *o, mb_error *error) {
    mb_fit_texts texts = {0};
    const mb_fit_choices choices = {o->how, o->format, o->plot != NULL, o->server};
    const bool piped = strcmp(o->file, "-") == 0;
    mb_status status = mb_fit_file(piped ? "/dev/stdin" : o->file, o->file, &choices, &texts, error);
    if (!status) status = deliver(o, &texts, error);
    mb_fit_texts_deinit(&texts);
    return status;
}

const char *const mb_cli_tables[MB_CLI_TABLES] = {"dense.csv", "per_sequence.csv", "attention.csv"};

mb_status mb_cli_tabulate(const char *path, const char *folder, size_t *steps, mb_error *error) {
    mb_step_tables tables;
    mb_status status = mb_step_tables_read(path, &tables, error);
    const mb_strbuf *const texts[MB_CLI_TABLES] = {&tables.dense, &tables.sequence, &tables.attention};
    if (!status) status = mb_output_dir(folder, error);
    for (size_t i = 0; i < MB_CLI_TABLES && !status; i++) {
        char *file = mb_paths_join(folder, mb_cli_tables[i]);
        status = file ? mb_output_text(file, texts[i], error) : mb_fail_memory(error);
        free(file);
    }
    *steps = tables.steps;
    mb_step_tables_deinit(&tables);
    return status;
}

static mb_status tabulate(const options *o, mb_error *error) {
    if (o->plot || o->output || o->server || o->format != MB_FIT_AS_TABLE)
        return mb_fail(error, MB_BAD_INPUT,
                       "fit: --tables fits no law, so there is nothing to draw or print of it");
    size_t steps;
    const mb_status status =
        mb_cli_tabulate(strcmp(o->file, "-") == 0 ? "/dev/stdin" : o->file, o->tables, &steps, error);
    if (!status)
        printf("%zu steps are in %s; next: latency = latency.profile \"%s\" { layers = 1 }\n", steps,
               o->tables, o->tables);
    return status;
}

int mb_cmd_fit(int argc, char **argv) {
    options o;
    mb_error error;
    const int code = parse_options(argc, argv, &o);
    if (code) return code;
    if (!o.help)
        return (o.tables ? tabulate(&o, &error) : fit(&o, &error)) ? mb_cli_fail(&error) : mb_cli_finish();
    mb_print_help(HELP);
    if (fflush(stdout) == 0) return MB_OK;
    mb_fail(&error, MB_FAILED, "cannot write to standard output: %s", strerror(errno));
    return mb_cli_fail(&error);
}
