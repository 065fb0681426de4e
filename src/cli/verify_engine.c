// SPDX-License-Identifier: MIT
// The whole way in one command: a model of random weights, steps measured, a law fitted, a workload simulated
// under it, and the same policies on the same requests driving the engine, more than once.
#include "cli/verify_engine.h"

#include "base/lists.h"
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/live.h"
#include "cli/stop.h"
#include "cli/verify_report.h"
#include "fit/report.h"
#include "probe/gguf.h"
#include "probe/measure.h"
#include "report/files.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SEED = 42,
    OTHER_SEED = 7, // of the run by which the host's time is measured
    MOST_POLICIES = 8,
    MOST_PROMPT = 96,
    MOST_OUTPUT = 64,
    TOKEN_BUDGET = 128,
    MOST_REQUESTS = 16, // at once
    BATCH = 4           // by which the load is reckoned
};
static const double LOAD = 0.6, PROBE_S = 45;

// Small enough that a step takes about a millisecond of a processor, and not so small that little else
// counts.
static const mb_model_config SMALL = {.name = (char *)"a model of random weights",
                                      .layers = 6,
                                      .attention_layers = 6,
                                      .kv_layers = 6,
                                      .hidden = 256,
                                      .heads = 4,
                                      .kv_heads = 2,
                                      .head_dim = 64,
                                      .intermediate = 688,
                                      .vocabulary = 4096};

typedef struct options {
    const char *engine, *model_file, *output;
    const char *policies[MOST_POLICIES];
    size_t policy_count;
    uint32_t repeats;
    double seconds; // of a live run
    bool help;
} options;

typedef struct check {
    const options *o;
    char *folder;
    mb_strbuf model, steps, again, script; // paths
    mb_step_fit fit;
    double rate, host_s;
    uint32_t requests;
} check;

// --- options
// ---------------------------------------------------------------------------------------------------

static void print_help(void) {
    fputs("usage: mbsand verify --engine llama [options]\n\n"
          "How far are simulation and a real engine apart on this machine? Measures steps of llama.cpp\n"
          "(a plugin, `make probe-llama`), fits a law, simulates a workload under it, and lets the same\n"
          "policies drive the engine with the same requests, on the clock of the wall; more than once,\n"
          "since two runs differ too. Takes about a minute.\n\n"
          "      --model-file FILE    a GGUF; else a small model of random weights is written\n"
          "  -p, --policy NAME|FILE   compare these, the first with each other (vllm_v1 and vllm_v0)\n"
          "      --repeats N          live runs of each (2)\n"
          "      --seconds S          of a live run (10)\n"
          "  -o, --output DIR         keep the model, the steps and the scenario there\n"
          "  -h, --help               this text\n\n"
          "Exit code: 0 measured, whatever the difference; 1 a run failed; 2 the command or its input is "
          "wrong.\n",
          stdout);
}

static int take(options *o, int option) {
    char *end;
    switch (option) {
    case 'e':
        o->engine = optarg;
        return 0;
    case 'f':
        o->model_file = optarg;
        return 0;
    case 'o':
        o->output = optarg;
        return 0;
    case 'p':
        if (o->policy_count == MOST_POLICIES)
            return mb_cli_usage("verify", "--policy: at most %d of them", MOST_POLICIES);
        o->policies[o->policy_count++] = optarg;
        return 0;
    case 'r':
        o->repeats = (uint32_t)strtoul(optarg, &end, 10);
        if (*end || o->repeats < 1 || o->repeats > 100)
            return mb_cli_usage("verify", "--repeats: '%s' is not a whole number from 1 to 100", optarg);
        return 0;
    case 's':
        o->seconds = strtod(optarg, &end);
        if (*end || !(o->seconds > 0 && o->seconds <= 3600))
            return mb_cli_usage("verify", "--seconds: '%s' is not a number from 0 to 3600", optarg);
        return 0;
    default:
        o->help = true;
        return 0;
    }
}

