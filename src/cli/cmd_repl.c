// SPDX-License-Identifier: MIT
// mbsand repl SCENARIO.lua: a simulation that stops, is looked at, and goes on.
#include "base/line.h"
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/stop.h"
#include "policy/inspect.h"
#include "report/fitting.h"
#include "run/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(void) {
    mb_print_help(
        "usage: mbsand repl SCENARIO.lua [options]\n\n"
        "Run one policy with one seed, stop, and answer questions until it is told to go on: what waits, "
        "what\n"
        "runs, and any line of Lua, which sees what the policy sees (`self`, `sim`, `replicas`), may look "
        "at\n"
        "anything, and changes nothing. `help` lists the commands.\n\n"
        "      --pause-at T         stop at the first instant from T seconds on (default: the very first)\n"
        "  -p, --policy NAME|FILE[,param=value...]  run this policy (default: the scenario's first)\n"
        "      --section N          of a file that returns several scenarios\n"
        "  -s, --set KEY=VALUE      change a value of the scenario: --set cluster.gpus=8\n"
        "      --seed S             the seed\n"
        "      --hook-seconds X, --hook-instructions N, --memory-mb N, --step, --no-os-sandbox\n"
        "                           as of `mbsand run`\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 done, 1 the run failed, 2 the command or its input is wrong.\n");
}

static const char COMMANDS[] =
    "  next [N]     go on to the next instant, or over N of them\n"
    "  until T      go on to the first instant from T seconds on\n"
    "  queues       what waits, and in which order\n"
    "  replicas     what runs, and where\n"
    "  requests     those that run, one by one\n"
    "  continue     go on to the end\n"
    "  quit         end it here\n"
    "  anything else is Lua: #sim.queue, replicas[1].kv.used, self.params, sim.queue:peek().prompt_tokens\n";

enum { MOST_LINE = 1 << 16 }; // bytes

typedef struct session {
    double until_s;
    uint64_t skip; // instants before it stops again
    bool asks;     // standard input is a terminal: somebody wants a prompt
    bool free;     // nobody asks any more
    bool quit;
    atomic_bool stop;
    const mb_experiment *experiment;
    mb_outcome outcome;
    atomic_bool given; // its only job was taken
    char line[MOST_LINE];
} session;

static void tell_time(const mb_sim *sim) {
    printf("t = %.9g s: %llu requests came, %llu wait, %llu run\n", sim->now_s,
           (unsigned long long)sim->arrived, (unsigned long long)sim->waiting,
           (unsigned long long)sim->running);
}

static void tell_queue(mb_sim *sim, uint32_t index) {
    enum { SHOWN = 8 };
    mb_queue *queue = &sim->queues[index];
    printf("queue %u", index + 1);
    if (index == 0) fputs(" (sim.queue)", stdout);
    if (!sim->inbox_is_bins && sim->inbox == index) fputs(" (sim.inbox)", stdout);
    if (queue->owner != MB_NONE) printf(" (of replica %u)", queue->owner + 1);
    printf(": %u wait", queue->count);
    if (queue->order != MB_KEY_NONE) printf(", by %s", mb_key_name(queue->order));
    mb_queue_settle(queue, &sim->requests);
    uint32_t slot = mb_queue_peek(queue, &sim->requests);
    for (int i = 0; slot != MB_NONE && i < SHOWN; i++) {
        printf("%s %llu", i ? "," : "; requests",
               (unsigned long long)mb_request_at(&sim->requests, slot)->id);
        slot = mb_queue_after(queue, &sim->requests, slot);
    }
    puts(slot != MB_NONE ? ", ..." : "");
}

static void evaluate(mb_host *host, const char *line) {
    mb_strbuf text = {0};
    mb_error error = {0};
    if (mb_inspect(host, line, "the prompt", &text, &error) != MB_OK)
        mb_cli_say(stdout, "%s\n", error.message);
    else if (text.length)
        mb_cli_say(stdout, "%s\n", text.text);
    mb_strbuf_deinit(&text);
}

static const char SHOW_REPLICAS[] =
    "local t = {} for i, r in ipairs(replicas) do t[i] = ('replica %d: %d run, %d wait in its own queue, KV "
    "memory '"
    " .. '%s of %s tokens'):format(r.id, r.running, r.waiting, r.kv.used, r.kv.capacity) end"
    " return table.concat(t, '\\n')";
static const char SHOW_REQUESTS[] = "local t = {} for _, r in ipairs(replicas) do for q in r:each_running() "
                                    "do t[#t + 1] = ('request %d on replica "
                                    "%d: %s, prompt %d, %d generated, waited %.6g s'):format(q.id, r.id, "
                                    "q:phase(), q.prompt_tokens, q:generated(), "
                                    "q:waited()) end end return table.concat(t, '\\n')";

// "next 3" -> 3, "next" -> `otherwise`; NAN: it is something else.
static double argument_of(const char *line, const char *command, double otherwise) {
    const size_t length = strlen(command);
    if (strncmp(line, command, length) != 0 || (line[length] && line[length] != ' ')) return NAN;
    char *end;
    const double value = strtod(line + length, &end);
    if (end == line + length) return line[length + strspn(line + length, " ")] ? (double)NAN : otherwise;
    return *end || !(value >= 0) ? (double)NAN : value;
}

