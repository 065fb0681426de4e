// SPDX-License-Identifier: MIT
#include "cli/options.h"

#include "cli/commands.h"
#include "cli/stop.h"
#include "policy/policy_lua.h"
#include "report/dump.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_SEEDS = 256,
    OPTION_SEED,
    OPTION_ONLY,
    OPTION_DB,
    OPTION_SHARD,
    OPTION_SLO,
    OPTION_TOLERANCE,
    OPTION_TUNE,
    OPTION_MEASURE,
    OPTION_RUNS,
    OPTION_FRESH,
    OPTION_OVER,
    OPTION_OUT,
    OPTION_DUMP,
    OPTION_FORMAT,
    OPTION_HOOK_SECONDS,
    OPTION_HOOK_INSTRUCTIONS,
    OPTION_MEMORY,
    OPTION_JIT,
    OPTION_STEP,
    OPTION_WHY,
    OPTION_BY,
    OPTION_LIVE,
    OPTION_MODEL_FILE,
    OPTION_NO_SANDBOX,
    OPTION_BASELINE,
    OPTION_CONTROL,
    OPTION_BOUND,
    OPTION_UNTIL,
    OPTION_MAX_SEEDS,
    OPTION_SECTION,
    OPTION_ASSERT,
    OPTION_TIMELINE,
    OPTION_FIGURE,
    OPTION_PLOT,
    OPTION_TIMELINE_WINDOW,
    OPTION_WATCH,
    OPTION_PAUSE_AT,
    OPTION_RESOLVED
};

// A whole number from `low` to `high`.
static bool parse_whole(const char *text, double low, double high, double *value) {
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return *text && !*end && errno == 0 && *value >= low && *value <= high && *value == floor(*value);
}

static int parse_format(const char *name, mb_run_arguments *arguments) {
    static const char *const names[] = {"table", "csv", "json", "md"};
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        arguments->format = (mb_output_format)i;
        return 0;
    }
    return mb_cli_usage(arguments->verb, "--format: '%s' is unknown; expected table, csv, json or md", name);
}

static int wrong_number(const mb_run_arguments *arguments, const char *option, const char *given,
                        const char *expected) {
    return mb_cli_usage(arguments->verb, "--%s: '%s' is not %s", option, given, expected);
}

// A number that fills `length` characters.
static bool parse_moment(const char *text, size_t length, double *value) {
    char copy[64], *end;
    if (length == 0 || length >= sizeof copy) return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *value = strtod(copy, &end);
    return !*end && isfinite(*value) && *value >= 0;
}

// "100..200", "100.." or "..200", in seconds.
static int parse_window(const char *text, mb_run_arguments *arguments) {
    const char *dots = strstr(text, "..");
    double from_s = 0, to_s = INFINITY;
    if (!dots || (dots != text && !parse_moment(text, (size_t)(dots - text), &from_s)) ||
        (dots[2] && !parse_moment(dots + 2, strlen(dots + 2), &to_s)) || !(to_s > from_s))
        return wrong_number(arguments, "timeline-window", text,
                            "two moments in seconds of the simulation, the earlier first, such as 100..160");
    arguments->window = true;
    arguments->from_s = from_s;
    arguments->to_s = to_s;
    return 0;
}

// "2%" or "2%,e2e_mean_s".
static int parse_until(const char *text, mb_run_arguments *arguments) {
    char *end;
    const double percent = strtod(text, &end);
    if (end == text || *end != '%' || !(percent > 0 && percent < 100) || (end[1] && end[1] != ','))
        return wrong_number(arguments, "until", text, "a percentage above 0, such as 2% or 2%,e2e_mean_s");
    arguments->until = percent / 100;
    if (!end[1]) return 0;
    arguments->until_measure = mb_measure_index(end + 2);
    if (arguments->until_measure >= 0) return 0;
    return mb_cli_usage(arguments->verb, "--until: '%s' is no measure; for example %s", end + 2,
                        mb_measure_example(end + 2, strlen(end + 2)));
}

static int parse_measure(const char *name, mb_run_arguments *arguments) {
    static const char *const names[] = {"e2e", "ttft", "tbt"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        arguments->measure = i;
        return 0;
    }
    return mb_cli_usage(arguments->verb, "--measure: '%s' is unknown; expected e2e, ttft or tbt", name);
}

