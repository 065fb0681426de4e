// SPDX-License-Identifier: MIT
#include "explain/save.h"

#include "base/paths.h"
#include "report/files.h"
#include "report/format.h"
#include "workload/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SAMPLE = 5000 }; // rows that policies may look at before the run (policy/sample.c)

// Which columns the requests need.
typedef struct columns {
    bool client, priority, service, prefix, session, empty, max_output, noise, class;
    uint32_t prefix_unit;
} columns;

typedef struct saver {
    const mb_duel *duel;
    const mb_found *found;
    const mb_arrival *before; // what policies knew of the lengths; none: they did not ask
    size_t before_count;
    columns has;
} saver;

static void look_at(columns *has, const mb_arrival *arrival, char *const *clients) {
    has->client = has->client || clients[arrival->client][0];
    has->priority = has->priority || arrival->priority != 0;
    has->service = has->service || arrival->service_s > 0;
    has->session = has->session || arrival->program != 0;
    has->max_output = has->max_output || arrival->max_output != 0;
    has->empty = has->empty || !arrival->prompt_tokens || !arrival->output_tokens;
    if (!arrival->prefix_count) return;
    has->prefix = true;
    has->prefix_unit = arrival->prefix_unit_tokens;
}

// --- the trace

static void add_prefix(mb_strbuf *text, const mb_arrival *arrival) {
    mb_strbuf_add(text, ",\"[");
    for (uint32_t i = 0; i < arrival->prefix_count; i++)
        mb_strbuf_printf(text, "%s%llu", i ? ", " : "", (unsigned long long)arrival->prefix_ids[i]);
    mb_strbuf_add(text, "]\"");
}

static void add_row(const saver *s, mb_strbuf *text, const mb_arrival *arrival, double time_s) {
    mb_strbuf_printf(text, "%.17g,%u,%u,%u", time_s, arrival->prompt_tokens, arrival->output_tokens,
                     arrival->predicted_output);
    if (s->has.client) {
        const mb_requests *requests = s->duel->requests;
        mb_strbuf_add(text, ",");
        mb_add_csv(text, arrival->client < requests->client_count ? requests->clients[arrival->client] : "");
    }
    if (s->has.class) {
        mb_strbuf_add(text, ",");
        mb_add_csv(text, mb_workload_class_name(&s->duel->experiment->workload, arrival->class_index));
    }
    if (s->has.priority) mb_strbuf_printf(text, ",%d", arrival->priority);
    if (s->has.service) mb_strbuf_printf(text, ",%.17g", arrival->service_s);
    if (s->has.session && !arrival->program) mb_strbuf_add(text, ",");
    if (s->has.session && arrival->program)
        mb_strbuf_printf(text, ",%llu", (unsigned long long)arrival->program);
    if (s->has.max_output && !arrival->max_output) mb_strbuf_add(text, ",");
    if (s->has.max_output && arrival->max_output) mb_strbuf_printf(text, ",%u", arrival->max_output);
    if (s->has.noise) mb_strbuf_printf(text, ",%llu", (unsigned long long)arrival->noise);
    if (s->has.prefix) add_prefix(text, arrival);
    mb_strbuf_add(text, "\n");
}

static void add_trace(const saver *s, mb_strbuf *text) {
    const mb_arrival *all = s->duel->requests->arrivals;
    const mb_trial *stretch = &s->found->stretch;
    mb_strbuf_add(text, "arrival_s,prompt,output,predicted");
    mb_strbuf_add(text, s->has.client ? ",client" : "");
    mb_strbuf_add(text, s->has.class ? ",class" : "");
    mb_strbuf_add(text, s->has.priority ? ",priority" : "");
    mb_strbuf_add(text, s->has.service ? ",service_s" : "");
    mb_strbuf_add(text, s->has.session ? ",session" : "");
    mb_strbuf_add(text, s->has.max_output ? ",max_output" : "");
    mb_strbuf_add(text, s->has.noise ? ",noise" : "");
    mb_strbuf_add(text, s->has.prefix ? ",prefix\n" : "\n");
    for (size_t i = 0; i < s->before_count; i++)
        add_row(s, text, &s->before[i], 0);
    for (size_t i = 0; i < stretch->count; i++)
        add_row(s, text, &all[stretch->numbers[i]],
                all[stretch->numbers[i]].time_s - all[stretch->numbers[0]].time_s);
}