static int parse(int argc, char **argv, options *o) {
    static const struct option LONG[] = {
        {"engine", required_argument, NULL, 'e'},  {"model-file", required_argument, NULL, 'f'},
        {"policy", required_argument, NULL, 'p'},  {"repeats", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'}, {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    *o = (options){.repeats = 2, .seconds = 10};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":p:o:h", LONG, NULL)) != -1;) {
        if (option == ':') return mb_cli_usage("verify", "%s needs a value", argv[optind - 1]);
        if (option == '?') return mb_cli_usage("verify", "no option %s beside --engine", argv[optind - 1]);
        const int code = take(o, option);
        if (code || o->help) return code;
    }
    if (optind < argc)
        return mb_cli_usage("verify", "what is '%s'? With --engine everything is an option", argv[optind]);
    if (strcmp(o->engine, "llama") != 0)
        return mb_cli_usage("verify", "--engine: '%s' is unknown; there is llama", o->engine);
    if (o->policy_count == 0) {
        o->policies[o->policy_count++] = "vllm_v1";
        o->policies[o->policy_count++] = "vllm_v0";
    }
    return 0;
}

// --- files
// -----------------------------------------------------------------------------------------------------

static mb_status make_folder(check *c, mb_error *error) {
    mb_status status = MB_OK;
    if (!c->o->output)
        status = mb_paths_temporary("the model", &c->folder, error);
    else if (!(c->folder = mb_strdup(c->o->output)))
        status = mb_fail_memory(error);
    else
        status = mb_output_dir(c->folder, error);
    if (status) return status;
    if (c->o->model_file)
        mb_strbuf_add(&c->model, c->o->model_file);
    else
        mb_strbuf_printf(&c->model, "%s/model.gguf", c->folder);
    mb_strbuf_printf(&c->steps, "%s/steps.csv", c->folder);
    mb_strbuf_printf(&c->again, "%s/again.csv", c->folder);
    mb_strbuf_printf(&c->script, "%s/workload.lua", c->folder);
    return c->model.failed || c->steps.failed || c->again.failed || c->script.failed ? mb_fail_memory(error)
                                                                                     : MB_OK;
}

static void leave_folder(check *c) {
    if (c->folder && !c->o->output) {
        if (!c->o->model_file && c->model.text) unlink(c->model.text);
        if (c->steps.text) unlink(c->steps.text);
        if (c->again.text) unlink(c->again.text);
        if (c->script.text) unlink(c->script.text);
        rmdir(c->folder);
    }
    free(c->folder);
    mb_strbuf_deinit(&c->model);
    mb_strbuf_deinit(&c->steps);
    mb_strbuf_deinit(&c->again);
    mb_strbuf_deinit(&c->script);
}

// --- steps, and the law
// ----------------------------------------------------------------------------------------

static mb_step_coefficients prompts_of(const mb_step_law *law) {
    if (law->split) return law->prompts;
    return (mb_step_coefficients){law->base_s, law->per_token_s, law->per_context_s, law->per_request_s};
}

static mb_status measure_grid(const check *c, const mb_list *batches, const mb_list *lengths,
                              const char *path, mb_probe_summary *summary, mb_error *error) {
    const mb_probe_backend *backend;
    mb_status status = mb_probe_backend_find(c->o->engine, &backend, error);
    if (status) return status;
    uint32_t sizes[2][32];
    const mb_list *const lists[2] = {batches, lengths};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < lists[k]->count; i++)
            sizes[k][i] = (uint32_t)lists[k]->values[i];
    unlink(path); // of another run
    const mb_probe_task task = {.backend = backend,
                                .subject = {.file = c->model.text},
                                .name = c->o->model_file ? c->o->model_file : SMALL.name,
                                .grid = MB_PROBE_STEPS,
                                .batches = sizes[0],
                                .batch_count = batches->count,
                                .lengths = sizes[1],
                                .length_count = lengths->count,
                                .trials = 7,
                                .budget_s = PROBE_S,
                                .seed = SEED,
                                .path = path,
                                .stop = mb_stop_flag()};
    status = mb_probe_measure(&task, summary, error);
    if (!status && atomic_load(mb_stop_flag())) status = mb_fail(error, MB_FAILED, "interrupted");
    return status;
}

// Every size of a batch that the workload has, not powers of two alone: kernels take several rows at a time.
static mb_status measure(check *c, mb_error *error) {
    const mb_list batches = {(uint64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16}, 12},
                  lengths = {(uint64_t[]){16, 32, 64, 96, 160}, 5};
    mb_probe_summary summary;
    const mb_status status = measure_grid(c, &batches, &lengths, c->steps.text, &summary, error);
    if (!status)
        mb_cli_say(stdout, "%s\n%zu of %zu kinds of steps measured in %.1f s\n", summary.device,
                   summary.measured, summary.cells, summary.seconds);
    return status;
}

