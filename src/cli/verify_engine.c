// SPDX-License-Identifier: MIT
// The whole way in one command: a model of random weights, steps measured, tables made of them, a workload
// simulated under these, and the same policies on the same requests driving the engine, more than once.
#include "cli/verify_engine.h"

#include "base/lists.h"
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/live.h"
#include "cli/stop.h"
#include "cli/verify_report.h"
#include "cli/verify_served.h"
#include "fit/tables.h"
#include "probe/gguf.h"
#include "probe/measure.h"
#include "report/files.h"
#include "report/fitting.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OTHER_SEED = 7, // of the run by which is measured what steps take in service
    MOST_SLOTS = 16,
    BATCH = 4 // by which the load is reckoned
};
static const double PROBE_S = 300; // a busy machine takes several times the 15 s of a quiet one

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

typedef mb_verify_options options;
typedef mb_verify_check check;

// --- options
// ---------------------------------------------------------------------------------------------------

static void print_help(void) {
    mb_print_help(
        "usage: mbsand verify --engine llama|llama-server [options]\n\n"
        "How far are simulation and a real engine apart on this machine? Measures steps of llama.cpp\n"
        "(a plugin, `make probe-llama`), simulates a workload under these, and lets the same\n"
        "policies drive the engine with the same requests, on the clock of the wall; more than once,\n"
        "since two runs differ too. Takes about a minute.\n"
        "With --engine llama-server the server's own scheduler serves the requests over HTTP, with and\n"
        "without --cont-batching, beside the simulated policy llama_server.\n\n"
        "      --model-file FILE    a GGUF; else a small model of random weights is written\n"
        "  -p, --policy NAME|FILE   compare these, the first with each other (vllm_v1 and vllm_v0)\n"
        "      --repeats N          live runs of each (2)\n"
        "      --seconds S          of a live run (10)\n"
        "      --clock CLOCK        wall (default), or processor: only the time in which this program had\n"
        "                           a processor counts, and nothing is waited for; on a busy machine\n"
        "      --server PROGRAM     llama-server, of the same llama.cpp as the plugin (llama-server)\n"
        "      --slots N            of it (4)\n"
        "  -o, --output DIR         keep the model, the steps and the scenario there\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 measured, whatever the difference; 1 a run failed; 2 the command or its input is "
        "wrong.\n");
}

enum { ENGINE = MB_OPTION_WORDS, MODEL_FILE, REPEATS, SECONDS, CLOCK, SERVER, SLOTS };

static int take(options *o, int option) {
    char *end;
    switch (option) {
    case ENGINE:
        o->engine = optarg;
        return 0;
    case SERVER:
        o->server = optarg;
        return 0;
    case SLOTS:
        o->slots = (uint32_t)strtoul(optarg, &end, 10);
        if (*end || o->slots < 1 || o->slots > MOST_SLOTS)
            return mb_cli_usage("verify", "--slots: '%s' is not a whole number from 1 to %d", optarg,
                                MOST_SLOTS);
        return 0;
    case MODEL_FILE:
        o->model_file = optarg;
        return 0;
    case 'o':
        o->output = optarg;
        return 0;
    case 'p':
        if (o->policy_count == MB_VERIFY_POLICIES)
            return mb_cli_usage("verify", "--policy: at most %d of them", MB_VERIFY_POLICIES);
        o->policies[o->policy_count++] = optarg;
        return 0;
    case REPEATS:
        o->repeats = (uint32_t)strtoul(optarg, &end, 10);
        if (*end || o->repeats < 1 || o->repeats > 100)
            return mb_cli_usage("verify", "--repeats: '%s' is not a whole number from 1 to 100", optarg);
        return 0;
    case CLOCK:
        o->processor = strcmp(optarg, "processor") == 0;
        if (!o->processor && strcmp(optarg, "wall") != 0)
            return mb_cli_usage("verify", "--clock: '%s' is unknown; there are wall and processor", optarg);
        return 0;
    case SECONDS:
        o->seconds = strtod(optarg, &end);
        if (*end || !(o->seconds > 0 && o->seconds <= 3600))
            return mb_cli_usage("verify", "--seconds: '%s' is not a number from 0 to 3600", optarg);
        return 0;
    default:
        o->help = true;
        return 0;
    }
}

static int check_driven(options *o) {
    if (strcmp(o->engine, "llama") != 0)
        return mb_cli_usage("verify", "--engine: '%s' is unknown; there are llama and llama-server",
                            o->engine);
    if (o->server || o->slots)
        return mb_cli_usage("verify", "--server and --slots are of --engine llama-server");
    if (o->policy_count == 0) {
        o->policies[o->policy_count++] = "vllm_v1";
        o->policies[o->policy_count++] = "vllm_v0";
    }
    return 0;
}