// --- the script

static void add_quoted(mb_strbuf *text, const char *value) {
    mb_strbuf_add(text, "\"");
    for (; *value; value++) {
        const unsigned char c = (unsigned char)*value;
        if (c == '"' || c == '\\')
            mb_strbuf_printf(text, "\\%c", c);
        else if (c < 32 || c == 127)
            mb_strbuf_printf(text, "\\%03u", c);
        else
            mb_strbuf_add_bytes(text, value, 1);
    }
    mb_strbuf_add(text, "\"");
}

// What does not refine said all that it says before.
static void add_predictor(mb_strbuf *text, const mb_predictor *predictor) {
    if (predictor->kind == MB_PREDICT_REFINED)
        mb_strbuf_printf(text, "predict.refined { sigma = %.17g, every = %u, floor = %.17g },",
                         predictor->sigma, predictor->every, predictor->floor);
    else if (predictor->kind == MB_PREDICT_BINS) {
        mb_strbuf_printf(text, "predict.bins { lowest = %.17g, highest = %.17g, edges = {", predictor->lowest,
                         predictor->highest);
        for (size_t i = 0; i + 1 < predictor->bins; i++)
            mb_strbuf_printf(text, "%s %.17g", i ? "," : "", predictor->edges[i]);
        mb_strbuf_add(text, " } },");
    } else
        mb_strbuf_add(text, "predict.column {},");
}

static bool same_slo(const mb_slo *a, const mb_slo *b) {
    return a->ttft_s == b->ttft_s && a->tbt_s == b->tbt_s && a->gap_s == b->gap_s && a->e2e_s == b->e2e_s &&
           a->of_late == b->of_late && (!a->of_late || a->late == b->late);
}

// What the scenario's own does not say already.
static void add_promises(mb_strbuf *text, const mb_class *class, const mb_experiment *experiment) {
    const struct {
        const char *key;
        double bound;
    } bounds[] = {{"ttft", class->slo.ttft_s},
                  {"tbt", class->slo.tbt_s},
                  {"gap", class->slo.gap_s},
                  {"e2e", class->slo.e2e_s},
                  {"late", class->slo.of_late ? class->slo.late : INFINITY}};
    if (!same_slo(&class->slo, &experiment->slo)) {
        const char *before = " ";
        mb_strbuf_add(text, ", slo = {");
        for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
            if (!isfinite(bounds[i].bound)) continue;
            mb_strbuf_printf(text, "%s%s = %.17g", before, bounds[i].key, bounds[i].bound);
            before = ", ";
        }
        mb_strbuf_add(text, *before == ',' ? " }" : "}");
    }
    if (class->reader.speed > 0)
        mb_strbuf_printf(text, ", qoe = { speed = %.17g, ttft = %.17g }", class->reader.speed,
                         class->reader.ttft_s);
}

// Priorities are the rows' own.
static void add_classes(const saver *s, mb_strbuf *text) {
    const mb_workload *workload = &s->duel->experiment->workload;
    mb_strbuf_add(text, "\n    classes = {");
    for (size_t i = 0; i < workload->class_count; i++) {
        mb_strbuf_add(text, "\n      { name = ");
        add_quoted(text, workload->classes[i].name);
        add_promises(text, &workload->classes[i], s->duel->experiment);
        mb_strbuf_add(text, " },");
    }
    mb_strbuf_add(text, "\n    },");
}