// Some of them once more: has the machine become another?
static mb_status measure_again(const check *c, double *drift, mb_error *error) {
    const mb_list batches = {(uint64_t[]){2, 5, 8}, 3}, lengths = {(uint64_t[]){32, 64}, 2};
    mb_probe_summary summary;
    mb_step_log *log = NULL;
    mb_status status = measure_grid(c, &batches, &lengths, c->again.text, &summary, error);
    if (!status) status = mb_step_log_read(c->again.text, &log, error);
    if (status) return status;
    double measured = 0, said = 0;
    for (size_t i = 0; i < log->count; i++) {
        const mb_logged_step *s = &log->steps[i];
        const mb_step_coefficients p = prompts_of(&c->fit.law);
        measured += s->time_s;
        said += s->tokens > s->requests
                    ? p.base_s + p.per_token_s * s->tokens + p.per_context_s * s->context +
                          p.per_request_s * s->requests
                    : mb_step_law_predict(&c->fit.law, s->tokens, s->context, s->requests);
    }
    *drift = measured / said - 1;
    mb_step_log_free(log);
    return MB_OK;
}

static mb_status fit(check *c, mb_error *error) {
    mb_step_log *log;
    mb_status status = mb_step_log_read(c->steps.text, &log, error);
    if (status) return status;
    mb_step_fit_how how = {.weight = MB_FIT_RELATIVE, .split = true};
    mb_error ignored;
    if (mb_fit_step_law(log, &how, &c->fit, &ignored)) { // too few of one kind
        how.split = false;
        status = mb_fit_step_law(log, &how, &c->fit, error);
    }
    mb_step_log_free(log);
    return status;
}

// A rate of which batches of four decodes would be LOAD of what the law says that the engine can do.
static void set_load(check *c) {
    const mb_step_law *law = &c->fit.law;
    const double prompt = (1 + MOST_PROMPT) / 2.0, output = (1 + MOST_OUTPUT) / 2.0;
    const double decode_s = mb_step_law_predict(law, BATCH, BATCH * (prompt + output / 2), BATCH);
    const double request_s = prompt * prompts_of(law).per_token_s + output * decode_s / BATCH;
    c->rate = LOAD / request_s;
    c->requests = (uint32_t)fmin(100000, fmax(30, c->o->seconds * c->rate));
}

// --- the workload
// ----------------------------------------------------------------------------------------------

static void add_law(mb_strbuf *text, const mb_step_law *law) {
    const mb_step_coefficients p = prompts_of(law);
    mb_strbuf_printf(text, "base = %s, ", mb_exact(law->base_s).text);
    mb_strbuf_printf(text, "per_token = %s, ", mb_exact(law->per_token_s).text);
    mb_strbuf_printf(text, "per_context = %s, ", mb_exact(law->per_context_s).text);
    mb_strbuf_printf(text, "per_request = %s,\n    ", mb_exact(law->per_request_s).text);
    mb_strbuf_printf(text, "prompts = { base = %s, ", mb_exact(p.base_s).text);
    mb_strbuf_printf(text, "per_token = %s, ", mb_exact(p.per_token_s).text);
    mb_strbuf_printf(text, "per_context = %s, ", mb_exact(p.per_context_s).text);
    mb_strbuf_printf(text, "per_request = %s },\n    ", mb_exact(p.per_request_s).text);
}

static mb_status write_script(check *c, uint32_t requests, mb_error *error) {
    mb_strbuf text = {0};
    mb_strbuf_printf(
        &text,
        "-- Written by mbsand verify --engine %s. Again: mbsand THIS --live %s --model-file MODEL.gguf\n"
        "return scenario {\n"
        "  workload = synthetic {\n"
        "    arrivals = arrivals.poisson { rate = %s },\n"
        "    prompt = lengths.uniform(1, %d), output = lengths.uniform(1, %d), limit = %u,\n"
        "  },\n"
        "  cluster = { kv_block = 16, kv_blocks = %d, token_budget = %d, max_requests = %d, "
        "prefix_cache = false },\n"
        "  latency = latency.step {\n    ",
        c->o->engine, c->o->engine, mb_exact(c->rate).text, MOST_PROMPT, MOST_OUTPUT, requests,
        (MOST_PROMPT + MOST_OUTPUT) / 16 * MOST_REQUESTS, TOKEN_BUDGET, MOST_REQUESTS);
    add_law(&text, &c->fit.law);
    mb_strbuf_printf(&text,
                     "host = %s, -- measured in a run of its own\n  },\n  policies = {},\n  seeds = 1,\n}\n",
                     mb_exact(c->host_s).text);
    const mb_status status =
        text.failed ? mb_fail_memory(error) : mb_output_text(c->script.text, &text, error);
    mb_strbuf_deinit(&text);
    return status;
}