static int parse_tolerance(const char *text, mb_run_arguments *arguments) {
    char *end;
    const double percent = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(percent >= 0.01 && percent <= 50))
        return wrong_number(arguments, "tolerance", text, "a percentage from 0.01% to 50%, such as 2%");
    arguments->tolerance = percent / 100;
    return 0;
}

// "2/8": the second of eight.
static int parse_shard(const char *text, mb_run_arguments *arguments) {
    unsigned shard, shards;
    char more;
    if (sscanf(text, "%u/%u%c", &shard, &shards, &more) != 2 || shard < 1 || shard > shards ||
        shards > 1000000)
        return wrong_number(arguments, "shard", text, "a part of a whole, from 1/N to N/N, such as 2/8");
    arguments->shard = shard - 1;
    arguments->shards = shards;
    return 0;
}

static int take(mb_run_arguments *arguments, int option) {
    double number = 0;
    switch (option) {
    case 'p':
        arguments->policies[arguments->policy_count++] = optarg;
        return 0;
    case 's':
        arguments->sets[arguments->set_count++] = optarg;
        return 0;
    case OPTION_OVER:
        arguments->overs[arguments->over_count++] = optarg;
        return 0;
    case OPTION_DB:
        arguments->db = optarg;
        return 0;
    case OPTION_SLO:
        arguments->slos[arguments->slo_count++] = optarg;
        return 0;
    case OPTION_TUNE:
        arguments->tunes[arguments->tune_count++] = optarg;
        return 0;
    case OPTION_MEASURE:
        arguments->objective = optarg;
        return strcmp(arguments->verb, "explain") == 0 ? parse_measure(optarg, arguments) : 0;
    case OPTION_RUNS:
        if (!parse_whole(optarg, 1, 10000000, &number))
            return wrong_number(arguments, "runs", optarg, "a whole number from 1 to 10000000");
        arguments->runs = (size_t)number;
        return 0;
    case OPTION_FRESH:
        if (!parse_whole(optarg, 2, 100000, &number))
            return wrong_number(arguments, "fresh", optarg, "a whole number from 2 to 100000");
        arguments->fresh = (uint32_t)number;
        return 0;
    case OPTION_ASSERT:
        arguments->asserts[arguments->assert_count++] = optarg;
        return 0;
    case OPTION_SECTION:
        if (!parse_whole(optarg, 1, 1000000, &number))
            return wrong_number(arguments, "section", optarg, "a whole number of at least 1");
        arguments->section = (uint32_t)number;
        return 0;
    case OPTION_TOLERANCE:
        return parse_tolerance(optarg, arguments);
    case OPTION_SHARD:
        return parse_shard(optarg, arguments);
    case 'q':
        arguments->quiet = true;
        return 0;
    case OPTION_NO_SANDBOX:
        arguments->no_walls = true;
        return 0;
    case OPTION_WHY:
        arguments->sets[arguments->set_count++] = "why=true";
        return 0;
    case OPTION_BY:
        if (strcmp(optarg, "class") != 0 && strcmp(optarg, "client") != 0)
            return mb_cli_usage(arguments->verb, "--by: '%s' is unknown; expected class or client", optarg);
        arguments->sets[arguments->set_count++] = strcmp(optarg, "class") == 0 ? "by=class" : "by=client";
        return 0;
    case OPTION_STEP:
        arguments->stepwise = true;
        return 0;
    case 'h':
        arguments->help = true;
        return 0;
    case OPTION_BASELINE:
        arguments->baseline = optarg;
        return 0;
    case OPTION_WATCH:
        arguments->watch = true;
        return 0;
    case OPTION_PAUSE_AT: {
        char *end;
        arguments->pause_s = strtod(optarg, &end);
        return end == optarg || *end || !(arguments->pause_s >= 0)
                   ? wrong_number(arguments, "pause-at", optarg, "a time of at least 0 seconds")
                   : 0;
    }
    case OPTION_RESOLVED:
        arguments->resolved = true;
        return 0;
    case OPTION_CONTROL:
        arguments->control = true;
        return 0;
    case OPTION_BOUND:
        arguments->bound = true;
        return 0;
    case OPTION_UNTIL:
        return parse_until(optarg, arguments);
    case OPTION_MAX_SEEDS:
        if (!parse_whole(optarg, 2, 100000, &number))
            return wrong_number(arguments, "max-seeds", optarg, "a whole number from 2 to 100000");
        arguments->max_seeds = (uint32_t)number;
        return 0;
    case OPTION_LIVE:
        arguments->live = optarg;
        return 0;
    case OPTION_MODEL_FILE:
        arguments->model_file = optarg;
        return 0;
    case OPTION_ONLY:
        arguments->only = optarg;
        return 0;
    case 'o':
        arguments->output = optarg;
        return 0;
    case OPTION_OUT:
        arguments->out = optarg;
        return 0;
    case OPTION_DUMP: {
        mb_error error;
        return mb_dump_parse(optarg, &arguments->dump, &error) == MB_OK
                   ? 0
                   : mb_cli_usage(arguments->verb, "%s", error.message);
    }
    case OPTION_PLOT:
        arguments->plot = true;
        return 0;
    case OPTION_FIGURE:
        arguments->figure = optarg;
        return 0;
    case OPTION_TIMELINE:
        arguments->timeline = optarg;
        return *optarg ? 0 : wrong_number(arguments, "timeline", optarg, "the name of a file");
    case OPTION_TIMELINE_WINDOW:
        return parse_window(optarg, arguments);
    case OPTION_FORMAT:
        return parse_format(optarg, arguments);
    case OPTION_SEEDS:
        if (!parse_whole(optarg, 1, 100000, &number))
            return wrong_number(arguments, "seeds", optarg, "a whole number from 1 to 100000");
        arguments->seeds = (uint32_t)number;
        return 0;
    case OPTION_SEED:
        if (!parse_whole(optarg, 0, 0x1p53, &number))
            return wrong_number(arguments, "seed", optarg, "a whole number of at least 0");
        arguments->seed = (uint64_t)number;
        arguments->has_seed = true;
        return 0;
    case 'j':
        if (!parse_whole(optarg, 1, 4096, &number))
            return wrong_number(arguments, "jobs", optarg, "a whole number from 1 to 4096");
        arguments->threads = (unsigned)number;
        return 0;
    case OPTION_HOOK_SECONDS: {
        char *end;
        arguments->limits.hook_s = strtod(optarg, &end);
        return *end || !(arguments->limits.hook_s > 0)
                   ? wrong_number(arguments, "hook-seconds", optarg, "a number of seconds above 0")
                   : 0;
    }
    case OPTION_HOOK_INSTRUCTIONS:
        if (!parse_whole(optarg, 1, 2147483647, &number))
            return wrong_number(arguments, "hook-instructions", optarg,
                                "a whole number from 1 to 2147483647");
        arguments->limits.hook_instructions = (uint64_t)number;
        return 0;
    case OPTION_JIT:
        if (strncmp(mb_lua_engine(), "LuaJIT", 6) != 0)
            return mb_cli_usage(arguments->verb,
                                "--jit: this program was built with %s, which compiles nothing; a build with "
                                "`make LUA=luajit` takes it",
                                mb_lua_engine());
        arguments->limits.jit = true;
        return 0;
    case OPTION_MEMORY:
        if (!parse_whole(optarg, 1, 1 << 20, &number))
            return wrong_number(arguments, "memory-mb", optarg, "a whole number of at least 1");
        arguments->limits.memory_bytes = (uint64_t)number << 20;
        return 0;
    default:
        return 2; // no option
    }
}