static void add_workload(const saver *s, mb_strbuf *text, const char *csv) {
    mb_strbuf_add(text, "  workload = trace.csv ");
    add_quoted(text, csv);
    mb_strbuf_add(text, " {\n    columns = { time = \"arrival_s\", prompt = \"prompt\", output = \"output\", "
                        "predicted = \"predicted\"");
    if (s->has.client) mb_strbuf_add(text, ", client = \"client\"");
    if (s->has.class) mb_strbuf_add(text, ", class = \"class\"");
    if (s->has.priority) mb_strbuf_add(text, ", priority = \"priority\"");
    if (s->has.service) mb_strbuf_add(text, ", service = \"service_s\"");
    if (s->has.session) mb_strbuf_add(text, ", session = \"session\"");
    if (s->has.max_output) mb_strbuf_add(text, ", max_output = \"max_output\"");
    if (s->has.noise) mb_strbuf_add(text, ", noise = \"noise\"");
    if (s->has.prefix) mb_strbuf_add(text, ", prefix = \"prefix\"");
    mb_strbuf_add(text, " },\n    predictor = ");
    add_predictor(text, &s->duel->experiment->workload.predictor);
    if (s->has.prefix) mb_strbuf_printf(text, " prefix_unit = %u,", s->has.prefix_unit);
    if (s->has.empty) mb_strbuf_add(text, " keep_zero = true,");
    if (s->duel->experiment->workload.trace.grow) mb_strbuf_add(text, " context = \"grow\",");
    if (s->has.class) add_classes(s, text);
    if (s->before_count)
        mb_strbuf_printf(text, "\n    skip_rows = %zu, -- what policies know of the lengths before they come",
                         s->before_count);
    mb_strbuf_add(text, "\n  },\n");
}

static void add_value(mb_strbuf *text, const mb_param *param) {
    if (param->kind == MB_PARAM_NUMBER) mb_strbuf_printf(text, "%.17g", param->number);
    if (param->kind == MB_PARAM_BOOLEAN) mb_strbuf_add(text, param->boolean ? "true" : "false");
    if (param->kind == MB_PARAM_TEXT) add_quoted(text, param->text);
    if (param->kind != MB_PARAM_NUMBERS) return;
    mb_strbuf_add(text, "{");
    for (size_t i = 0; i < param->number_count; i++)
        mb_strbuf_printf(text, "%s %.17g", i ? "," : "", param->numbers[i]);
    mb_strbuf_add(text, " }");
}

// A bundled one by its name, another by its file.
static mb_status add_policy(mb_strbuf *text, const mb_policy_spec *spec, const char *root, mb_error *error) {
    char *folder = mb_paths_join(root, "policies");
    if (!folder) return mb_fail_memory(error);
    const size_t length = strlen(folder), whole = strlen(spec->path);
    const bool bundled =
        strncmp(spec->path, folder, length) == 0 && spec->path[length] == '/' && whole > length + 5;
    mb_strbuf name = {0};
    mb_strbuf_add(&name, bundled ? spec->path + length + 1 : spec->path);
    if (bundled && name.text) name.text[name.length - 4] = '\0'; // without ".lua"
    mb_strbuf_add(text, "    { ");
    add_quoted(text, name.text ? name.text : "");
    for (size_t i = 0; i < spec->param_count; i++)
        if (!spec->params[i].if_declared) {
            mb_strbuf_printf(text, ", %s = ", spec->params[i].name);
            add_value(text, &spec->params[i]);
        }
    if (spec->unlimited_memory) mb_strbuf_add(text, ", unlimited_memory = true");
    mb_strbuf_add(text, ", label = ");
    add_quoted(text, spec->label);
    mb_strbuf_add(text, " },\n");
    free(folder);
    mb_strbuf_deinit(&name);
    return MB_OK;
}

