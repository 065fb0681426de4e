// SPDX-License-Identifier: MIT
// mbsand probe: time a model's shapes on this machine.
#include "base/lists.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/stop.h"
#include "probe/gguf.h"
#include "probe/measure.h"
#include "report/fitting.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEED = 42 }; // of random weights

typedef struct options {
    const char *model, *model_file, *write_model, *backend, *precision, *output;
    mb_probe_grid grid;
    mb_list batches, lengths;
    uint32_t trials;
    double budget_s;
    bool check, quiet, help;
} options;

static void print_help(void) {
    mb_print_help(
        "usage: mbsand probe --model MODEL -o FILE.csv [options]\n"
        "       mbsand probe --backend llama --model-file M.gguf -o FILE.csv [options]\n"
        "       mbsand probe --model MODEL --write-model M.gguf\n\n"
        "Time a model's layers, with random weights, on this machine: times depend on shapes, not on "
        "weights. The file is what\n"
        "`mbsand fit` reads. A run that was interrupted goes on where it ended.\n\n"
        "      --model MODEL        a bundled model (`mbsand list models`), a config.json, or its folder\n"
        "      --backend B          cuda (default; a plugin, `make probe`), cpu, or llama: whole steps of "
        "llama.cpp\n"
        "                           (a plugin, `make probe-llama`)\n"
        "      --model-file FILE    what llama.cpp runs, a GGUF\n"
        "      --write-model FILE   write such a file with the shapes of --model and random weights; no "
        "measuring\n"
        "      --grid G             steps (default): a log of steps, for latency.step;\n"
        "                           batches: whole batches by size and length, for latency.batch;\n"
        "                           profile: a folder of operator tables, for latency.profile\n"
        "      --batch LIST         requests at once (1..8,10,12,16,24,32,48,64,96,128: kernels change "
        "between powers of two)\n"
        "      --seq LIST           tokens of a request (128,512,2048,8192)\n"
        "      --trials N           of each cell, after one that does not count (5)\n"
        "      --precision P        bf16 or fp16 (cuda), fp32 (cpu)\n"
        "      --budget SECONDS     stop after that long; a cell that would not end in time is left for "
        "later\n"
        "      --check              no file: one layer times the layers against all layers, for a few steps\n"
        "  -o, --output FILE        a CSV, or the folder of a profile\n"
        "  -q, --quiet              no progress\n"
        "  -h, --help\n\n"
        "Try: mbsand probe --model qwen3-0.6b --backend cpu --batch 1,4 --seq 16,64 --budget 60 -o "
        "steps.csv\n");
}

// --- options
// ---------------------------------------------------------------------------------------------------

static int read_list(const char *option, const char *text, uint64_t most, mb_list *list) {
    bool good = mb_list_parse(text, list);
    for (size_t i = 0; good && i < list->count; i++)
        good = list->values[i] <= most && (i == 0 || list->values[i] > list->values[i - 1]);
    if (good) return 0;
    return mb_cli_usage("probe",
                        "%s: '%s' is not an ascending list such as 1,2,4 or 128..2048:x2, up to %llu", option,
                        text, (unsigned long long)most);
}

static int read_number(const char *option, const char *text, double least, double most, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && *value >= least && *value <= most) return 0;
    return mb_cli_usage("probe", "%s: '%s' is not a number from %g to %g", option, text, least, most);
}

static int read_grid(mb_probe_grid *grid) {
    static const char *const names[] = {
        [MB_PROBE_STEPS] = "steps", [MB_PROBE_PROFILE] = "profile", [MB_PROBE_BATCHES] = "batches"};
    for (int i = 0; i < 3; i++)
        if (strcmp(optarg, names[i]) == 0) {
            *grid = (mb_probe_grid)i;
            return 0;
        }
    return mb_cli_usage("probe", "--grid: '%s' is unknown; expected steps, profile or batches", optarg);
}

enum {
    MODEL = MB_OPTION_WORDS,
    BACKEND,
    MODEL_FILE,
    WRITE_MODEL,
    GRID,
    BATCH,
    SEQ,
    TRIALS,
    PRECISION,
    BUDGET,
    CHECK
};

static int take(options *o, int option) {
    double number;
    int code = 0;
    switch (option) {
    case MODEL:
        o->model = optarg;
        break;
    case BACKEND:
        o->backend = optarg;
        break;
    case MODEL_FILE:
        o->model_file = optarg;
        break;
    case WRITE_MODEL:
        o->write_model = optarg;
        break;
    case PRECISION:
        o->precision = optarg;
        break;
    case 'o':
        o->output = optarg;
        break;
    case GRID:
        code = read_grid(&o->grid);
        break;
    case BATCH:
        code = read_list("--batch", optarg, 65536, &o->batches);
        break;
    case SEQ:
        code = read_list("--seq", optarg, 1 << 20, &o->lengths);
        break;
    case TRIALS:
        code = read_number("--trials", optarg, 1, 10000, &number);
        if (!code) o->trials = (uint32_t)number;
        break;
    case BUDGET:
        code = read_number("--budget", optarg, 0.001, 1e7, &o->budget_s);
        break;
    case CHECK:
        o->check = true;
        break;
    case 'q':
        o->quiet = true;
        break;
    default:
        o->help = true;
    }
    return code;
}

