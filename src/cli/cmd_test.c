// SPDX-License-Identifier: MIT
// mbsand test FILE.lua: scenarios that say what must come out.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/demands.h"
#include "cli/stop.h"
#include "explain/record.h"
#include "report/fitting.h"
#include "run/experiment.h"
#include "run/params.h"
#include "scenario/scenario_expect.h"
#include "scenario/wanted.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SENTENCES = 5, MOST_RECORDED = 100000 };

static void print_help(void) {
    mb_print_help(
        "usage: mbsand test FILE.lua|NAME ...\n\n"
        "Run scenarios that say what must come out: `expect`, for each request { start, first token, end }\n"
        "and, as a fourth, its preemptions, or \"rejected\" or \"unserved\"; and `assert`, bounds as of "
        "--assert.\n"
        "Each policy of each section has to keep all of it, with every seed, and to do the same when every\n"
        "step is visited (--step); every request has to be served unless `expect` says otherwise.\n\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 all kept, 1 not, 2 the command or its input is wrong.\n");
}

// A file while it is tested.
typedef struct tested {
    mb_scenario *scenarios[2]; // jumping, and step by step
    mb_results results[2];     // of the section
    mb_record *records[2];     // [outcome]
    mb_expectations expected;
    const mb_section *section;
    size_t number;           // of the section
    int way;                 // that runs
    mb_strbuf text;          // what is wrong with the policy at hand,
    size_t sentences;        // in so many
    size_t *passed, *failed; // of all files
} tested;

static size_t outcome_index(const tested *t, const mb_outcome *outcome) {
    return (size_t)(outcome - t->results[t->way].outcomes);
}

static mb_status open_record(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                             const mb_source *source, mb_observer *observer, mb_error *error) {
    (void)source;
    tested *t = context;
    mb_record *record = &t->records[t->way][outcome_index(t, outcome)];
    const mb_workload *workload = &experiment->workload;
    const uint64_t most = workload->kind == MB_WORKLOAD_LIST                   ? workload->list.count
                          : workload->limit && workload->limit < MOST_RECORDED ? workload->limit
                                                                               : MOST_RECORDED;
    const mb_status status = mb_record_init(record, (size_t)most, false, error);
    if (status == MB_OK) *observer = mb_record_observer(record);
    return status;
}

static mb_status close_record(void *context, mb_observer *observer, bool whole, mb_error *error) {
    (void)context, (void)observer, (void)whole, (void)error;
    return MB_OK;
}

// --- judging -----------------------------------------------------------------------------------------------

static void __attribute__((format(printf, 2, 3))) wrong(tested *t, const char *format, ...) {
    if (++t->sentences > MOST_SENTENCES) return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mb_strbuf_printf(&t->text, "         %s\n", text);
}

// Is it to be so, within what rounding of sums may do?
static bool agrees(double is, double expected) {
    return isnan(expected) || fabs(is - expected) <= 1e-9 * fmax(1, fabs(expected));
}

static const char *end_of(const mb_service *service) {
    if (!service->seen) return "never came";
    return service->served ? "was served" : service->rejected ? "was rejected" : "was never served";
}

static void judge_request(tested *t, size_t i, const mb_service *is, const mb_expected *expected) {
    const int number = (int)i + 1;
    const bool as_said = expected->rejected   ? is->rejected
                         : expected->unserved ? is->seen && !is->served && !is->rejected
                                              : is->served;
    if (!as_said) {
        wrong(t, "request %d %s; expected %s", number, end_of(is),
              expected->rejected   ? "\"rejected\""
              : expected->unserved ? "\"unserved\""
                                   : "it to be served");
        return;
    }
    if (!is->served) return;
    const struct {
        const char *what;
        double is, expected;
    } times[] = {{"starts", is->start_s, expected->start_s},
                 {"has its first token", is->first_token_s, expected->first_token_s},
                 {"ends", is->end_s, expected->end_s}};
    for (size_t k = 0; k < 3; k++)
        if (!agrees(times[k].is, times[k].expected))
            wrong(t, "request %d %s at %.9g s; expected %.9g s", number, times[k].what, times[k].is,
                  times[k].expected);
    if (!agrees(is->preemptions, expected->preemptions))
        wrong(t, "request %d is preempted %u times; expected %g", number, is->preemptions,
              expected->preemptions);
}

