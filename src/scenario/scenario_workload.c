// SPDX-License-Identifier: MIT
#include "scenario/scenario_workload.h"

#include "scenario/scenario_fields.h"
#include "workload/length_pairs.h"

#include <math.h>

static bool read_distribution_of(lua_State *L, int table, const char *key, mb_distribution *d);

// parts[i].lengths, with the number that each has under `key`.
static void read_parts(lua_State *L, int table, const char *key, mb_distribution *d) {
    if (!mb_field_enter(L, table, "parts")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    d->parts = mb_field_make(L, n, sizeof *d->parts);
    d->part_count = n;
    d->values = mb_field_make(L, n, sizeof *d->values);
    d->value_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        d->values[i] = mb_field_number_or(L, lua_gettop(L), key, INFINITY);
        read_distribution_of(L, lua_gettop(L), "lengths", &d->parts[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

// An empirical distribution's path and column wait in the script's table until the file can be read: see
// below.
static void read_distribution(lua_State *L, int table, mb_distribution *d) {
    static const char *const names[] = {"lengths.fixed",     "lengths.uniform",     "lengths.normal",
                                        "lengths.lognormal", "lengths.exponential", "lengths.zipf",
                                        "lengths.empirical", "lengths.gamma",       "lengths.pareto",
                                        "lengths.mixture",   "lengths.by_prompt",   "lengths.of_prompt"};
    static const char *const first[] = {"value", "low",   "mean",  "mu",   "mean", "theta",
                                        "none",  "shape", "shape", "none", "none", "none"};
    static const char *const second[] = {"none", "high",  "std", "sigma", "none", "none",
                                         "none", "scale", "min", "none",  "none", "none"};
    const int kind = MB_FIELD_CHOOSE(L, table, names);
    d->kind = (mb_distribution_kind)kind;
    d->a = mb_field_number(L, table, first[kind]);
    d->b = mb_field_number(L, table, second[kind]);
    d->min = mb_field_number(L, table, "min");
    d->max = mb_field_number_or(L, table, "max", INFINITY);
    if (d->kind == MB_DIST_MIXTURE) read_parts(L, table, "share", d);
    if (d->kind == MB_DIST_BY_PROMPT) read_parts(L, table, "up_to", d);
    if (d->kind == MB_DIST_OF_PROMPT) {
        d->parts = mb_field_make(L, 2, sizeof *d->parts);
        d->part_count = 2; // a base that is not given is 0
        read_distribution_of(L, table, "base", &d->parts[0]);
        read_distribution_of(L, table, "factor", &d->parts[1]);
    }
    if (d->kind != MB_DIST_EMPIRICAL) return;
    const double min = d->min, max = d->max;
    lua_getfield(L, table, "path");
    lua_getfield(L, table, "column");
    mb_error error;
    if (mb_distribution_read_column(lua_tostring(L, -2), lua_tostring(L, -1), d, &error))
        luaL_error(L, "%s", error.message);
    d->min = min;
    d->max = max;
    lua_pop(L, 2);
}

static bool read_distribution_of(lua_State *L, int table, const char *key, mb_distribution *d) {
    if (!mb_field_enter(L, table, key)) return false;
    read_distribution(L, lua_gettop(L), d);
    lua_pop(L, 1);
    return true;
}

static void read_pairs(lua_State *L, int table, mb_length_pairs *pairs) {
    if (!mb_field_enter(L, table, "lengths")) return;
    const int at = lua_gettop(L);
    lua_getfield(L, at, "path");
    lua_getfield(L, at, "prompt");
    lua_getfield(L, at, "output");
    mb_error error;
    if (mb_length_pairs_read(lua_tostring(L, -3), lua_tostring(L, -2), lua_tostring(L, -1), pairs, &error))
        luaL_error(L, "%s", error.message);
    lua_pop(L, 4);
}

static void read_segments(lua_State *L, int table, mb_arrivals *arrivals) {
    if (!mb_field_enter(L, table, "segments")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    arrivals->segments = mb_field_make(L, n, sizeof *arrivals->segments);
    arrivals->segment_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        arrivals->segments[i] =
            (mb_rate_segment){.duration_s = lua_tonumber(L, -2), .rate = lua_tonumber(L, -1)};
        lua_pop(L, 3);
    }
    lua_pop(L, 1);
}

static void read_arrivals(lua_State *L, int table, mb_arrivals *arrivals);

// Periods of any length, with arrivals of any kind in them: of Poisson ones only the rate may be given.
static void read_periods(lua_State *L, int table, mb_arrivals *arrivals) {
    arrivals->kind = MB_ARRIVALS_PERIODS;
    read_distribution_of(L, table, "on", &arrivals->on);
    read_distribution_of(L, table, "off", &arrivals->off);
    arrivals->during = mb_field_make(L, 1, sizeof *arrivals->during);
    *arrivals->during = (mb_arrivals){.kind = MB_ARRIVALS_POISSON, .rate = arrivals->rate};
    if (!mb_field_enter(L, table, "during")) return;
    read_arrivals(L, lua_gettop(L), arrivals->during);
    lua_pop(L, 1);
}

static double mean_of(lua_State *L, int table, const char *key) {
    if (!mb_field_enter(L, table, key)) return 0;
    const double mean = mb_field_number(L, lua_gettop(L), "mean");
    lua_pop(L, 1);
    return mean;
}

static void read_arrivals(lua_State *L, int table, mb_arrivals *arrivals) {
    static const char *const names[] = {"arrivals.constant",   "arrivals.poisson", "arrivals.gamma",
                                        "arrivals.weibull",    "arrivals.on_off",  "arrivals.piecewise",
                                        "arrivals.all_at_once"};
    const int kind = MB_FIELD_CHOOSE(L, table, names);
    const bool at_once = kind == 6;
    arrivals->kind = at_once ? MB_ARRIVALS_CONSTANT : (mb_arrivals_kind)kind;
    arrivals->rate = at_once ? (double)INFINITY : mb_field_number(L, table, "rate");
    arrivals->shape = mb_field_number(L, table, "shape");
    arrivals->on_mean_s = mean_of(L, table, "on");
    arrivals->off_mean_s = mean_of(L, table, "off");
    arrivals->off_rate = mb_field_number(L, table, "off_rate");
    arrivals->repeat = mb_field_boolean(L, table, "repeat");
    read_segments(L, table, arrivals);
    if (mb_field_boolean(L, table, "general")) read_periods(L, table, arrivals);
}

static void read_confusion(lua_State *L, int table, mb_predictor *predictor) {
    if (!mb_field_enter(L, table, "matrix")) return;
    const int rows = lua_gettop(L);
    const size_t bins = predictor->bins;
    predictor->confusion = mb_field_make(L, bins * bins, sizeof *predictor->confusion);
    for (size_t i = 0; i < bins; i++) {
        lua_rawgeti(L, rows, (int)(i + 1));
        for (size_t j = 0; j < bins; j++) {
            lua_rawgeti(L, -1, (int)(j + 1));
            predictor->confusion[i * bins + j] = lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_predictor(lua_State *L, int table, mb_predictor *predictor) {
    static const char *const names[] = {"predict.exact",     "predict.lognormal", "predict.bin_flip",
                                        "predict.confusion", "predict.constant",  "predict.column",
                                        "predict.origin",    "predict.refined",   "predict.bins"};
    predictor->kind = (mb_predictor_kind)MB_FIELD_CHOOSE(L, table, names);
    predictor->sigma = mb_field_number(L, table, "sigma");
    predictor->floor = mb_field_number(L, table, "floor");
    predictor->every = mb_field_small(L, table, "every");
    predictor->flip = mb_field_number(L, table, "p");
    predictor->lowest = mb_field_number(L, table, "lowest");
    predictor->highest = mb_field_number(L, table, "highest");
    predictor->constant = mb_field_small(L, table, "value");
    predictor->origin_seed = mb_field_small(L, table, "seed");
    size_t edges = 0;
    mb_field_numbers(L, table, "edges", &predictor->edges, &edges);
    if (predictor->edges) predictor->bins = edges + 1;
    read_confusion(L, table, predictor);
}

static void read_trace(lua_State *L, int table, mb_trace *trace) {
    static const char *const names[] = {"trace.burstgpt", "trace.azure", "trace.csv", "trace.mooncake",
                                        "trace.jsonl"};
    trace->layout = (mb_trace_layout)MB_FIELD_CHOOSE(L, table, names);
    mb_field_text(L, table, "path", &trace->path);
    trace->time_unit_s = mb_field_number_or(L, table, "time_unit", 1);
    trace->rate_scale = mb_field_number_or(L, table, "rate_scale", 1);
    trace->from_s = mb_field_number(L, table, "from");
    trace->to_s = mb_field_number_or(L, table, "to", INFINITY);
    trace->skip_rows = mb_field_whole(L, table, "skip_rows");
    trace->window_per_seed = mb_field_boolean(L, table, "window_per_seed");
    trace->keep_zero = mb_field_boolean(L, table, "keep_zero");
    trace->jitter_s = mb_field_number(L, table, "jitter");
    trace->turns = mb_field_is(L, table, "turns", "wait")    ? MB_TURNS_WAIT
                   : mb_field_is(L, table, "turns", "delay") ? MB_TURNS_DELAY
                                                             : MB_TURNS_STAMPS;
    trace->grow = mb_field_is(L, table, "context", "grow");
    trace->thin = mb_field_number(L, table, "thin");
    trace->max_gap_s = mb_field_number(L, table, "max_gap");
    trace->sort = mb_field_boolean(L, table, "sort");
    trace->untimed = mb_field_boolean(L, table, "untimed");
    trace->longest = mb_field_whole(L, table, "longest");
    trace->prefix_unit_tokens = mb_field_small(L, table, "prefix_unit");
    if (!mb_field_enter(L, table, "columns") && !mb_field_enter(L, table, "fields")) return;
    const int columns = lua_gettop(L);
    mb_trace_columns *into = &trace->columns;
    const struct {
        const char *key;
        char **name;
    } roles[] = {
        {"time", &into->time},           {"prompt", &into->prompt},   {"output", &into->output},
        {"predicted", &into->predicted}, {"client", &into->client},   {"priority", &into->priority},
        {"service", &into->service},     {"prefix", &into->prefix},   {"end", &into->end},
        {"duration", &into->duration},   {"session", &into->session}, {"id", &into->id},
        {"parent", &into->parent},       {"delay", &into->delay},     {"max_output", &into->max_output},
        {"noise", &into->noise},         {"class", &into->class_name}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        mb_field_text(L, columns, roles[i].key, roles[i].name);
    lua_pop(L, 1);
}

static void read_max_output(lua_State *L, int table, mb_output_bound *bound) {
    if (!mb_field_enter(L, table, "max_output")) return;
    const int at = lua_gettop(L);
    bound->given = true;
    if (mb_field_is(L, at, "kind", "max_output"))
        bound->factor = mb_field_number(L, at, "factor");
    else
        read_distribution(L, at, &bound->tokens);
    lua_pop(L, 1);
}

// When and from whom requests of a class come.
static void read_links(lua_State *L, int table, mb_class *class) {
    if (mb_field_enter(L, table, "active")) {
        const int list = lua_gettop(L);
        class->active = mb_field_make(L, lua_rawlen(L, list), sizeof *class->active);
        for (size_t i = 0; i < lua_rawlen(L, list); i++) {
            lua_rawgeti(L, list, (int)(i + 1));
            lua_rawgeti(L, -1, 1);
            lua_rawgeti(L, -2, 2);
            class->active[class->active_count++] = (mb_span_s){lua_tonumber(L, -2), lua_tonumber(L, -1)};
            lua_pop(L, 3);
        }
        lua_pop(L, 1);
    }
    if (!mb_field_enter(L, table, "clients")) return;
    const int list = lua_gettop(L);
    class->clients = mb_field_make(L, lua_rawlen(L, list), sizeof *class->clients);
    for (size_t i = 0; i < lua_rawlen(L, list); i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        class->clients[class->client_count++] = (uint32_t)lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_class(lua_State *L, int table, mb_class *class) {
    mb_field_text(L, table, "name", &class->name);
    class->share = mb_field_number_or(L, table, "share", 1); // a trace's rows say which class they have
    class->priority = (int32_t)mb_field_number(L, table, "priority");
    read_links(L, table, class);
    class->slo = (mb_slo){INFINITY, INFINITY, INFINITY, INFINITY, false, 0};
    read_distribution_of(L, table, "prompt", &class->prompt);
    read_distribution_of(L, table, "output", &class->output);
    read_pairs(L, table, &class->pairs);
    read_max_output(L, table, &class->max_output);
    if (mb_field_enter(L, table, "qoe")) {
        class->reader = reader_at(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    if (!mb_field_enter(L, table, "slo")) return;
    class->slo = mb_slo_at(L, lua_gettop(L));
    lua_pop(L, 1);
}

static void read_classes(lua_State *L, int table, mb_workload *workload) {
    if (!mb_field_enter(L, table, "classes")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    workload->classes = mb_field_make(L, n, sizeof *workload->classes);
    workload->class_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        read_class(L, lua_gettop(L), &workload->classes[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_sessions(lua_State *L, int table, mb_sessions *sessions) {
    if (!mb_field_enter(L, table, "sessions")) return;
    const int at = lua_gettop(L);
    sessions->on = true;
    sessions->max_context = mb_field_small(L, at, "max_context");
    read_distribution_of(L, at, "turns", &sessions->turns);
    read_distribution_of(L, at, "think", &sessions->think);
    lua_pop(L, 1);
}

static void read_prefix(lua_State *L, int table, mb_shared_prefix *prefix) {
    if (!mb_field_enter(L, table, "prefix")) return;
    const int at = lua_gettop(L);
    prefix->tokens = mb_field_small(L, at, "tokens");
    prefix->groups = mb_field_small(L, at, "groups");
    prefix->theta = mb_field_number(L, at, "theta");
    lua_pop(L, 1);
}

static void read_synthetic(lua_State *L, int table, mb_workload *workload) {
    if (mb_field_enter(L, table, "arrivals")) {
        read_arrivals(L, lua_gettop(L), &workload->arrivals);
        lua_pop(L, 1);
    }
    read_distribution_of(L, table, "prompt", &workload->prompt);
    read_distribution_of(L, table, "output", &workload->output);
    read_pairs(L, table, &workload->pairs);
    workload->has_service = read_distribution_of(L, table, "service", &workload->service);
    read_max_output(L, table, &workload->max_output);
    workload->clients = mb_field_small(L, table, "clients");
    read_sessions(L, table, &workload->sessions);
    read_prefix(L, table, &workload->prefix);
}

static void read_rows(lua_State *L, int table, mb_request_list *list) {
    mb_field_enter(L, table, "clients");
    const int names = lua_gettop(L);
    const size_t name_count = lua_rawlen(L, names);
    char **clients = mb_field_make(L, name_count, sizeof *clients);
    list->clients = clients;
    for (size_t i = 0; i < name_count; i++) {
        lua_rawgeti(L, names, (int)i + 1);
        clients[i] = mb_field_copy(L, -1);
        list->client_count = i + 1;
        lua_pop(L, 1);
    }
    mb_field_enter(L, table, "rows");
    const int rows = lua_gettop(L);
    list->count = lua_rawlen(L, rows);
    mb_arrival *arrivals = mb_field_make(L, list->count, sizeof *arrivals);
    list->arrivals = arrivals;
    for (size_t i = 0; i < list->count; i++) {
        double of[6];
        lua_rawgeti(L, rows, (int)i + 1);
        for (int k = 0; k < 6; k++) {
            lua_rawgeti(L, rows + 1, k + 1);
            of[k] = lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
        arrivals[i] = (mb_arrival){.time_s = of[0],
                                   .prompt_tokens = (uint32_t)of[1],
                                   .output_tokens = (uint32_t)of[2],
                                   .predicted_output = (uint32_t)of[3],
                                   .priority = (int32_t)of[4],
                                   .client = (uint32_t)of[5],
                                   .deadline_s = INFINITY};
    }
    lua_pop(L, 2);
}

void mb_scenario_read_workload(lua_State *L, int table, mb_workload *workload) {
    workload->origin = mb_field_is(L, table, "kind", "origin_requests");
    workload->origin_seed = mb_field_small(L, table, "seed");
    workload->kind = mb_field_is(L, table, "kind", "synthetic") || workload->origin ? MB_WORKLOAD_SYNTHETIC
                                                                                    : MB_WORKLOAD_TRACE;
    if (mb_field_is(L, table, "kind", "requests")) workload->kind = MB_WORKLOAD_LIST;
    workload->limit = mb_field_whole(L, table, "limit");
    workload->until_s = mb_field_number_or(L, table, "until_time", INFINITY);
    if (mb_field_enter(L, table, "predictor")) {
        read_predictor(L, lua_gettop(L), &workload->predictor);
        lua_pop(L, 1);
    }
    workload->users = mb_field_small(L, table, "users");
    workload->ramp_s = mb_field_number(L, table, "ramp");
    read_distribution_of(L, table, "think", &workload->think);
    if (workload->kind == MB_WORKLOAD_LIST)
        read_rows(L, table, &workload->list);
    else if (workload->kind == MB_WORKLOAD_TRACE)
        read_trace(L, table, &workload->trace);
    else
        read_synthetic(L, table, workload);
    read_classes(L, table, workload);
}