static int check_options(const options *o) {
    const bool llama = strcmp(o->backend, "llama") == 0 && !o->write_model;
    if (llama && !o->model_file)
        return mb_cli_usage("probe", "which model? llama.cpp runs a file: give --model-file M.gguf "
                                     "(--write-model makes one)");
    if (llama && (o->model || o->precision))
        return mb_cli_usage("probe", "--backend llama takes model and precision from --model-file");
    if (llama && (o->check || o->grid == MB_PROBE_PROFILE))
        return mb_cli_usage("probe",
                            "llama.cpp runs whole steps: no --check and no --grid profile of its operators");
    if (!llama && o->model_file) return mb_cli_usage("probe", "--model-file is for --backend llama");
    if (!llama && !o->model)
        return mb_cli_usage("probe", "which model? Give --model NAME (`mbsand list models`)");
    if (!o->output && !o->check && !o->write_model)
        return mb_cli_usage("probe", "where to? Give -o FILE.csv");
    return 0;
}

static int parse(int argc, char **argv, options *o) {
    static const struct option LONG[] = {{"model", required_argument, NULL, MODEL},
                                         {"backend", required_argument, NULL, BACKEND},
                                         {"model-file", required_argument, NULL, MODEL_FILE},
                                         {"write-model", required_argument, NULL, WRITE_MODEL},
                                         {"grid", required_argument, NULL, GRID},
                                         {"batch", required_argument, NULL, BATCH},
                                         {"seq", required_argument, NULL, SEQ},
                                         {"trials", required_argument, NULL, TRIALS},
                                         {"precision", required_argument, NULL, PRECISION},
                                         {"budget", required_argument, NULL, BUDGET},
                                         {"check", no_argument, NULL, CHECK},
                                         {"output", required_argument, NULL, 'o'},
                                         {"quiet", no_argument, NULL, 'q'},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    *o = (options){.backend = "cuda", .trials = 5, .budget_s = INFINITY};
    if (!mb_list_parse("1..8,10,12,16,24,32,48,64,96,128", &o->batches) ||
        !mb_list_parse("128..8192:x4", &o->lengths))
        return mb_cli_usage("probe", "out of memory");
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":o:qh", LONG, NULL)) != -1;) {
        if (option == ':' || option == '?') return mb_cli_wrong_option("probe", LONG, option, argv);
        const int code = take(o, option);
        if (code || o->help) return code;
    }
    if (optind < argc)
        return mb_cli_usage("probe", "what is '%s'? Everything is an option here", argv[optind]);
    return check_options(o);
}

// --- running
// ---------------------------------------------------------------------------------------------------

static void print_summary(const options *o, const mb_probe_summary *s, uint32_t layers) {
    mb_cli_say(stdout, "%s\n", s->device);
    if (*s->note) mb_cli_say(stdout, "note: %s\n", s->note);
    mb_cli_say(stdout, "%zu cells measured in %.1f s", s->measured, s->seconds);
    if (s->known) printf(", %zu were in %s already", s->known, o->output);
    if (s->skipped) printf(", %zu left out: more KV memory than the device has", s->skipped);
    if (s->complete && o->grid == MB_PROBE_PROFILE)
        mb_cli_say(stdout, "\n%s is complete; next: latency = latency.profile \"%s\" { layers = %u }\n",
                   o->output, o->output, layers);
    else if (s->complete)
        mb_cli_say(stdout, "\n%s is complete; next: mbsand fit %s\n", o->output, o->output);
    else
        mb_cli_say(stdout, "\n%zu cells are still to be measured; the same command goes on\n",
                   s->cells - s->skipped - s->known - s->measured);
}

