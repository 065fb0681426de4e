// SPDX-License-Identifier: MIT
#include "cli/plan_options.h"

#include "base/strbuf.h"
#include "cli/commands.h"
#include "report/fitting.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB 1073741824.0
enum {
    MODEL = 256,
    GPU,
    GPUS,
    TP,
    PIPELINE,
    EXPERTS,
    CONTEXT,
    BATCH,
    PAGE,
    PRECISION,
    WEIGHTS,
    KV,
    RULES,
    UTILIZATION,
    ACTIVATION,
    RUNTIME,
    BLOCKS,
    BLOCK,
    STEP_TOKENS,
    MAX_SEQS,
    VLLM,
    WEIGHTS_GIB,
    FROM_LOG,
    MEMORY,
    PER_NODE,
    LATENCY,
    COMPUTE,
    BANDWIDTH,
    LINK,
    HOST,
    ENGINE,
    SLO,
    RATE,
    PROMPT,
    OUTPUT,
    PRICE,
    FORMAT,
};

void mb_plan_options_help(void) {
    mb_print_help(
        "usage: mbsand plan --model MODEL --gpu GPU [options]\n\n"
        "What fits: the memory of GPUs divided among weights, KV memory and the rest; how many users, how "
        "long a\n"
        "context, how many GPUs. A LIST is 1,2,4 or 512..131072:x2 or 1..9:2; 32k means 32,768.\n\n"
        "      --model MODEL          a bundled model (`mbsand list models`), a config.json, or its folder\n"
        "      --gpu GPU              a bundled GPU (`mbsand list gpus`), or FILE.csv:NAME\n"
        "      --gpus LIST|all        which of these GPUs fit, how many of each, at what list price\n"
        "      --tp N                 GPUs that share each layer: tensor parallelism (1)\n"
        "      --pipeline N           stages that the layers are dealt out to (1)\n"
        "      --expert-parallel N    GPUs that experts are dealt out to, a multiple of --tp: N / tp "
        "engines\n"
        "      --context LIST         tokens of a user, prompt and answer (2048)\n"
        "      --batch LIST           users at once (1)\n"
        "      --precision P          of weights and KV memory: fp32, fp16, bf16, fp8, int8 or int4\n"
        "      --weights P, --kv P    of one of them\n"
        "      --rules R              vllm (default), kaito, kaito-2026 or mlsysim: what is held back\n"
        "      --utilization X        share of the memory that may be used\n"
        "      --activation GIB, --runtime GIB   per GPU\n"
        "      --memory SIZE          of a GPU, as in 80GiB or 80GB\n"
        "      --blocks N             of KV memory, set outright; --block N: tokens in one (16)\n"
        "      --step-tokens N        most tokens of a step, max_num_batched_tokens (as vLLM for the GPU)\n"
        "      --max-seqs N           most requests of a step, max_num_seqs (likewise)\n"
        "      --vllm 0.N             the version whose defaults count (the newest known)\n"
        "      --weights-gib X        size of all weights, as measured\n"
        "      --from-log FILE        a start-up log of vLLM, SGLang or TensorRT-LLM: its pool counts\n"
        "      --gpus-per-node N      else as the GPU's description says\n"
        "      --page LIST            simulate block sizes beside contiguous memory, on requests that end "
        "early\n"
        "      --latency              times of the roofline too, with the error that it has; efficiencies\n"
        "                             of one's own: --compute X, --bandwidth X, --link X, --host SECONDS\n"
        "      --engine graphs|eager  of today, or of 2023, when the host launched each kernel\n"
        "      --slo MEASURE<=X,...   the cheapest configuration that meets it in simulation, for\n"
        "                             --rate requests/s of --prompt and --output tokens; --gpu takes a list "
        "here\n"
        "      --price USD            per GPU and hour, instead of the description's\n"
        "      --format FORMAT        table (default), csv, json or md\n"
        "  -h, --help\n\n"
        "Try: mbsand plan --model llama-3-8b --gpu h100-80gb --context 512..131072:x2 --batch 8\n");
}

// --- values
// ----------------------------------------------------------------------------------------------------

static int wrong(const char *option, const char *text, const char *expected) {
    return mb_cli_usage("plan", "%s: '%s' is not %s", option, text, expected);
}

static int read_list(const char *option, const char *text, mb_list *list) {
    if (mb_list_parse(text, list)) return 0;
    return wrong(option, text, "a list such as 1,2,4 or 512..131072:x2 of whole numbers from 1 on");
}