// A parameter that was for every policy that has it is swept over its one value, which leaves others alone.
static void add_axes(mb_strbuf *text, const mb_experiment *experiment) {
    const mb_policy_spec *spec = &experiment->policies[0], *other = &experiment->policies[1];
    bool any = false;
    for (size_t i = 0; i < spec->param_count + other->param_count; i++) {
        const bool first = i < spec->param_count;
        const mb_param *param = first ? &spec->params[i] : &other->params[i - spec->param_count];
        bool again = false;
        for (size_t j = 0; j < spec->param_count && !first; j++)
            again = again || (spec->params[j].if_declared && strcmp(spec->params[j].name, param->name) == 0);
        if (!param->if_declared || again) continue;
        mb_strbuf_printf(text, "%s{ \"params.%s\", { ", any ? ", " : "  over = { ", param->name);
        add_value(text, param);
        mb_strbuf_add(text, " } }");
        any = true;
    }
    if (any) mb_strbuf_add(text, " },\n");
}

static mb_status add_head(const saver *s, mb_strbuf *text, const char *root, const char *csv,
                          mb_error *error) {
    const mb_experiment *experiment = s->duel->experiment;
    mb_status status = MB_OK;
    mb_strbuf_add(text, "  title = \"stretch\",\n");
    add_workload(s, text, csv);
    mb_strbuf_add(text, "  policies = {\n");
    for (int p = 0; p < 2 && status == MB_OK; p++)
        status = add_policy(text, &experiment->policies[p], root, error);
    mb_strbuf_add(text, "  },\n");
    add_axes(text, experiment);
    mb_strbuf_printf(text, "  seeds = 1, seed = %llu,", (unsigned long long)experiment->seed);
    return status;
}

// --- files

static mb_status write_file(const char *folder, const char *name, const mb_strbuf *text, mb_error *error) {
    mb_output_file output = {0};
    if (text->failed) return mb_fail_memory(error);
    const mb_status status = mb_output_open(folder, name, &output, error);
    if (status != MB_OK) return status;
    fwrite(text->text, 1, text->length, output.file);
    return mb_output_commit(&output, error);
}

static mb_status write_both(saver *s, mb_scenario *scenario, const char *folder, const char *name,
                            mb_error *error) {
    mb_strbuf csv_name = {0}, trace = {0}, head = {0}, comment = {0}, script = {0};
    mb_strbuf_add_bytes(&csv_name, name, strlen(name) - 4);
    mb_strbuf_add(&csv_name, ".csv");
    const mb_policy_spec *policies = s->duel->experiment->policies;
    mb_strbuf_printf(&comment, "-- %zu of the %zu requests of %s, where %s and %s differ; by mbsand explain.",
                     s->found->stretch.count, s->found->requests, mb_scenario_path(scenario),
                     policies[0].label, policies[1].label);
    mb_status status = csv_name.failed || comment.failed ? mb_fail_memory(error) : MB_OK;
    if (status == MB_OK) status = add_head(s, &head, mb_scenario_root(scenario), csv_name.text, error);
    if (status == MB_OK && head.failed) status = mb_fail_memory(error);
    if (status == MB_OK) {
        mb_make_printable(comment.text, "");
        status = mb_scenario_write(scenario, comment.text, head.text, &script, error);
    }
    add_trace(s, &trace);
    if (status == MB_OK) status = write_file(folder, csv_name.text, &trace, error);
    if (status == MB_OK) status = write_file(folder, name, &script, error);
    mb_strbuf_deinit(&csv_name);
    mb_strbuf_deinit(&trace);
    mb_strbuf_deinit(&head);
    mb_strbuf_deinit(&comment);
    mb_strbuf_deinit(&script);
    return status;
}

// --- does it do the same?

static mb_status run_written(const saver *s, const mb_experiment *experiment, bool *same, mb_error *error) {
    mb_requests requests;
    mb_duel duel = {
        .experiment = experiment, .requests = &requests, .measure = s->duel->measure, .run = s->duel->run};
    mb_trial trial = {0};
    const mb_trial *stretch = &s->found->stretch;
    mb_status status = mb_requests_read(&experiment->workload, experiment->seed, 0, SIZE_MAX, duel.run->stop,
                                        &requests, error);
    if (status == MB_OK) status = mb_trials_run(&duel, &trial, 1, error);
    *same = status == MB_OK && trial.ran && requests.count == stretch->count;
    for (size_t i = 0; i < stretch->count && *same; i++)
        for (int p = 0; p < 2; p++)
            *same = *same && mb_service_same(&trial.records[p].services[i], &stretch->records[p].services[i]);
    mb_trial_deinit(&trial);
    mb_requests_deinit(&requests);
    return status;
}