enum {
    RUN = 1,
    SWEEP = 2,
    SEARCH = 4,
    EXPLAIN = 8,
    PACK = 16,
    VERIFY = 32,
    REPL = 64,
    REPORT = 128,
    PLOT = 256,
    SHOWN = 512,
    GRIDS = RUN | SWEEP | PACK | REPORT | PLOT, // run every policy at every point
    POLICIES = GRIDS | EXPLAIN,                 // have a policy's limits
    SCENARIOS = POLICIES | SEARCH               // change a scenario
};

// Which verbs know an option.
static const struct {
    struct option option;
    unsigned verbs;
} known_options[] = {
    {{"policy", required_argument, NULL, 'p'}, SCENARIOS | REPL | SHOWN},
    {{"set", required_argument, NULL, 's'}, SCENARIOS | REPL | SHOWN},
    {{"seed", required_argument, NULL, OPTION_SEED}, SCENARIOS | REPL},
    {{"seeds", required_argument, NULL, OPTION_SEEDS}, GRIDS | SEARCH | SHOWN},
    {{"only", required_argument, NULL, OPTION_ONLY}, GRIDS | SEARCH | SHOWN},
    {{"over", required_argument, NULL, OPTION_OVER}, GRIDS | SEARCH | SHOWN},
    {{"jobs", required_argument, NULL, 'j'}, SCENARIOS | VERIFY},
    {{"format", required_argument, NULL, OPTION_FORMAT}, RUN | SWEEP | SEARCH | EXPLAIN},
    {{"hook-seconds", required_argument, NULL, OPTION_HOOK_SECONDS}, POLICIES | REPL},
    {{"hook-instructions", required_argument, NULL, OPTION_HOOK_INSTRUCTIONS}, POLICIES | REPL},
    {{"jit", no_argument, NULL, OPTION_JIT}, POLICIES},
    {{"memory-mb", required_argument, NULL, OPTION_MEMORY}, POLICIES | REPL},
    {{"step", no_argument, NULL, OPTION_STEP}, POLICIES | REPL},
    {{"why", no_argument, NULL, OPTION_WHY}, GRIDS},
    {{"by", required_argument, NULL, OPTION_BY}, RUN},
    {{"no-os-sandbox", no_argument, NULL, OPTION_NO_SANDBOX}, SCENARIOS | VERIFY | REPL},
    {{"bound", no_argument, NULL, OPTION_BOUND}, RUN | SWEEP | REPORT},
    {{"db", required_argument, NULL, OPTION_DB}, SWEEP | SEARCH},
    {{"shard", required_argument, NULL, OPTION_SHARD}, SWEEP | SEARCH},
    {{"slo", required_argument, NULL, OPTION_SLO}, SEARCH},
    {{"tolerance", required_argument, NULL, OPTION_TOLERANCE}, SEARCH},
    {{"tune", required_argument, NULL, OPTION_TUNE}, SEARCH},
    {{"runs", required_argument, NULL, OPTION_RUNS}, SEARCH},
    {{"fresh", required_argument, NULL, OPTION_FRESH}, SEARCH},
    {{"measure", required_argument, NULL, OPTION_MEASURE}, SEARCH | EXPLAIN | PLOT},
    {{"section", required_argument, NULL, OPTION_SECTION}, EXPLAIN | REPL},
    {{"output", required_argument, NULL, 'o'}, EXPLAIN | PACK | REPORT | PLOT},
    {{"out", required_argument, NULL, OPTION_OUT}, RUN},
    {{"dump", required_argument, NULL, OPTION_DUMP}, RUN},
    {{"timeline", required_argument, NULL, OPTION_TIMELINE}, RUN},
    {{"timeline-window", required_argument, NULL, OPTION_TIMELINE_WINDOW}, RUN},
    {{"plot", no_argument, NULL, OPTION_PLOT}, RUN},
    {{"figure", required_argument, NULL, OPTION_FIGURE}, PLOT},
    {{"live", required_argument, NULL, OPTION_LIVE}, RUN},
    {{"model-file", required_argument, NULL, OPTION_MODEL_FILE}, RUN},
    {{"assert", required_argument, NULL, OPTION_ASSERT}, RUN},
    {{"watch", no_argument, NULL, OPTION_WATCH}, RUN},
    {{"pause-at", required_argument, NULL, OPTION_PAUSE_AT}, REPL},
    {{"baseline", required_argument, NULL, OPTION_BASELINE}, RUN | REPORT},
    {{"control", no_argument, NULL, OPTION_CONTROL}, RUN},
    {{"until", required_argument, NULL, OPTION_UNTIL}, RUN},
    {{"max-seeds", required_argument, NULL, OPTION_MAX_SEEDS}, RUN},
    {{"quiet", no_argument, NULL, 'q'}, RUN | SWEEP | SEARCH | EXPLAIN | REPORT | PLOT},
    {{"resolved", no_argument, NULL, OPTION_RESOLVED}, SHOWN},
    {{"help", no_argument, NULL, 'h'}, SCENARIOS | VERIFY | REPL | SHOWN}};