static int check_served(options *o) {
    if (o->policy_count)
        return mb_cli_usage("verify",
                            "--policy: the server's scheduler is its own, and llama_server simulates it");
    if (o->processor)
        return mb_cli_usage("verify", "--clock processor: the server's time is another program's");
    if (!o->server) o->server = "llama-server";
    if (!o->slots) o->slots = BATCH;
    return 0;
}

static int parse(int argc, char **argv, options *o) {
    static const struct option LONG[] = {{"engine", required_argument, NULL, ENGINE},
                                         {"model-file", required_argument, NULL, MODEL_FILE},
                                         {"policy", required_argument, NULL, 'p'},
                                         {"repeats", required_argument, NULL, REPEATS},
                                         {"seconds", required_argument, NULL, SECONDS},
                                         {"clock", required_argument, NULL, CLOCK},
                                         {"server", required_argument, NULL, SERVER},
                                         {"slots", required_argument, NULL, SLOTS},
                                         {"output", required_argument, NULL, 'o'},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    *o = (options){.repeats = 2, .seconds = 10};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":p:o:h", LONG, NULL)) != -1;) {
        if (option == ':' || option == '?') return mb_cli_wrong_option("verify", LONG, option, argv);
        const int code = take(o, option);
        if (code || o->help) return code;
    }
    if (optind < argc)
        return mb_cli_usage("verify", "what is '%s'? With --engine everything is an option", argv[optind]);
    return strcmp(o->engine, "llama-server") == 0 ? check_served(o) : check_driven(o);
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
    mb_strbuf_printf(&c->tables, "%s/tables", c->folder);
    mb_strbuf_printf(&c->rest, "%s/corrections.csv", c->folder);
    mb_strbuf_printf(&c->again, "%s/again.csv", c->folder);
    mb_strbuf_printf(&c->script, "%s/workload.lua", c->folder);
    mb_strbuf_printf(&c->log, "%s/server.log", c->folder);
    return c->model.failed || c->steps.failed || c->tables.failed || c->rest.failed || c->again.failed ||
                   c->script.failed || c->log.failed
               ? mb_fail_memory(error)
               : MB_OK;
}

static void remove_tables(const check *c) {
    for (size_t i = 0; i < MB_CLI_TABLES; i++) {
        char *path = mb_paths_join(c->tables.text, mb_cli_tables[i]);
        if (path) unlink(path);
        free(path);
    }
    rmdir(c->tables.text);
}

static void leave_folder(check *c) {
    if (c->folder && !c->o->output) {
        if (!c->o->model_file && c->model.text) unlink(c->model.text);
        if (c->steps.text) unlink(c->steps.text);
        if (c->tables.text) remove_tables(c);
        if (c->rest.text) unlink(c->rest.text);
        if (c->again.text) unlink(c->again.text);
        if (c->script.text) unlink(c->script.text);
        if (c->log.text) unlink(c->log.text);
        rmdir(c->folder);
    }
    free(c->folder);
    mb_profile_free(c->profile);
    mb_strbuf_deinit(&c->model);
    mb_strbuf_deinit(&c->steps);
    mb_strbuf_deinit(&c->tables);
    mb_strbuf_deinit(&c->rest);
    mb_strbuf_deinit(&c->again);
    mb_strbuf_deinit(&c->script);
    mb_strbuf_deinit(&c->log);
}

// --- steps, and the tables
// ----------------------------------------------------------------------------------------

static mb_status measure_grid(const check *c, const mb_list *batches, const mb_list *lengths,
                              const char *path, mb_probe_summary *summary, mb_error *error) {
    const mb_probe_backend *backend;
    mb_status status = mb_probe_backend_find("llama", &backend, error);
    if (status) return status;
    uint32_t sizes[2][32];
    const mb_list *const lists[2] = {batches, lengths};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < lists[k]->count; i++)
            sizes[k][i] = (uint32_t)lists[k]->values[i];
    unlink(path); // of another run
    const mb_probe_task task = {.backend = backend,
                                .subject = {.file = c->model.text, .processor = c->o->processor},
                                .name = c->o->model_file ? c->o->model_file : SMALL.name,
                                .grid = MB_PROBE_STEPS,
                                .batches = sizes[0],
                                .batch_count = batches->count,
                                .lengths = sizes[1],
                                .length_count = lengths->count,
                                .trials = 5,
                                .budget_s = PROBE_S,
                                .seed = MB_VERIFY_SEED,
                                .path = path,
                                .stop = mb_stop_flag()};
    status = mb_probe_measure(&task, summary, error);
    if (!status && atomic_load(mb_stop_flag())) status = mb_fail(error, MB_FAILED, "interrupted");
    return status;
}