static mb_status narrow(const mb_list *list, uint32_t **values, mb_error *error) {
    *values = malloc(list->count * sizeof **values);
    if (!*values) return mb_fail_memory(error);
    for (size_t i = 0; i < list->count; i++)
        (*values)[i] = (uint32_t)list->values[i];
    return MB_OK;
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static mb_status measure(const options *o, const mb_probe_backend *backend, const mb_model_config *model,
                         int *code, mb_error *error) {
    uint32_t *batches = NULL, *lengths = NULL;
    mb_status status = narrow(&o->batches, &batches, error);
    if (!status) status = narrow(&o->lengths, &lengths, error);
    const mb_probe_task task = {.backend = backend,
                                .subject = {.model = model, .file = o->model_file},
                                .name = o->model_file ? name_of(o->model_file) : model->name,
                                .precision = o->precision,
                                .grid = o->grid,
                                .batches = batches,
                                .batch_count = o->batches.count,
                                .lengths = lengths,
                                .length_count = o->lengths.count,
                                .trials = o->trials,
                                .budget_s = o->budget_s,
                                .seed = SEED,
                                .path = o->output,
                                .stop = mb_stop_flag(),
                                .progress = o->quiet || !isatty(STDERR_FILENO) ? NULL : stderr};
    mb_probe_summary summary;
    if (!status && o->grid == MB_PROBE_PROFILE)
        status = mb_probe_measure_profile(&task, &summary, error);
    else if (!status)
        status = mb_probe_measure(&task, &summary, error);
    if (!status) print_summary(o, &summary, model->layers);
    if (!status && atomic_load(mb_stop_flag())) *code = 1;
    free(batches);
    free(lengths);
    return status;
}

// A layer's time x layers against all layers with weights of their own.
static mb_status check(const options *o, const mb_probe_backend *backend, const mb_model_config *model,
                       mb_error *error) {
    static const mb_probe_step steps[] = {
        {.decodes = 1, .context = 128}, {.decodes = 8, .context = 512}, {.chunks = 1, .chunk = 128}};
    const mb_probe_limits limits = {.tokens = 128, .rows = 8, .kv_tokens = 8 * 544};
    mb_probe_session *one = NULL, *all = NULL;
    const mb_probe_subject subject = {.model = model};
    mb_status status = mb_probe_session_open(backend, &subject, o->precision, 1, &limits, SEED, &one, error);
    if (!status)
        status =
            mb_probe_session_open(backend, &subject, o->precision, model->layers, &limits, SEED, &all, error);
    if (!status)
        printf("step                          a layer x %-3u + head       all layers\n", model->layers);
    fflush(stdout); // line by line, also into a file: a signal ends a check
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !status; i++) {
        double sampled = INFINITY, whole = INFINITY;
        for (uint32_t trial = 0; trial <= o->trials && !status; trial++) {
            double a = 0, b = 0;
            status = mb_probe_session_time(one, &steps[i], &a, error);
            if (!status) status = mb_probe_session_time_all(all, &steps[i], &b, error);
            sampled = fmin(sampled, a);
            whole = fmin(whole, b);
        }
        if (!status)
            printf("%3u decodes, %3u prompt tokens  %17.3f ms  %13.3f ms  %+.1f %%\n", steps[i].decodes,
                   steps[i].chunk, 1e3 * sampled, 1e3 * whole, 100 * (sampled / whole - 1));
        fflush(stdout);
    }
    mb_probe_session_close(one);
    mb_probe_session_close(all);
    return status;
}

static mb_status write_model(const options *o, const mb_model_config *model, mb_error *error) {
    const mb_status status = mb_gguf_write(o->write_model, model, SEED, error);
    if (!status)
        mb_cli_say(
            stdout,
            "%s: %s with random weights; next: mbsand probe --backend llama --model-file %s -o steps.csv\n",
            o->write_model, model->name, o->write_model);
    return status;
}

static mb_status read_model(const options *o, mb_model_config *model, mb_error *error) {
    char *root = NULL, *path = NULL;
    mb_status status = mb_paths_root(&root, error);
    if (!status) status = mb_paths_find_model(root, NULL, o->model, &path, error);
    if (!status) status = mb_model_config_read(path, model, error);
    free(path);
    free(root);
    return status;
}

static mb_status probe(const options *o, int *code, mb_error *error) {
    mb_model_config model = {0};
    const mb_probe_backend *backend = NULL;
    mb_status status = o->model ? read_model(o, &model, error) : MB_OK;
    if (!status && o->write_model) {
        status = write_model(o, &model, error);
    } else if (!status) {
        status = mb_probe_backend_find(o->backend, &backend, error);
        if (!status)
            status = o->check ? check(o, backend, &model, error) : measure(o, backend, &model, code, error);
    }
    mb_model_config_deinit(&model);
    return status;
}

int mb_cmd_probe(int argc, char **argv) {
    options o;
    int code = parse(argc, argv, &o);
    if (code == 0 && o.help) {
        print_help();
    } else if (code == 0) {
        if (!o.check) mb_stop_on_signals(); // a check has nothing to lose
        mb_error error = {0};
        if (probe(&o, &code, &error)) code = mb_cli_fail(&error);
    }
    free(o.batches.values);
    free(o.lengths.values);
    const int written = mb_cli_finish();
    return code ? code : written;
}