enum { KNOWN_OPTIONS = sizeof known_options / sizeof *known_options };

// What getopt_long takes for one verb.
typedef struct verb_options {
    char letters[2 * KNOWN_OPTIONS + 1];
    struct option list[KNOWN_OPTIONS + 1];
} verb_options;

static verb_options options_of(unsigned verb) {
    verb_options of = {0};
    size_t count = 0, letters = 0;
    for (size_t i = 0; i < KNOWN_OPTIONS; i++) {
        const struct option *option = &known_options[i].option;
        if (!(known_options[i].verbs & verb)) continue;
        of.list[count++] = *option;
        if (option->val >= OPTION_SEEDS) continue; // without a letter
        of.letters[letters++] = (char)option->val;
        if (option->has_arg) of.letters[letters++] = ':';
    }
    return of;
}

static int parse(int argc, char **argv, const char *verb, unsigned which, mb_run_arguments *arguments) {
    const verb_options options = options_of(which);
    *arguments = (mb_run_arguments){
        .verb = verb, .until_measure = -1, .shards = 1, .tolerance = 0.02, .to_s = INFINITY};
    arguments->policies = calloc((size_t)argc + 1, sizeof *arguments->policies);
    arguments->sets = calloc((size_t)argc + 1, sizeof *arguments->sets);
    arguments->overs = calloc((size_t)argc + 1, sizeof *arguments->overs);
    arguments->slos = calloc((size_t)argc + 1, sizeof *arguments->slos);
    arguments->tunes = calloc((size_t)argc + 1, sizeof *arguments->tunes);
    arguments->asserts = calloc((size_t)argc + 1, sizeof *arguments->asserts);
    if (!arguments->policies || !arguments->sets || !arguments->overs || !arguments->slos ||
        !arguments->tunes || !arguments->asserts) {
        mb_error error = {0};
        mb_fail_memory(&error);
        return mb_cli_fail(&error);
    }
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, options.letters, options.list, NULL)) != -1;) {
        if (option == '?') return mb_cli_wrong_option(verb, options.list, option, argv);
        const int code = take(arguments, option);
        if (code) return code;
    }
    if (arguments->help) return 0;
    if (optind == argc)
        return mb_cli_usage(arguments->verb, "which scenario? For example: mbsand %s burst", arguments->verb);
    arguments->scenario = argv[optind++];
    if (optind < argc) return mb_cli_usage(arguments->verb, "'%s' is one argument too many", argv[optind]);
    return 0;
}