static int read_number(const char *option, const char *text, double least, double most, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && *value >= least && *value <= most) return 0;
    char expected[96];
    snprintf(expected, sizeof expected, "a number from %g to %g", least, most);
    return wrong(option, text, expected);
}

static int read_count(const char *option, const char *text, double most, uint64_t *value) {
    double number;
    const int code = read_number(option, text, 1, most, &number);
    if (code) return code;
    *value = (uint64_t)number;
    return (double)*value == number ? 0 : wrong(option, text, "a whole number");
}

static int read_memory(const char *text, double *bytes) {
    char *unit;
    const double value = strtod(text, &unit);
    const double factor = strcmp(unit, "GiB") == 0   ? GIB
                          : strcmp(unit, "MiB") == 0 ? GIB / 1024
                          : strcmp(unit, "GB") == 0  ? 1e9
                                                     : 0;
    *bytes = value * factor;
    if (factor > 0 && *bytes > 0 && *bytes < 1e18) return 0;
    return wrong("--memory", text, "a size with its unit, as in 80GiB, 80GB or 81559MiB");
}

// "0.19", "0.6.3", "v0.21": their second number.
static int read_version(const char *text, uint32_t *version) {
    unsigned minor = 0;
    const char *start = *text == 'v' ? text + 1 : text;
    if (sscanf(start, "0.%u", &minor) != 1 || minor == 0 || minor > 999)
        return wrong("--vllm", text, "a version of vLLM, as in 0.19");
    *version = minor;
    return 0;
}

static int read_precision(const char *option, const char *text, double *bytes) {
    *bytes = mb_precision_bytes(text);
    return *bytes > 0 ? 0 : wrong(option, text, "one of fp32, fp16, bf16, fp8, int8 and int4");
}