// Every batch that the workload has, not powers of two alone, and chunks on both sides of 64 tokens: kernels
// take several rows at a time, and attention is another kernel for 64 queries and more.
static mb_status measure(check *c, mb_error *error) {
    mb_list batches = {(uint64_t[MB_VERIFY_REQUESTS]){0}, MB_VERIFY_REQUESTS};
    for (uint64_t i = 0; i < MB_VERIFY_REQUESTS; i++)
        batches.values[i] = i + 1;
    const mb_list lengths = {(uint64_t[]){16, 32, 63, 64, 96, MB_VERIFY_PROMPT + MB_VERIFY_OUTPUT}, 6};
    mb_probe_summary summary;
    const mb_status status = measure_grid(c, &batches, &lengths, c->steps.text, &summary, error);
    if (!status)
        mb_cli_say(stdout, "%s\n%zu of %zu kinds of steps measured in %.1f s\n", summary.device,
                   summary.measured, summary.cells, summary.seconds);
    if (!status && !summary.complete)
        return mb_fail(error, MB_FAILED,
                       "this machine, or the model, is too slow: %zu of %zu kinds of steps were measured in "
                       "%.0f s, and all "
                       "are needed",
                       summary.measured, summary.cells, PROBE_S);
    return status;
}

// Some of them once more: has the machine become another?
static mb_status measure_again(const check *c, double *drift, mb_error *error) {
    static const mb_csv_kind *const KINDS[] = {&mb_probe_log_kind};
    const mb_list batches = {(uint64_t[]){2, 5, 8}, 3}, lengths = {(uint64_t[]){32, 64}, 2};
    mb_probe_summary summary;
    mb_number_csv csv = {0};
    mb_status status = measure_grid(c, &batches, &lengths, c->again.text, &summary, error);
    if (!status) status = mb_number_csv_read(c->again.text, KINDS, 1, &csv, error);
    double measured = 0, said = 0;
    for (size_t i = 0; i < csv.count && !status; i++) {
        const double *v = csv.rows[i].value;
        measured += v[MB_PROBE_LOG_TIME];
        said += mb_verify_seconds(c, v[MB_PROBE_LOG_DECODES], v[MB_PROBE_LOG_CONTEXT] + 1,
                                  v[MB_PROBE_LOG_CHUNK], v[MB_PROBE_LOG_PREFIX]);
    }
    mb_number_csv_deinit(&csv);
    *drift = measured / said - 1;
    return status;
}

static mb_status tabulate(check *c, mb_error *error) {
    size_t steps;
    const mb_status status = mb_cli_tabulate(c->steps.text, c->tables.text, &steps, error);
    return status ? status : mb_profile_read(c->tables.text, 1, (mb_expert_ranks){0}, &c->profile, error);
}

// --- the workload
// ----------------------------------------------------------------------------------------------

// For policies of the command line.
static mb_status write_script(const check *c, uint32_t requests, const char *latency, mb_error *error) {
    const mb_verify_script script = {
        .path = c->script.text, .requests = requests, .latency = latency, .cluster = "", .policies = ""};
    return mb_verify_write(c, &script, error);
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
    return (mb_live_question){.backend = c->o->engine,
                              .model_file = c->model.text,
                              .processor = c->o->processor,
                              .stop = mb_stop_flag()};
}

// Before a minute of measuring: are the policies there, and scripts?
static mb_status check_policies(check *c, mb_error *error) {
    mb_scenario *scenario = NULL;
    c->rate = 1;
    mb_status status = write_script(c, 1, "step { base = 1, per_token = 0, per_context = 0 }", error);
    if (!status) status = load(c, MB_VERIFY_SEED, c->o->policy_count, &scenario, error);
    mb_scenario_free(scenario);
    return status;
}

// What steps take in service that they do not when they are repeated alone: the host's work - the policy, the
// queues, this program - and other memory than they had before. By a run of every policy with other requests:
// one policy's steps may be another's never.
static mb_status measure_service(check *c, mb_live_sums *sums, mb_error *error) {
    mb_scenario *scenario = NULL;
    mb_live live = {0};
    mb_results real = {0};
    mb_live_rest rest = {0};
    const mb_live_question question = question_of(c);
    mb_status status = write_script(c, c->requests / 2, "profile \"tables\" { layers = 1 }", error);
    if (!status) status = load(c, OTHER_SEED, c->o->policy_count, &scenario, error);
    if (!status) status = mb_live_open(&live, mb_scenario_section(scenario, 0), &question, error);
    live.clock.rest = &rest;
    if (!status) status = mb_live_run(&live, scenario, 0, &real, error);
    for (size_t p = 0; p < live.policies && !status; p++)
        mb_live_sums_add(sums, &live.sums[p]);
    if (!status) status = mb_live_rest_write(&rest, c->rest.text, error);
    mb_results_deinit(&real);
    mb_live_close(&live);
    mb_scenario_free(scenario);
    return status;
}