int mb_run_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    const int code = parse(argc, argv, "run", RUN, arguments);
    if (code || arguments->help) return code;
    if (arguments->model_file && !arguments->live)
        return mb_cli_usage(arguments->verb, "--model-file is what --live llama runs, which is not given");
    if (arguments->until > 0 && arguments->live)
        return mb_cli_usage(
            arguments->verb,
            "--until adds seeds, and --live is for the seeds that are named: give one of them");
    if (arguments->max_seeds && !(arguments->until > 0))
        return mb_cli_usage(arguments->verb, "--max-seeds is the cap of --until, which is not given");
    if (arguments->dump && !arguments->out)
        return mb_cli_usage(arguments->verb, "--dump needs --out DIR to write into");
    if (arguments->window && !arguments->timeline)
        return mb_cli_usage(arguments->verb,
                            "--timeline-window is the part that --timeline FILE has, which is not given");
    if (arguments->limits.jit && arguments->limits.hook_instructions)
        return mb_cli_usage(arguments->verb,
                            "--jit and --hook-instructions exclude each other: compiled code counts none");
    return 0;
}

int mb_search_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    const int code = parse(argc, argv, "search", SEARCH, arguments);
    if (code || arguments->help) return code;
    if (arguments->shards > 1)
        return mb_cli_usage("search",
                            "--shard parts the runs of a sweep, which are known beforehand; a search goes on "
                            "from what it finds. Give each machine a policy of its own with --only");
    if (arguments->tune_count) {
        if (arguments->over_count || arguments->slo_count)
            return mb_cli_usage("search",
                                "--tune looks for the best values by --measure, --over for how far a key "
                                "may go within an --slo: give one of them");
        return 0;
    }
    if (arguments->db)
        return mb_cli_usage("search", "--db keeps the runs of --tune; those behind an answer of --over are "
                                      "all in --format csv and json");
    if (arguments->objective || arguments->runs || arguments->fresh)
        return mb_cli_usage("search", "--measure, --runs and --fresh belong to --tune, which is not given");
    if (!arguments->over_count)
        return mb_cli_usage("search", "over which key? For example: --over workload.arrivals.rate=1..100");
    if (!arguments->slo_count)
        return mb_cli_usage("search", "what is to be met? For example: --slo 'ttft_p99<=0.5'");
    return 0;
}

