// SPDX-License-Identifier: MIT
#include "scenario/scenario.h"

#include "base/aside.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "policy/scripts.h"
#include "scenario/modules.h"
#include "scenario/plan_lua.h"
#include "scenario/row_compare.h"
#include "scenario/scenario_fields.h"
#include "scenario/scenario_read.h"
#include "scenario/scenario_state.h"
#include "scenario/wanted.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mb_scenario {
    lua_State *L;
    char *root, *path, *text, *skipped;
    mb_section *sections;
    size_t count, points;    // points: also those that were not read
    char **modules, **files; // NULL after the last
    mb_overrides overrides;  // a copy of what was given, which texts may outlive; owned
    const atomic_bool *stop; // ends what runs here; NULL: nothing does
    bool left;               // a call was left behind, and still uses all of this
    mb_scripts *scripts;     // texts of the policies, and of what they and the scenario load
    bool copy;               // of another scenario, whose scripts these are
    mb_scenario_draft draft; // of the experiment that is being read
    int loaded;              // reference to the table that the Lua side made
};

// --- the script's text

static mb_status read_script(mb_scenario *scenario, mb_error *error) {
    mb_strbuf text = {0};
    const mb_status status = mb_paths_read(scenario->path, MB_MAX_SCENARIO, &text, error);
    scenario->text = text.text;
    if (status != MB_OK) return status;
    const size_t whole = strlen(text.text);
    if (whole == text.length) return MB_OK;
    unsigned long line = 1;
    for (size_t i = 0; i < whole; i++)
        line += text.text[i] == '\n';
    return mb_fail_at(error, MB_BAD_INPUT, scenario->path, line, "a zero byte; expected a text in Lua");
}

// --- calls into Lua

// A table { mbsand = sentence } passes; anything else gets a traceback.
static int on_error(lua_State *L) {
    if (lua_istable(L, 1)) return 1;
    const char *message = lua_tostring(L, 1);
    if (!message) message = lua_pushfstring(L, "error value of type %s", luaL_typename(L, 1));
    lua_newtable(L);
    lua_pushstring(L, message);
    lua_setfield(L, -2, "mbsand");
    luaL_traceback(L, L, NULL, 1);
    lua_setfield(L, -2, "traceback");
    return 1;
}

// The error on top of the stack, as on_error made it.
static mb_status take_error(lua_State *L, mb_error *error) {
    if (!lua_istable(L, -1)) {
        const char *text = lua_tostring(L, -1); // "not enough memory"
        return mb_fail(error, MB_FAILED, "%s", text ? text : "an error without a message");
    }
    lua_pushliteral(L, "mbsand"); // raw: an error value may be any table
    lua_rawget(L, -2);
    lua_pushliteral(L, "traceback");
    lua_rawget(L, -3);
    const char *message = lua_tostring(L, -2), *traceback = lua_tostring(L, -1);
    mb_fail(error, MB_BAD_INPUT, "%s", message ? message : "an error without a message");
    if (traceback && error) {
        snprintf(error->traceback, sizeof error->traceback, "%s", traceback);
        mb_make_printable(error->traceback, "\n\t");
    }
    return MB_BAD_INPUT;
}

typedef struct call {
    mb_scenario *scenario;
    const mb_overrides *overrides;
    size_t section;
    const mb_row *rows;
    size_t row_count;
} call;

mb_status mb_scenario_call(mb_scenario *scenario, lua_CFunction function, void *argument, mb_error *error) {
    lua_State *L = scenario->L;
    lua_settop(L, 0);
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, argument);
    const int failed = lua_pcall(L, 1, 0, 1);
    const mb_status status = failed ? take_error(L, error) : MB_OK;
    lua_settop(L, 0);
    return status;
}

// A call that may have to be left behind.
typedef struct lasting {
    call arguments;
    lua_CFunction function;
    mb_status status;
    mb_error error;
} lasting;

static void make_call(void *context) {
    lasting *l = context;
    l->status = mb_scenario_call(l->arguments.scenario, l->function, &l->arguments, &l->error);
}

static mb_status call_aside(const call *arguments, lua_CFunction function, mb_error *error) {
    lasting *l = calloc(1, sizeof *l);
    if (!l) return mb_fail_memory(error);
    *l = (lasting){.arguments = *arguments, .function = function};
    mb_scenario *scenario = arguments->scenario;
    scenario->left = !mb_aside(make_call, l, scenario->stop);
    if (scenario->left) return mb_fail(error, MB_BAD_INPUT, "the script was interrupted");
    const mb_status status = l->status;
    if (status && error) *error = l->error;
    free(l);
    return status;
}