// `values`: room for those simulated, then those of each live run.
static void report(const check *c, const mb_results *simulated, mb_verify_values *values,
                   const mb_live_sums *sums, double drift) {
    const mb_experiment *experiment = &mb_results_section(simulated)->points[0].experiment;
    const char *labels[MB_VERIFY_POLICIES];
    for (size_t p = 0; p < c->o->policy_count; p++) {
        labels[p] = experiment->policies[p].label;
        mb_verify_take(simulated, p, values[p]);
    }
    const mb_verified found = {.policies = c->o->policy_count,
                               .labels = labels,
                               .simulated = values,
                               .live = values + c->o->policy_count,
                               .repeats = c->o->repeats};
    mb_verify_print(&found);
    printf("%llu steps of %llu tokens, %llu sequences; device %.1f s, host %.0f us a step, idle %.1f s\n",
           (unsigned long long)sums->steps, (unsigned long long)sums->tokens,
           (unsigned long long)sums->sequences, sums->device_s, 1e6 * sums->host_s / (double)sums->steps,
           sums->idle_s);
    mb_cli_say(stdout,
               "They took %+.1f %% against what the corrected tables say of them, and a step is %.1f %% "
               "beside that in the "
               "mean; kinds of steps measured once more at the end took %+.1f %% against the tables.\n",
               100 * mb_live_excess(sums), 100 * mb_live_miss(sums), 100 * drift);
    if (c->o->processor)
        mb_cli_say(stdout, "The clock was that of the processor: nothing was waited for. What others do to "
                           "caches and to the "
                           "processor's speed is in it still.\n");
    mb_verify_conclude(&found, "engine");
    mb_live_warn_busy(sums);
}

// Both worlds.
static mb_status compare(check *c, mb_error *error) {
    mb_scenario *scenario = NULL;
    mb_live live = {0};
    mb_results simulated = {0};
    mb_live_sums sums = {0};
    double drift = 0;
    mb_verify_values *values = calloc((c->o->repeats + 1) * c->o->policy_count, sizeof *values);
    const mb_live_question question = question_of(c);
    const mb_run_options how = {.stop = mb_stop_flag(), .walls = true};
    mb_status status = write_script(
        c, c->requests, "profile \"tables\" { layers = 1, corrections = \"corrections.csv\" }", error);
    if (!status) status = load(c, MB_VERIFY_SEED, c->o->policy_count, &scenario, error);
    if (!status && !values) status = mb_fail_memory(error);
    if (!status) status = mb_run_section(scenario, 0, &how, &simulated, error);
    if (!status) status = mb_live_open(&live, mb_scenario_section(scenario, 0), &question, error);
    for (uint32_t i = 0; i < c->o->repeats && !status; i++) {
        mb_results real = {0};
        status = mb_live_run(&live, scenario, 0, &real, error);
        for (size_t p = 0; p < live.policies && !status; p++) {
            mb_verify_take(&real, p, values[(i + 1) * live.policies + p]);
            mb_live_sums_add(&sums, &live.sums[p]);
        }
        mb_results_deinit(&real);
    }
    if (!status) status = measure_again(c, &drift, error);
    if (!status) report(c, &simulated, values, &sums, drift);
    free(values);
    mb_results_deinit(&simulated);
    mb_live_close(&live);
    mb_scenario_free(scenario);
    return status;
}

static mb_status verify_driven(check *c, mb_error *error) {
    mb_live_sums service = {0};
    mb_verify_load(c, BATCH, 0);
    const mb_status status = measure_service(c, &service, error);
    if (status) return status;
    mb_cli_say(stdout,
               "In service, in a run of its own with other requests, steps took %+.1f %% against the tables, "
               "of that the host %.0f us a "
               "step: by what steps of their size did there the tables are corrected.\n\n",
               100 * mb_live_excess(&service), 1e6 * service.host_s / (double)service.steps);
    fflush(stdout);
    return compare(c, error);
}

static mb_status verify(check *c, mb_error *error) {
    mb_status status = make_folder(c, error);
    if (!status && !c->o->server) status = check_policies(c, error);
    if (!status && !c->o->model_file) status = mb_gguf_write(c->model.text, &SMALL, MB_VERIFY_SEED, error);
    if (!status && c->o->server) status = mb_verify_served_starts(c, error);
    if (!status) status = measure(c, error);
    if (!status) status = tabulate(c, error);
    if (status) return status;
    return c->o->server ? mb_verify_served(c, error) : verify_driven(c, error);
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