// True: the simulation goes on.
static bool obey(session *s, mb_sim *sim, const char *line) {
    const double count = argument_of(line, "next", 1), until = argument_of(line, "until", NAN);
    if (count >= 1) {
        s->skip = (uint64_t)count - 1;
        s->until_s = 0;
        return true;
    }
    if (!isnan(until)) {
        s->until_s = until;
        return true;
    }
    if (strcmp(line, "continue") == 0) return s->free = true;
    if (strcmp(line, "quit") == 0) {
        s->quit = true;
        atomic_store(&s->stop, true);
        return s->free = true;
    }
    if (strcmp(line, "help") == 0)
        fputs(COMMANDS, stdout);
    else if (strcmp(line, "queues") == 0)
        for (uint32_t i = 0; i < sim->queue_count; i++)
            tell_queue(sim, i);
    else if (strcmp(line, "replicas") == 0)
        evaluate(sim->policy.self, SHOW_REPLICAS);
    else if (strcmp(line, "requests") == 0)
        evaluate(sim->policy.self, SHOW_REQUESTS);
    else if (*line)
        evaluate(sim->policy.self, line);
    return false;
}

static mb_status at_instant(void *self, mb_sim *sim, mb_error *error) {
    session *s = self;
    if (s->free || sim->now_s < s->until_s || (s->skip && s->skip--)) return MB_OK;
    tell_time(sim);
    for (bool on = false; !on;) {
        if (s->asks) fputs("> ", stdout);
        fflush(stdout);
        const mb_line next = mb_line_read(stdin, s->line, sizeof s->line);
        if (next == MB_LINE_TOO_LONG)
            return mb_fail(error, MB_BAD_INPUT, "a line longer than %d KiB; expected a command or Lua",
                           MOST_LINE >> 10);
        if (next == MB_LINE_NONE) {
            on = obey(s, sim, "quit"); // nobody says any more
            break;
        }
        s->line[strcspn(s->line, "\r")] = '\0';
        on = obey(s, sim, s->line + strspn(s->line, " \t"));
    }
    return MB_OK;
}

// --- the run -----------------------------------------------------------------------------------------------

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *job) {
    (void)worker, (void)state;
    session *s = context;
    if (atomic_exchange(&s->given, true)) return false;
    *job = (mb_job){s->experiment, &s->outcome};
    return true;
}

static mb_status open_session(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                              const mb_source *source, mb_observer *observer, mb_error *error) {
    (void)experiment, (void)outcome, (void)source, (void)error;
    *observer = (mb_observer){.self = context, .instant = at_instant};
    return MB_OK;
}

static mb_status close_session(void *context, mb_observer *observer, bool whole, mb_error *error) {
    (void)context, (void)observer, (void)whole, (void)error;
    return MB_OK;
}

static void tell_end(const session *s) {
    const double *values = s->outcome.values;
    printf("ended: %.0f requests served", values[mb_measure_index("finished")]);
    const double unserved = values[mb_measure_index("unfinished")];
    if (unserved > 0) printf(", %.0f never", unserved);
    printf("; mean E2E %.6g s, p99 of TTFT %.6g s\n", values[mb_measure_index("e2e_mean_s")],
           values[mb_measure_index("ttft_p99_s")]);
}

static int run(const mb_run_arguments *arguments, mb_scenario *scenario, mb_error *error) {
    const size_t sections = mb_scenario_section_count(scenario);
    const size_t number = arguments->section ? arguments->section - 1 : 0;
    if (number >= sections) {
        mb_fail(error, MB_BAD_INPUT, "--section %zu: the file has %zu", number + 1, sections);
        return mb_cli_fail(error);
    }
    const mb_experiment *experiment = &mb_scenario_section(scenario, number)->points[0].experiment;
    session s = {.until_s = arguments->pause_s, .asks = isatty(STDIN_FILENO) == 1, .experiment = experiment};
    s.outcome.policy = arguments->policy_count ? experiment->policy_count - 1 : 0;
    mb_cli_say(stdout, "%s, seed %llu\n", experiment->policies[s.outcome.policy].label,
               (unsigned long long)experiment->seed);
    const mb_run_options options = {
        .threads = 1,
        .stop = &s.stop,
        .walls = !arguments->no_walls,
        .observer = {.open = open_session, .close = close_session, .context = &s}};
    const mb_job_feed feed = {.next = next_job, .total = 1, .context = &s};
    mb_status status = mb_pool_run(&options, &feed, 1, error);
    if (status == MB_OK && s.outcome.error && !s.quit) {
        *error = *s.outcome.error;
        status = s.outcome.status;
    } else if (status == MB_OK && s.outcome.finished)
        tell_end(&s);
    mb_outcome_deinit(&s.outcome);
    if (status == MB_OK) return 0;
    fflush(stdout);
    return mb_cli_fail(error);
}

int mb_cmd_repl(int argc, char **argv) {
    mb_run_arguments arguments;
    mb_error error = {0};
    int code = mb_repl_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        print_help();
    else if (code == 0) {
        const mb_overrides overrides = mb_run_overrides(&arguments);
        mb_scenario *scenario = NULL;
        if (mb_scenario_load(arguments.scenario, &overrides, &scenario, &error) != MB_OK)
            code = mb_cli_fail(&error);
        else if (mb_scenario_skipped(scenario))
            mb_cli_say(stdout, "skipped: %s\n", mb_scenario_skipped(scenario));
        else
            code = run(&arguments, scenario, &error);
        mb_scenario_free(scenario);
    }
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