static int read_word(const char *option, const char *text, const char *const *words, int count, int *chosen) {
    for (int i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0) {
            *chosen = i;
            return 0;
        }
    const char *near = mb_nearest_word(text, words, (size_t)count);
    mb_strbuf list = {0};
    for (int i = 0; i < count; i++)
        mb_strbuf_printf(&list, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
    const int code = mb_cli_usage("plan", "%s: '%s' is unknown; expected %s%s%s%s", option, text,
                                  list.text ? list.text : "", near ? "; did you mean " : "", near ? near : "",
                                  near ? "?" : "");
    mb_strbuf_deinit(&list);
    return code;
}

// --- options
// ---------------------------------------------------------------------------------------------------

static const struct option LONG[] = {{"model", required_argument, NULL, MODEL},
                                     {"gpu", required_argument, NULL, GPU},
                                     {"gpus", required_argument, NULL, GPUS},
                                     {"tp", required_argument, NULL, TP},
                                     {"pipeline", required_argument, NULL, PIPELINE},
                                     {"expert-parallel", required_argument, NULL, EXPERTS},
                                     {"context", required_argument, NULL, CONTEXT},
                                     {"batch", required_argument, NULL, BATCH},
                                     {"page", required_argument, NULL, PAGE},
                                     {"precision", required_argument, NULL, PRECISION},
                                     {"weights", required_argument, NULL, WEIGHTS},
                                     {"kv", required_argument, NULL, KV},
                                     {"rules", required_argument, NULL, RULES},
                                     {"utilization", required_argument, NULL, UTILIZATION},
                                     {"activation", required_argument, NULL, ACTIVATION},
                                     {"runtime", required_argument, NULL, RUNTIME},
                                     {"blocks", required_argument, NULL, BLOCKS},
                                     {"block", required_argument, NULL, BLOCK},
                                     {"step-tokens", required_argument, NULL, STEP_TOKENS},
                                     {"max-seqs", required_argument, NULL, MAX_SEQS},
                                     {"vllm", required_argument, NULL, VLLM},
                                     {"weights-gib", required_argument, NULL, WEIGHTS_GIB},
                                     {"from-log", required_argument, NULL, FROM_LOG},
                                     {"memory", required_argument, NULL, MEMORY},
                                     {"gpus-per-node", required_argument, NULL, PER_NODE},
                                     {"latency", no_argument, NULL, LATENCY},
                                     {"compute", required_argument, NULL, COMPUTE},
                                     {"bandwidth", required_argument, NULL, BANDWIDTH},
                                     {"link", required_argument, NULL, LINK},
                                     {"host", required_argument, NULL, HOST},
                                     {"engine", required_argument, NULL, ENGINE},
                                     {"slo", required_argument, NULL, SLO},
                                     {"rate", required_argument, NULL, RATE},
                                     {"prompt", required_argument, NULL, PROMPT},
                                     {"output", required_argument, NULL, OUTPUT},
                                     {"price", required_argument, NULL, PRICE},
                                     {"format", required_argument, NULL, FORMAT},
                                     {"help", no_argument, NULL, 'h'},
                                     {NULL, 0, NULL, 0}};

static int take_count(const char *option, double most, uint32_t *value) {
    uint64_t number;
    const int code = read_count(option, optarg, most, &number);
    if (!code) *value = (uint32_t)number;
    return code;
}

static int take_memory_option(mb_plan_options *o, int option, const char *name) {
    double gib;
    int code;
    switch (option) {
    case UTILIZATION:
        return read_number(name, optarg, 0.01, 1, &o->plan.utilization);
    case ACTIVATION:
        code = read_number(name, optarg, 0, 1e6, &gib);
        o->plan.activation_bytes = gib * GIB;
        return code;
    case RUNTIME:
        code = read_number(name, optarg, 0, 1e6, &gib);
        o->plan.runtime_bytes = gib * GIB;
        return code;
    case BLOCKS:
        return read_count(name, optarg, 1e12, &o->plan.blocks);
    case BLOCK:
        return take_count(name, 1 << 20, &o->plan.block);
    case MAX_SEQS:
        return take_count(name, 1 << 20, &o->plan.step_requests);
    case VLLM:
        return read_version(optarg, &o->plan.version);
    case WEIGHTS_GIB:
        code = read_number(name, optarg, 0.001, 1e6, &gib);
        o->plan.weight_bytes = gib * GIB;
        return code;
    case STEP_TOKENS:
        return take_count(name, 1 << 24, &o->plan.step_tokens);
    default:
        return read_memory(optarg, &o->plan.memory_bytes);
    }
}

static int take_precision(mb_plan_options *o, int option, const char *name) {
    double bytes;
    const int code = read_precision(name, optarg, &bytes);
    if (option != KV) {
        o->plan.bytes_per_weight = bytes;
        o->weight_precision = optarg;
    }
    if (option != WEIGHTS) {
        o->plan.bytes_per_value = bytes;
        o->kv_precision = optarg;
    }
    return code;
}

static int take_engine(mb_plan_options *o) {
    for (int i = 0; i < MB_ROOFLINE_ENGINES; i++) {
        if (strcmp(optarg, mb_roofline_engines[i]) != 0) continue;
        o->engine = mb_roofline_engines[i];
        return 0;
    }
    return mb_cli_usage("plan", "--engine is \"%s\"; expected graphs (of today) or eager (of 2023)", optarg);
}

static int take_time_option(mb_plan_options *o, int option, const char *name) {
    int code;
    switch (option) {
    case COMPUTE:
        code = read_number(name, optarg, 0.001, 1, &o->efficiency.compute);
        o->efficiency.attention = o->efficiency.compute;
        return code;
    case BANDWIDTH:
        code = read_number(name, optarg, 0.001, 1, &o->efficiency.bandwidth);
        o->efficiency.kv_bandwidth = o->efficiency.bandwidth;
        return code;
    case ENGINE:
        return take_engine(o);
    case LINK:
        return read_number(name, optarg, 0.001, 1, &o->efficiency.link);
    case HOST:
        return read_number(name, optarg, 0, 10, &o->host_s);
    case RATE:
        return read_number(name, optarg, 1e-6, 1e6, &o->rate);
    case PROMPT:
        return read_number(name, optarg, 1, 1e6, &o->prompt);
    case OUTPUT:
        return read_number(name, optarg, 1, 1e6, &o->output);
    default:
        return read_number(name, optarg, 1e-6, 1e6, &o->price);
    }
}

static int take(mb_plan_options *o, int option, const char *name) {
    static const char *const formats[] = {"table", "csv", "json", "md"};
    int word = 0, code = 0;
    switch (option) {
    case MODEL:
        o->model = optarg;
        return 0;
    case GPU:
        o->gpu = optarg;
        return 0;
    case GPUS:
        o->gpus = optarg;
        return 0;
    case TP:
        return take_count(name, 4096, &o->plan.tp);
    case PIPELINE:
        return take_count(name, 4096, &o->plan.pipeline);
    case EXPERTS:
        return take_count(name, 4096, &o->plan.expert_parallel);
    case PER_NODE:
        return take_count(name, 4096, &o->per_node);
    case CONTEXT:
        return read_list(name, optarg, &o->contexts);
    case BATCH:
        return read_list(name, optarg, &o->batches);
    case PAGE:
        return read_list(name, optarg, &o->pages);
    case PRECISION:
    case WEIGHTS:
    case KV:
        return take_precision(o, option, name);
    case RULES:
        code = read_word(name, optarg, mb_rules_names, MB_RULES_COUNT, &word);
        o->plan.rules = (mb_rules)word;
        return code;
    case FORMAT:
        code = read_word(name, optarg, formats, 4, &word);
        o->format = (mb_plan_format)word;
        return code;
    case LATENCY:
        o->latency = true;
        return 0;
    case FROM_LOG:
        o->from_log = optarg;
        return 0;
    case SLO:
        o->slo = optarg;
        return 0;
    case COMPUTE:
    case BANDWIDTH:
    case LINK:
    case HOST:
    case ENGINE:
    case RATE:
    case PROMPT:
    case OUTPUT:
    case PRICE:
        return take_time_option(o, option, name);
    default:
        return take_memory_option(o, option, name);
    }
}

static int check(const mb_plan_options *o) {
    if (!o->model) return mb_cli_usage("plan", "which model? Give --model NAME (`mbsand list models`)");
    if (o->gpus && (o->gpu || o->slo || o->pages.count || o->from_log || o->plan.blocks))
        return mb_cli_usage(
            "plan",
            "--gpus asks which GPUs fit: it does not go with --gpu, --slo, --page, --from-log or --blocks");
    if (o->gpus && (o->plan.tp > 1 || o->plan.pipeline > 1))
        return mb_cli_usage(
            "plan", "--gpus finds how many GPUs share a layer: it does not go with --tp or --pipeline");
    if (o->gpus && (o->contexts.count > 1 || o->batches.count > 1))
        return mb_cli_usage("plan", "--gpus is for one --context and one --batch");
    if ((o->plan.pipeline > 1 || o->plan.expert_parallel) && (o->latency || o->slo || o->pages.count))
        return mb_cli_usage(
            "plan",
            "times of pipelines and of experts in parallel are not known: --pipeline and --expert-parallel "
            "do not go with --latency, --slo or --page");
    if (!o->gpu && !o->gpus)
        return mb_cli_usage("plan", "on which GPU? Give --gpu NAME (`mbsand list gpus`)");
    if (o->from_log && (o->plan.blocks || o->slo || o->pages.count))
        return mb_cli_usage("plan",
                            "--from-log sets the pool: it does not go with --blocks, --slo or --page");
    if ((o->slo || o->pages.count) && (o->plan.version || o->plan.step_requests || o->plan.weight_bytes > 0))
        return mb_cli_usage("plan", "--vllm, --max-seqs and --weights-gib are not for --slo and --page: give "
                                    "--utilization, --activation, --runtime or --weights");
    if (o->slo && !(o->rate > 0 && o->prompt > 0 && o->output > 0))
        return mb_cli_usage("plan", "--slo is judged on a workload: give --rate, --prompt and --output");
    return 0;
}

int mb_plan_options_parse(int argc, char **argv, mb_plan_options *o) {
    *o = (mb_plan_options){
        .plan = {.tp = 1, .utilization = NAN, .activation_bytes = NAN, .runtime_bytes = NAN, .block = 16},
        .efficiency = mb_roofline_unset,
        .engine = mb_roofline_engines[0],
        .price = NAN};
    if (!mb_list_parse("2048", &o->contexts) || !mb_list_parse("1", &o->batches))
        return mb_cli_usage("plan", "out of memory");
    optind = 1;
    opterr = 0;
    for (int option, index = 0; (option = getopt_long(argc, argv, ":h", LONG, &index)) != -1;) {
        if (option == 'h') {
            o->help = true;
            return 0;
        }
        if (option == ':' || option == '?') return mb_cli_wrong_option("plan", LONG, option, argv);
        char name[32];
        snprintf(name, sizeof name, "--%s", LONG[index].name);
        const int code = take(o, option, name);
        if (code) return code;
    }
    if (optind < argc)
        return mb_cli_usage("plan", "what is '%s'? Everything is an option here", argv[optind]);
    return check(o);
}

void mb_plan_options_deinit(mb_plan_options *o) {
    free(o->contexts.values);
    free(o->batches.values);
    free(o->pages.values);
}