int mb_explain_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    const int code = parse(argc, argv, "explain", EXPLAIN, arguments);
    if (code || arguments->help) return code;
    if (arguments->policy_count != 0 && arguments->policy_count != 2)
        return mb_cli_usage("explain",
                            "expected two policies, as in --policy vllm_v1 --policy sarathi; %zu %s named",
                            arguments->policy_count, arguments->policy_count == 1 ? "is" : "are");
    if (arguments->format == MB_OUTPUT_CSV || arguments->format == MB_OUTPUT_MD)
        return mb_cli_usage("explain", "--format: expected table or json");
    const size_t length = arguments->output ? strlen(arguments->output) : 0;
    if (arguments->output && (length < 5 || strcmp(arguments->output + length - 4, ".lua") != 0 ||
                              arguments->output[length - 5] == '/'))
        return mb_cli_usage("explain", "-o: '%s' is no scenario's name; expected NAME.lua",
                            arguments->output);
    return 0;
}

int mb_sweep_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    const int code = parse(argc, argv, "sweep", SWEEP, arguments);
    if (code || arguments->help) return code;
    if (!arguments->db) return mb_cli_usage("sweep", "which database? For example: --db results.db");
    if (arguments->limits.jit && arguments->limits.hook_instructions)
        return mb_cli_usage("sweep",
                            "--jit and --hook-instructions exclude each other: compiled code counts none");
    return 0;
}

int mb_pack_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    const int code = parse(argc, argv, "pack", PACK, arguments);
    if (code || arguments->help) return code;
    if (!arguments->output)
        return mb_cli_usage("pack", "where to? For example: mbsand pack burst -o burst.mbs");
    return 0;
}

int mb_repl_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    return parse(argc, argv, "repl", REPL, arguments);
}

int mb_show_scenario_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    const int code = parse(argc, argv, "show-scenario", SHOWN, arguments);
    if (code || arguments->help || arguments->resolved) return code;
    return mb_cli_usage("show-scenario",
                        "--resolved is missing: the script itself is in its file, which can be read");
}

int mb_plot_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    return parse(argc, argv, "plot", PLOT, arguments);
}

// Everything is shown, so where the time went is asked for in any case.
int mb_report_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    const int code = parse(argc, argv, "report", REPORT, arguments);
    if (code || arguments->help) return code;
    if (arguments->limits.jit && arguments->limits.hook_instructions)
        return mb_cli_usage("report",
                            "--jit and --hook-instructions exclude each other: compiled code counts none");
    arguments->sets[arguments->set_count++] = "why=true";
    return 0;
}

int mb_verify_arguments_parse(int argc, char **argv, mb_run_arguments *arguments) {
    return parse(argc, argv, "verify", VERIFY, arguments);
}

void mb_run_arguments_deinit(mb_run_arguments *arguments) {
    free(arguments->policies);
    free(arguments->sets);
    free(arguments->overs);
    free(arguments->slos);
    free(arguments->tunes);
    free(arguments->asserts);
}

mb_overrides mb_run_overrides(const mb_run_arguments *arguments) {
    return (mb_overrides){.stepwise = arguments->stepwise,
                          .sets = arguments->sets,
                          .set_count = arguments->set_count,
                          .overs = arguments->overs,
                          .over_count = arguments->over_count,
                          .policies = arguments->policies,
                          .policy_count = arguments->policy_count,
                          .only = arguments->only,
                          .seeds = arguments->seeds  ? arguments->seeds
                                   : arguments->live ? 1
                                                     : 0,
                          .seed = arguments->seed,
                          .has_seed = arguments->has_seed,
                          .stop = mb_stop_flag(),
                          .limits = arguments->limits};
}