// find_policy(name [, folder]): its path, or nil and a sentence. The root is an upvalue.
static int find_policy(lua_State *L) {
    char buffer[4096] = "";
    char *path = NULL;
    mb_error error;
    const mb_status status =
        mb_paths_find_policy(lua_tostring(L, lua_upvalueindex(1)), luaL_optstring(L, 2, NULL),
                             luaL_checkstring(L, 1), &path, &error);
    if (!status) snprintf(buffer, sizeof buffer, "%s", path);
    free(path);
    if (!status) {
        lua_pushstring(L, buffer);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, error.message);
    return 2;
}

// is_file(path): whether something is there that is no folder. To open it might wait for ever.
static int is_file(lua_State *L) {
    lua_pushboolean(L, mb_paths_is_file(luaL_checkstring(L, 1)));
    return 1;
}

static void push_native(lua_State *L, const mb_scenario *scenario) {
    lua_newtable(L);
    lua_pushstring(L, scenario->root);
    lua_setfield(L, -2, "root");
    lua_pushstring(L, scenario->root);
    lua_pushcclosure(L, find_policy, 1);
    lua_setfield(L, -2, "find_policy");
    lua_pushcfunction(L, is_file);
    lua_setfield(L, -2, "is_file");
    mb_push_plan(L, scenario->root);
    lua_setfield(L, -2, "plan");
    lua_createtable(L, MB_MEASURE_COUNT, 0);
    for (int i = 0; i < MB_MEASURE_COUNT; i++) {
        lua_pushstring(L, mb_measures[i].name);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "measures");
}

static void push_texts(lua_State *L, const char *const *texts, size_t count) {
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, texts[i]);
        lua_rawseti(L, -2, (int)(i + 1));
    }
}

static void push_overrides(lua_State *L, const mb_overrides *overrides) {
    lua_newtable(L);
    push_texts(L, overrides->sets, overrides->set_count);
    if (overrides->seeds) {
        lua_pushfstring(L, "seeds=%f", (double)overrides->seeds);
        lua_rawseti(L, -2, (int)(overrides->set_count + 1));
    }
    lua_setfield(L, -2, "sets");
    push_texts(L, overrides->policies, overrides->policy_count);
    lua_setfield(L, -2, "policies");
    push_texts(L, overrides->overs, overrides->over_count);
    lua_setfield(L, -2, "overs");
    lua_pushstring(L, overrides->only);
    lua_setfield(L, -2, "only");
    if (!overrides->most_points) return;
    lua_pushnumber(L, (lua_Number)overrides->first_point + 1);
    lua_setfield(L, -2, "first");
    lua_pushnumber(L, (lua_Number)overrides->most_points);
    lua_setfield(L, -2, "most");
}

// The call may have been left behind, and what it was given with it.
static void end_if_stopped(lua_State *L, const mb_scenario *scenario) {
    if (scenario->stop && atomic_load(scenario->stop)) luaL_error(L, "the script was interrupted");
}

// Leaves the table that the Lua side made on the stack.
static void run_script(lua_State *L, const call *arguments) {
    mb_scenario *scenario = arguments->scenario;
    luaL_openlibs(L);
    mb_scenario_end_on(L, scenario->stop);
    mb_modules_open(L, scenario->scripts, scenario->root, scenario->path);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "mbsand.scenario");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "load");
    lua_pushstring(L, scenario->path);
    lua_pushstring(L, scenario->text);
    push_native(L, scenario);
    push_overrides(L, arguments->overrides);
    lua_call(L, 4, 1);
    end_if_stopped(L, scenario);
}

// --- reading what it made