static mb_status check_written(const saver *s, const char *path, bool *same, mb_error *error) {
    const mb_experiment *experiment = s->duel->experiment;
    const mb_overrides overrides = {.stepwise = experiment->stepwise, .limits = experiment->limits};
    mb_scenario *written = NULL;
    mb_status status = mb_scenario_load(path, &overrides, &written, error);
    if (status == MB_OK)
        status = run_written(s, &mb_scenario_section(written, 0)->points[0].experiment, same, error);
    mb_scenario_free(written);
    return status;
}

static bool same_file(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

// What the whole run rests on stays as it is.
static mb_status check_names(const saver *s, const mb_scenario *scenario, const char *path, mb_error *error) {
    mb_strbuf csv = {0};
    mb_strbuf_add_bytes(&csv, path, strlen(path) - 4);
    mb_strbuf_add(&csv, ".csv");
    const char *own = NULL;
    const char *trace = s->duel->experiment->workload.trace.path;
    if (same_file(path, mb_scenario_path(scenario))) own = mb_scenario_path(scenario);
    if (csv.text && trace && same_file(csv.text, trace)) own = trace;
    mb_strbuf_deinit(&csv);
    if (!own) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "-o %s would write over %s, which the run reads; take another name",
                   path, own);
}

// What the policies looked at: what came before the run's requests, else the first of them.
static mb_status read_before(saver *s, mb_requests *before, mb_error *error) {
    const mb_experiment *experiment = s->duel->experiment;
    mb_workload workload;
    if (!s->found->stretch.sampled) return MB_OK;
    if (mb_workload_before(&experiment->workload, 0, SAMPLE, &workload)) {
        const mb_status status = mb_requests_read(&workload, experiment->seed, ~UINT64_C(0), SIZE_MAX,
                                                  s->duel->run->stop, before, error);
        if (status == MB_FAILED) return status;
        s->before = before->arrivals;
        s->before_count = before->count;
    }
    if (!s->before_count) {
        s->before = s->duel->requests->arrivals;
        s->before_count = s->duel->requests->count;
        if (s->before_count > SAMPLE) s->before_count = SAMPLE;
    } else if (s->before_count > SAMPLE) {
        s->before += s->before_count - SAMPLE;
        s->before_count = SAMPLE;
    }
    return MB_OK;
}

mb_status mb_stretch_save(const mb_duel *duel, mb_scenario *scenario, const mb_found *found, const char *path,
                          bool *same, mb_error *error) {
    saver s = {.duel = duel, .found = found};
    mb_requests before = {0};
    const char *slash = strrchr(path, '/');
    char *folder = mb_paths_folder(path);
    mb_status status = folder ? MB_OK : mb_fail_memory(error);
    if (status == MB_OK) status = check_names(&s, scenario, path, error);
    if (status == MB_OK) status = read_before(&s, &before, error);
    for (size_t i = 0; i < found->stretch.count; i++)
        look_at(&s.has, &duel->requests->arrivals[found->stretch.numbers[i]], duel->requests->clients);
    s.has.class = duel->experiment->workload.class_count > 0;
    s.has.noise = duel->experiment->workload.predictor.kind == MB_PREDICT_REFINED;
    for (size_t i = 0; i < s.before_count; i++)
        s.has.empty = s.has.empty || !s.before[i].prompt_tokens || !s.before[i].output_tokens;
    if (status == MB_OK && slash && slash != path) status = mb_output_dir(folder, error);
    if (status == MB_OK) status = write_both(&s, scenario, folder, slash ? slash + 1 : path, error);
    if (status == MB_OK) status = check_written(&s, path, same, error);
    mb_requests_deinit(&before);
    free(folder);
    return status;
}