static void judge_schedule(tested *t, const mb_outcome *outcome, const mb_record *record) {
    if (!t->expected.rows) {
        const double unfinished = outcome->values[mb_measure_index("unfinished")];
        if (unfinished > 0) wrong(t, "%.0f requests were never served", unfinished);
        return;
    }
    size_t count = 0;
    while (count < record->count && record->services[count].seen)
        count++;
    if (count != t->expected.count)
        wrong(t, "%zu requests came; `expect` has %zu rows", count, t->expected.count);
    for (size_t i = 0; i < t->expected.count; i++)
        judge_request(t, i, &record->services[i], &t->expected.rows[i]);
}

static bool same_time(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static void judge_steps(tested *t, const mb_record *jumped, const mb_record *stepped) {
    for (size_t i = 0; i < jumped->count; i++) {
        const mb_service *a = &jumped->services[i], *b = &stepped->services[i];
        if (a->seen == b->seen && a->served == b->served && same_time(a->start_s, b->start_s) &&
            same_time(a->first_token_s, b->first_token_s) && same_time(a->end_s, b->end_s))
            continue;
        wrong(t, "visited step by step (--step), request %zu does something else; please tell us", i + 1);
        return;
    }
}

static mb_status judge_bounds(tested *t, size_t point, size_t policy, mb_error *error) {
    for (size_t i = 0; i < t->expected.bound_count; i++) {
        mb_demand demand;
        const mb_status status = mb_demand_parse(t->expected.bounds[i], &demand, error);
        if (status != MB_OK) return status;
        const double value = mb_level(&t->results[0], point, policy, demand.measure).value;
        if (!mb_demand_is_kept(&demand, value)) wrong(t, "%s: it has %.6g", demand.text, value);
    }
    return MB_OK;
}

// Of a run that failed, or was never begun.
static const char *why_not(const mb_outcome *outcome) {
    return outcome->error ? outcome->error->message : "interrupted before it was run";
}

static mb_status judge_policy(tested *t, size_t point, size_t policy, mb_error *error) {
    const mb_experiment *experiment = &t->section->points[point].experiment;
    const char *title = t->section->title, *label = t->section->points[point].label;
    t->sentences = 0;
    for (uint32_t seed = 0; seed < experiment->seeds; seed++) {
        const mb_outcome *outcomes[2];
        const mb_record *records[2];
        for (int way = 0; way < 2; way++) {
            outcomes[way] = mb_results_at(&t->results[way], point, policy, seed);
            t->way = way;
            records[way] = &t->records[way][outcome_index(t, outcomes[way])];
        }
        if (!outcomes[0]->finished) {
            wrong(t, "%s", why_not(outcomes[0]));
            continue;
        }
        if (outcomes[0]->error) wrong(t, "%s", outcomes[0]->error->message);
        judge_schedule(t, outcomes[0], records[0]);
        if (outcomes[1]->error || !outcomes[1]->finished)
            wrong(t, "visited step by step (--step): %s", why_not(outcomes[1]));
        if (outcomes[1]->finished) judge_steps(t, records[0], records[1]);
    }
    const mb_status status = judge_bounds(t, point, policy, error);
    if (t->sentences > MOST_SENTENCES)
        mb_strbuf_printf(&t->text, "         and %zu more\n", t->sentences - MOST_SENTENCES);
    mb_cli_say(stdout, "  %s%s%s%s%s%s\n", t->sentences ? "FAILED " : "ok     ", title ? title : "",
               title ? ": " : "", experiment->policies[policy].label, label && *label ? " at " : "",
               label ? label : "");
    if (t->text.text) mb_cli_say(stdout, "%s", t->text.text);
    mb_strbuf_deinit(&t->text);
    ++*(t->sentences ? t->failed : t->passed);
    return status;
}

// --- running -----------------------------------------------------------------------------------------------

static void free_section(tested *t) {
    for (int way = 0; way < 2; way++) {
        for (size_t i = 0; t->records[way] && i < t->results[way].count; i++)
            mb_record_deinit(&t->records[way][i]);
        free(t->records[way]);
        t->records[way] = NULL;
        mb_results_deinit(&t->results[way]);
    }
    mb_expectations_deinit(&t->expected);
}

// Measures that only who asks gets.
static mb_status want_bounds(const mb_section *section, const mb_expectations *expected, mb_error *error) {
    mb_demand demand;
    for (size_t i = 0; i < expected->bound_count; i++) {
        const mb_status status = mb_demand_parse(expected->bounds[i], &demand, error);
        if (status != MB_OK) return status;
        for (size_t p = 0; p < section->point_count; p++)
            mb_experiment_want(&section->points[p].experiment, mb_measures[demand.measure].name);
    }
    return MB_OK;
}

static mb_status run_section(tested *t, mb_error *error) {
    mb_status status = mb_scenario_expectations(t->scenarios[0], t->number, &t->expected, error);
    for (int way = 0; way < 2 && status == MB_OK; way++) {
        size_t jobs = 0;
        const mb_section *section = mb_scenario_section(t->scenarios[way], t->number);
        for (size_t i = 0; i < section->point_count; i++)
            jobs += section->points[i].experiment.policy_count * section->points[i].experiment.seeds;
        status = want_bounds(section, &t->expected, error);
        if (status != MB_OK) return status;
        t->way = way;
        t->records[way] = calloc(jobs + 1, sizeof *t->records[way]);
        if (!t->records[way]) return mb_fail_memory(error);
        const mb_run_options options = {
            .stop = mb_stop_flag(),
            .walls = true,
            .observer = {.open = open_record, .close = close_record, .context = t}};
        status = mb_run_section(t->scenarios[way], t->number, &options, &t->results[way], error);
    }
    for (size_t point = 0; status == MB_OK && point < t->section->point_count; point++)
        for (size_t p = 0; status == MB_OK && p < t->section->points[point].experiment.policy_count; p++)
            status = judge_policy(t, point, p, error);
    if (status == MB_OK && !t->expected.rows && !t->expected.bound_count)
        mb_cli_say(stdout, "  note   the scenario has neither `expect` nor `assert`: checked is that every "
                           "request is served, and the same\n         step by step (--step)\n");
    return status;
}

static mb_status test_file(const char *name, size_t *passed, size_t *failed, mb_error *error) {
    tested t = {.passed = passed, .failed = failed};
    char *root = NULL, *path = NULL;
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, name, &path, error);
    for (int way = 0; way < 2 && status == MB_OK; way++) {
        const mb_overrides overrides = {.stepwise = way == 1};
        status = mb_scenario_load(path, &overrides, &t.scenarios[way], error);
    }
    if (status == MB_OK && mb_scenario_skipped(t.scenarios[0])) {
        mb_cli_say(stdout, "%s: skipped: %s\n", path, mb_scenario_skipped(t.scenarios[0]));
    } else if (status == MB_OK) {
        mb_cli_put(path);
        putchar('\n');
        const size_t sections = mb_scenario_section_count(t.scenarios[0]);
        for (t.number = 0; t.number < sections && status == MB_OK; t.number++) {
            t.section = mb_scenario_section(t.scenarios[0], t.number);
            status = run_section(&t, error);
            free_section(&t);
        }
    }
    for (int way = 0; way < 2; way++)
        mb_scenario_free(t.scenarios[way]);
    free(path);
    free(root);
    return status;
}

int mb_cmd_test(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return mb_cli_wrong_option("test", options, option, argv);
        print_help();
        return mb_cli_finish();
    }
    if (optind == argc) return mb_cli_usage("test", "test needs a file; `mbsand new test NAME` writes one");
    mb_stop_on_signals();
    size_t passed = 0, failed = 0;
    int worst = 0;
    for (int i = optind; i < argc && !atomic_load(mb_stop_flag()); i++) {
        mb_error error = {0};
        if (test_file(argv[i], &passed, &failed, &error) == MB_OK) continue;
        fflush(stdout);
        const int code = mb_cli_fail(&error);
        if (code > worst) worst = code;
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    if (atomic_load(mb_stop_flag())) {
        fflush(stdout);
        fputs("mbsand: interrupted; what was tested is above\n", stderr);
        failed++;
    }
    if (failed && !worst) worst = 1;
    if (atomic_load(mb_stop_flag())) worst = 1;
    const int written = mb_cli_finish();
    return worst ? worst : written;
}