// The texts of a list, NULL after the last; nothing where there is no list.
static void read_texts(lua_State *L, int table, const char *key, char ***texts) {
    lua_getfield(L, table, key);
    if (lua_istable(L, -1)) {
        const size_t n = lua_rawlen(L, -1);
        char **list = *texts = mb_field_make(L, n + 1, sizeof *list);
        for (size_t i = 0; i < n; i++) {
            lua_rawgeti(L, -1, (int)(i + 1));
            list[i] = mb_field_copy(L, -1);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static void free_texts(char **texts) {
    for (char **text = texts; text && *text; text++)
        free(*text);
    free(texts);
}

static void raise(lua_State *L, const mb_error *error) {
    lua_newtable(L);
    lua_pushstring(L, error->message);
    lua_setfield(L, -2, "mbsand");
    lua_error(L);
}

// A limit of instructions stands alone unless a time is given as well: the result must not depend on the
// machine.
static void merge_limits(mb_limits *limits, const mb_limits *given) {
    if (given->hook_s > 0) limits->hook_s = given->hook_s;
    if (given->hook_instructions) limits->hook_instructions = given->hook_instructions;
    limits->jit = given->jit;
    if (given->memory_bytes) limits->memory_bytes = given->memory_bytes;
    if (limits->hook_s <= 0) limits->hook_s = limits->hook_instructions ? INFINITY : 1;
}

static void read_point(lua_State *L, int table, mb_scenario *scenario, const mb_overrides *overrides,
                       mb_point *point) {
    mb_experiment *experiment = &point->experiment;
    experiment->scenario = scenario;
    mb_field_text(L, table, "label", &point->label);
    mb_scenario_draft_deinit(&scenario->draft);
    lua_getfield(L, table, "experiment");
    mb_scenario_read_experiment(L, -1, experiment, &scenario->draft);
    lua_pop(L, 1);
    for (size_t i = 0; i < experiment->policy_count; i++)
        experiment->policies[i].scripts = scenario->scripts;
    mb_error error;
    if (mb_scenario_prepare(experiment, &scenario->draft, &error)) raise(L, &error);
    end_if_stopped(L, scenario);
    merge_limits(&experiment->limits, &overrides->limits);
    experiment->stepwise = overrides->stepwise;
    if (overrides->has_seed) experiment->seed = overrides->seed;
}

static void read_section(lua_State *L, int table, mb_scenario *scenario, const mb_overrides *overrides,
                         mb_section *section) {
    mb_field_text(L, table, "title", &section->title);
    mb_field_text(L, table, "question", &section->question);
    read_texts(L, table, "columns", &section->columns);
    lua_getfield(L, table, "report");
    section->has_report = lua_isfunction(L, -1);
    section->added = overrides->policy_count;
    lua_getfield(L, table, "points");
    const int points = lua_gettop(L);
    const size_t n = lua_rawlen(L, points);
    section->points = mb_field_make(L, n, sizeof *section->points);
    section->point_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, points, (int)(i + 1));
        section->points[i].experiment.section_index = (size_t)(section - scenario->sections);
        section->points[i].experiment.point_index = i;
        read_point(L, lua_gettop(L), scenario, overrides, &section->points[i]);
        mb_experiment_find_wanted(&section->points[i].experiment, section->columns);
        for (int m = 0; overrides && m < MB_MEASURE_COUNT; m++)
            if (overrides->wants[m]) mb_experiment_want(&section->points[i].experiment, mb_measures[m].name);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

static int load(lua_State *L) {
    const call *arguments = lua_touserdata(L, 1);
    mb_scenario *scenario = arguments->scenario;
    run_script(L, arguments);
    lua_pushvalue(L, -1);
    scenario->loaded = luaL_ref(L, LUA_REGISTRYINDEX);
    const int table = lua_gettop(L);
    mb_field_text(L, table, "skipped", &scenario->skipped);
    if (scenario->skipped) return 0;
    read_texts(L, table, "modules", &scenario->modules);
    read_texts(L, table, "files", &scenario->files);
    lua_getfield(L, table, "points");
    scenario->points = (size_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, table, "sections");
    const int sections = lua_gettop(L);
    const size_t n = lua_rawlen(L, sections);
    scenario->sections = mb_field_make(L, n, sizeof *scenario->sections);
    scenario->count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, sections, (int)(i + 1));
        read_section(L, lua_gettop(L), scenario, arguments->overrides, &scenario->sections[i]);
        lua_pop(L, 1);
    }
    return 0;
}

// --- the public face

// NULL after the last; NULL when out of memory.
static char **copy_texts(const char *const *texts, size_t count) {
    char **copies = calloc(count + 1, sizeof *copies);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = mb_strdup(texts[i]);
        if (copies[i]) continue;
        free_texts(copies);
        return NULL;
    }
    return copies;
}

static bool copy_overrides(const mb_overrides *given, mb_overrides *copy) {
    *copy = *given;
    copy->sets = (const char *const *)copy_texts(given->sets, given->set_count);
    copy->overs = (const char *const *)copy_texts(given->overs, given->over_count);
    copy->policies = (const char *const *)copy_texts(given->policies, given->policy_count);
    copy->only = given->only ? mb_strdup(given->only) : NULL;
    return copy->sets && copy->overs && copy->policies && (copy->only || !given->only);
}

static void free_overrides(mb_overrides *copy) {
    free_texts((char **)(uintptr_t)copy->sets);
    free_texts((char **)(uintptr_t)copy->overs);
    free_texts((char **)(uintptr_t)copy->policies);
    free((char *)(uintptr_t)copy->only);
}