static mb_status load(const check *c, uint64_t seed, size_t policies, mb_scenario **scenario,
                      mb_error *error) {
    const mb_overrides overrides = {.policies = c->o->policies,
                                    .policy_count = policies,
                                    .seeds = 1,
                                    .seed = seed,
                                    .has_seed = true,
                                    .stop = mb_stop_flag()};
    return mb_scenario_load(c->script.text, &overrides, scenario, error);
}

static mb_live_question question_of(const check *c) {
    return (mb_live_question){.backend = c->o->engine, .model_file = c->model.text, .stop = mb_stop_flag()};
}

// What the host takes of a step: the policy, the queues, this program. By a run with other requests.
static mb_status measure_host(check *c, mb_error *error) {
    mb_scenario *scenario = NULL;
    mb_live live = {0};
    mb_results real = {0};
    const mb_live_question question = question_of(c);
    mb_status status = write_script(c, c->requests / 3, error);
    if (!status) status = load(c, OTHER_SEED, 1, &scenario, error);
    if (!status) status = mb_live_open(&live, mb_scenario_section(scenario, 0), &question, error);
    if (!status) status = mb_live_run(&live, scenario, 0, &real, error);
    if (!status) c->host_s = live.sums->host_s / (double)live.sums->steps;
    mb_results_deinit(&real);
    mb_live_close(&live);
    mb_scenario_free(scenario);
    return status;
}

// Both worlds.
static mb_status compare(check *c, mb_error *error) {
    mb_scenario *scenario = NULL;
    mb_live live = {0};
    mb_verified found = {.repeats = c->o->repeats};
    const mb_live_question question = question_of(c);
    const mb_run_options how = {.stop = mb_stop_flag(), .walls = true};
    mb_status status = write_script(c, c->requests, error);
    if (!status) status = load(c, SEED, c->o->policy_count, &scenario, error);
    found.real = calloc(found.repeats, sizeof *found.real);
    if (!status && !found.real) status = mb_fail_memory(error);
    if (!status) status = mb_run_section(scenario, 0, &how, &found.simulated, error);
    if (!status) status = mb_live_open(&live, mb_scenario_section(scenario, 0), &question, error);
    for (uint32_t i = 0; i < found.repeats && !status; i++) {
        status = mb_live_run(&live, scenario, 0, &found.real[i], error);
        for (size_t p = 0; p < live.policies && !status; p++)
            mb_live_sums_add(&found.sums, &live.sums[p]);
    }
    if (!status) status = measure_again(c, &found.drift, error);
    if (!status) mb_verify_report(&found);
    for (uint32_t i = 0; found.real && i < found.repeats; i++)
        mb_results_deinit(&found.real[i]);
    free(found.real);
    mb_results_deinit(&found.simulated);
    mb_live_close(&live);
    mb_scenario_free(scenario);
    return status;
}

static mb_status verify(check *c, mb_error *error) {
    mb_status status = make_folder(c, error);
    if (!status && !c->o->model_file) status = mb_gguf_write(c->model.text, &SMALL, SEED, error);
    if (!status) status = measure(c, error);
    if (!status) status = fit(c, error);
    if (status) return status;
    set_load(c);
    mb_cli_say(stdout, "The law misses a step by %.1f %% in the mean (%.1f %% where it was not fitted).\n",
               100 * c->fit.mape, 100 * c->fit.held_out_mape);
    status = measure_host(c, error);
    if (status) return status;
    mb_cli_say(
        stdout,
        "The host takes %.0f us a step (a run of its own, with other requests).\n%u requests, Poisson %.3g/s "
        "(%.0f %% of what batches of %d can), prompts of 1 to %d tokens, answers of 1 to %d, seed %d\n\n",
        1e6 * c->host_s, c->requests, c->rate, 100 * LOAD, BATCH, MOST_PROMPT, MOST_OUTPUT, SEED);
    fflush(stdout);
    return compare(c, error);
}

int mb_verify_engine(int argc, char **argv) {
    options o;
    int code = parse(argc, argv, &o);
    if (code == 0 && o.help) {
        print_help();
    } else if (code == 0) {
        mb_stop_on_signals();
        check c = {.o = &o};
        mb_error error = {0};
        if (verify(&c, &error)) code = mb_cli_fail(&error);
        leave_folder(&c);
    }
    const int written = mb_cli_finish();
    return code ? code : written;
}