static mb_status open_and_load(const char *path, const mb_overrides *overrides, mb_scenario *scenario,
                               mb_error *error) {
    if (overrides && !copy_overrides(overrides, &scenario->overrides)) return mb_fail_memory(error);
    mb_status status = mb_paths_root(&scenario->root, error);
    if (!status) status = mb_paths_find_scenario(scenario->root, path, &scenario->path, error);
    if (!status) status = read_script(scenario, error);
    if (status) return status;
    // Set already: what is read now is about what was stopped.
    if (overrides && overrides->stop && !atomic_load(overrides->stop)) scenario->stop = overrides->stop;
    scenario->scripts = mb_scripts_new();
    scenario->L = luaL_newstate();
    if (!scenario->L || !scenario->scripts) return mb_fail_memory(error);
    return call_aside(&(call){.scenario = scenario, .overrides = &scenario->overrides}, load, error);
}

mb_status mb_scenario_load(const char *path, const mb_overrides *overrides, mb_scenario **scenario,
                           mb_error *error) {
    *scenario = calloc(1, sizeof **scenario);
    if (!*scenario) return mb_fail_memory(error);
    mb_status status = open_and_load(path, overrides, *scenario, error);
    if (!status) return MB_OK;
    if (overrides && overrides->stop && atomic_load(overrides->stop))
        status = mb_fail(error, MB_FAILED, "interrupted while the scenario was read");
    mb_scenario_free(*scenario);
    *scenario = NULL;
    return status;
}

static void free_section(mb_section *section) {
    free(section->title);
    free(section->question);
    free_texts(section->columns);
    for (size_t i = 0; i < section->point_count; i++) {
        free(section->points[i].label);
        mb_experiment_deinit(&section->points[i].experiment);
    }
    free(section->points);
}

void mb_scenario_free(mb_scenario *scenario) {
    if (!scenario || scenario->left) return;
    if (scenario->L) lua_close(scenario->L);
    for (size_t i = 0; i < scenario->count; i++)
        free_section(&scenario->sections[i]);
    free(scenario->sections);
    mb_scenario_draft_deinit(&scenario->draft);
    free_overrides(&scenario->overrides);
    free(scenario->root);
    free(scenario->path);
    if (!scenario->copy) mb_scripts_free(scenario->scripts);
    free(scenario->text);
    free(scenario->skipped);
    free_texts(scenario->modules);
    free_texts(scenario->files);
    free(scenario);
}

const char *mb_scenario_path(const mb_scenario *scenario) {
    return scenario->path;
}

const char *mb_scenario_root(const mb_scenario *scenario) {
    return scenario->root;
}

const char *mb_scenario_text(const mb_scenario *scenario) {
    return scenario->text;
}

mb_scripts *mb_scenario_scripts(const mb_scenario *scenario) {
    return scenario->scripts;
}

const char *mb_scenario_skipped(const mb_scenario *scenario) {
    return scenario->skipped;
}

const char *mb_scenario_module(const mb_scenario *scenario, size_t index) {
    return scenario->modules ? scenario->modules[index] : NULL;
}

const char *mb_scenario_file(const mb_scenario *scenario, size_t index) {
    return scenario->files ? scenario->files[index] : NULL;
}

size_t mb_scenario_point_count(const mb_scenario *scenario) {
    return scenario->points;
}

size_t mb_scenario_section_count(const mb_scenario *scenario) {
    return scenario->count;
}

const mb_section *mb_scenario_section(const mb_scenario *scenario, size_t index) {
    return index < scenario->count ? &scenario->sections[index] : NULL;
}

mb_status mb_scenario_reseed(mb_scenario *scenario, size_t section, size_t point, uint32_t seeds,
                             mb_error *error) {
    mb_experiment *experiment = &scenario->sections[section].points[point].experiment;
    char *old = experiment->description;
    size_t end = strlen(old); // it ends in ", 5 seeds"
    while (end > 0 && strncmp(old + end - 1, ", ", 2) != 0)
        end--;
    mb_strbuf text = {0};
    mb_strbuf_add_bytes(&text, old, end);
    mb_strbuf_printf(&text, "%s%u seeds", end ? " " : "", seeds);
    if (text.failed) {
        mb_strbuf_deinit(&text);
        return mb_fail_memory(error);
    }
    free(old);
    experiment->description = text.text;
    experiment->seeds = seeds;
    return MB_OK;
}

// --- the script's report

// { measure = value }; undefined ones are left out.
static void push_measures(lua_State *L, const double *values) {
    lua_createtable(L, 0, MB_MEASURE_COUNT);
    for (int i = 0; values && i < MB_MEASURE_COUNT; i++) {
        if (values[i] != values[i]) continue;
        mb_lua_push_quantity(L, values[i]);
        lua_setfield(L, -2, mb_measures[i].name);
    }
}

// One row of results; `points` is the section's table of points.
static void push_row(lua_State *L, const mb_section *section, int points, const mb_row *row) {
    lua_createtable(L, 0, 8);
    const mb_point *point = &section->points[row->point];
    lua_pushstring(L, point->experiment.policies[row->policy].label);
    lua_setfield(L, -2, "policy");
    lua_pushstring(L, point->label);
    lua_setfield(L, -2, "label");
    lua_pushinteger(L, (lua_Integer)row->seeds);
    lua_setfield(L, -2, "seeds");
    lua_rawgeti(L, points, (int)(row->point + 1));
    lua_getfield(L, -1, "values");
    lua_setfield(L, -3, "point");
    lua_getfield(L, -1, "experiment");
    lua_setfield(L, -3, "experiment");
    lua_pop(L, 1);
    const char *const names[] = {"level", "low", "high", "mean", "ci"};
    const double *const measures[] = {row->level, row->low, row->high, row->mean, row->half_width};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        push_measures(L, measures[i]);
        lua_setfield(L, -2, names[i]);
    }
    lua_pushcfunction(L, mb_rows_compare);
    lua_setfield(L, -2, "compare");
    lua_createtable(L, (int)point->experiment.seeds, 0);
    for (uint32_t i = 0; row->values && i < point->experiment.seeds; i++) {
        push_measures(L, row->values[i]); // empty for a run that did not finish: seeds keep their places
        lua_rawseti(L, -2, (int)(i + 1));
    }
    lua_setfield(L, -2, "values");
}

static int report(lua_State *L) {
    const call *arguments = lua_touserdata(L, 1);
    const mb_scenario *scenario = arguments->scenario;
    mb_scenario_end_on(L, scenario->stop);
    lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->loaded);
    lua_getfield(L, -1, "sections");
    lua_rawgeti(L, -1, (int)(arguments->section + 1));
    lua_getfield(L, -1, "points");
    const int points = lua_gettop(L);
    lua_getfield(L, -2, "report");
    lua_createtable(L, (int)arguments->row_count, 0);
    for (size_t i = 0; i < arguments->row_count; i++) {
        push_row(L, &scenario->sections[arguments->section], points, &arguments->rows[i]);
        lua_rawseti(L, -2, (int)(i + 1));
    }
    lua_call(L, 1, 0);
    return 0;
}

mb_status mb_scenario_report(mb_scenario *scenario, size_t section, const mb_row *rows, size_t row_count,
                             mb_error *error) {
    if (section >= scenario->count || !scenario->sections[section].has_report) return MB_OK;
    const call arguments = {.scenario = scenario, .section = section, .rows = rows, .row_count = row_count};
    return call_aside(&arguments, report, error);
}

// --- for latency.custom

lua_State *mb_scenario_state(const mb_scenario *scenario) {
    return scenario->L;
}

// The script's tables alone: what they describe has been read and prepared by the original.
static int load_tables(lua_State *L) {
    const call *arguments = lua_touserdata(L, 1);
    run_script(L, arguments);
    arguments->scenario->loaded = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

mb_status mb_scenario_again(const mb_scenario *original, mb_scenario **copy, mb_error *error) {
    mb_scenario *made = *copy = calloc(1, sizeof *made);
    if (!made) return mb_fail_memory(error);
    made->scripts = original->scripts;
    made->copy = true;
    made->root = mb_strdup(original->root);
    made->path = mb_strdup(original->path);
    made->text = mb_strdup(original->text);
    made->L = luaL_newstate();
    call arguments = {.scenario = made, .overrides = &original->overrides};
    mb_status status = made->root && made->path && made->text && made->L ? MB_OK : mb_fail_memory(error);
    if (status == MB_OK) status = mb_scenario_call(made, load_tables, &arguments, error);
    if (status == MB_OK) return MB_OK;
    mb_scenario_free(made);
    *copy = NULL;
    return status;
}

void mb_scenario_push_experiment(const mb_scenario *scenario, const mb_experiment *experiment) {
    lua_State *L = scenario->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->loaded);
    lua_getfield(L, -1, "sections");
    lua_rawgeti(L, -1, (int)experiment->section_index + 1);
    lua_getfield(L, -1, "points");
    lua_rawgeti(L, -1, (int)experiment->point_index + 1);
    lua_getfield(L, -1, "experiment");
    lua_insert(L, -6);
    lua_pop(L, 5);
}
