// SPDX-License-Identifier: MIT
#include "scenario/plan_lua.h"

#include "base/paths.h"

#include <lauxlib.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define GIB 1073741824.0

// What a call opened; released whatever happens.
typedef struct opened {
    mb_model_config model;
    mb_gpu_table gpus;
    mb_plan plan;
    char *model_path;
} opened;

// --- options
// ---------------------------------------------------------------------------------------------------

static double option(lua_State *L, const char *key, double otherwise) {
    lua_getfield(L, 1, key);
    const double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : otherwise;
    lua_pop(L, 1);
    return value;
}

// Valid as long as the options are.
static const char *text_option(lua_State *L, const char *key) {
    lua_getfield(L, 1, key);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static mb_status read_precision(const char *name, double *bytes, mb_error *error) {
    *bytes = name ? mb_precision_bytes(name) : 0;
    if (!name || *bytes > 0) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "there is no precision \"%s\"; expected fp32, fp16, bf16, fp8, int8 or int4", name);
}

static mb_status read_rules(const char *name, mb_rules *rules, mb_error *error) {
    for (int i = 0; i < MB_RULES_COUNT; i++)
        if (!name || strcmp(name, mb_rules_names[i]) == 0) {
            *rules = (mb_rules)i;
            return MB_OK;
        }
    return mb_fail(error, MB_BAD_INPUT,
                   "there are no rules \"%s\"; expected vllm, kaito, kaito-2026 or mlsysim", name);
}

static mb_status open_files(lua_State *L, const char *root, opened *o, mb_error *error) {
    const char *model = text_option(L, "model"), *gpu = text_option(L, "gpu"),
               *folder = text_option(L, "folder");
    if (!model || !gpu) return mb_fail(error, MB_BAD_INPUT, "plan needs a model and a gpu");
    mb_status status = mb_paths_find_model(root, folder, model, &o->model_path, error);
    if (!status) status = mb_model_config_read(o->model_path, &o->model, error);
    o->plan.model = &o->model;
    if (!status) status = mb_gpu_open(root, folder, gpu, &o->gpus, &o->plan.gpu, error);
    return status;
}

static uint64_t whole_option(lua_State *L, const char *key, uint64_t otherwise) {
    const double value = option(L, key, (double)otherwise);
    return value >= 0 && value <= 9e15 ? (uint64_t)value : otherwise;
}

static mb_status read_options(lua_State *L, const char *root, opened *o, mb_error *error) {
    mb_status status = open_files(L, root, o, error);
    mb_plan *p = &o->plan;
    if (!status) status = read_rules(text_option(L, "rules"), &p->rules, error);
    if (!status) status = read_precision(text_option(L, "weight_precision"), &p->bytes_per_weight, error);
    if (!status) status = read_precision(text_option(L, "kv_precision"), &p->bytes_per_value, error);
    p->tp = (uint32_t)fmin(4096, fmax(1, option(L, "tp", 1)));
    p->pipeline = (uint32_t)fmin(4096, fmax(0, option(L, "pipeline", 0)));
    p->expert_parallel = (uint32_t)fmin(1e6, fmax(0, option(L, "experts", 0)));
    p->memory_bytes = option(L, "memory_gib", 0) * GIB;
    p->utilization = option(L, "utilization", NAN);
    p->activation_bytes = option(L, "activation_gib", NAN) * GIB;
    p->runtime_bytes = option(L, "runtime_gib", NAN) * GIB;
    p->block = (uint32_t)fmin(1 << 20, fmax(1, option(L, "block", 16)));
    p->step_tokens = (uint32_t)fmin(1 << 24, (double)whole_option(L, "step_tokens", 0));
    p->blocks = whole_option(L, "blocks", 0);
    p->context = whole_option(L, "context", 2048);
    p->batch = whole_option(L, "batch", 1);
    if (!status && p->context == 0) status = mb_fail(error, MB_BAD_INPUT, "plan: a context of 0 tokens");
    return status ? status : mb_plan_check(p, error);
}

// --- figures
// ---------------------------------------------------------------------------------------------------

static void put(lua_State *L, const char *key, double value) {
    if (isnan(value)) return;
    mb_lua_push_quantity(L, value);
    lua_setfield(L, -2, key);
}

static void put_text(lua_State *L, const char *key, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void put_request_kv(lua_State *L, const mb_plan *plan) {
    const mb_request_kv r = mb_request_kv_of(plan);
    lua_createtable(L, 0, 7);
    put(L, "token", r.token);
    put(L, "whole", r.whole);
    put(L, "window", r.window);
    put(L, "state", r.state);
    put(L, "window_tokens", isfinite(r.window_tokens) ? r.window_tokens : NAN);
    put(L, "step_tokens", r.step_tokens);
    put(L, "block", r.block);
    lua_setfield(L, -2, "request_kv");
}

static void push_figures(lua_State *L, const opened *o) {
    const mb_budget b = mb_budget_of(&o->plan);
    const mb_parameters p = mb_model_parameters(&o->model);
    lua_createtable(L, 0, 34);
    put_text(L, "model", o->model.name);
    put_text(L, "model_path", o->model_path);
    put_text(L, "gpu", o->plan.gpu->name);
    put_text(L, "gpu_title", o->plan.gpu->title);
    put(L, "layers", o->model.layers);
    put(L, "hidden", o->model.hidden);
    put(L, "parameters", p.total);
    put(L, "active_parameters", p.active);
    put(L, "memory_gib", b.memory / GIB);
    put(L, "held_back_gib", b.held_back / GIB);
    put(L, "weights_gib", b.weights / GIB);
    put(L, "activation_gib", b.activation / GIB);
    put(L, "runtime_gib", b.runtime / GIB);
    put(L, "pool_gib", b.pool / GIB);
    put(L, "kv_gib", b.used / GIB);
    put(L, "token_bytes", b.token_bytes);
    put_request_kv(L, &o->plan);
    put(L, "tokens", (double)b.tokens);
    put(L, "blocks", (double)b.blocks);
    put(L, "users", (double)b.users);
    put(L, "longest", (double)b.longest);
    put(L, "gpus_needed", (double)mb_gpus_needed(&o->plan));
    put(L, "gpus_per_node", o->plan.gpu->per_node);
    put(L, "usd_per_hour", o->plan.gpu->usd_per_hour);
    lua_pushboolean(L, b.fits);
    lua_setfield(L, -2, "fits");
    lua_pushboolean(L, b.bound_by_positions);
    lua_setfield(L, -2, "bound_by_positions");
}

// --- the roofline's coefficients, by name
// --------------------------------------------------------------------------

static const struct {
    const char *name;
    size_t offset;
} COEFFICIENTS[] = {
#define COEFFICIENT(member)                                                                                  \
    { #member, offsetof(mb_roofline, member) }
    COEFFICIENT(compute),
    COEFFICIENT(bandwidth),
    COEFFICIENT(weight_bytes),
    COEFFICIENT(expert_bytes),
    COEFFICIENT(expert_share),
    COEFFICIENT(linear_flops),
    COEFFICIENT(head_bytes),
    COEFFICIENT(head_flops),
    COEFFICIENT(prefill_pair_flops),
    COEFFICIENT(decode_pair_flops),
    COEFFICIENT(kv_bytes),
    COEFFICIENT(window),
    COEFFICIENT(window_share),
    COEFFICIENT(reduce_seconds),
    COEFFICIENT(reduce_latency_s),
    COEFFICIENT(exchange_seconds),
    COEFFICIENT(exchange_latency_s),
    COEFFICIENT(expert_ranks),
    COEFFICIENT(attention),
    COEFFICIENT(kv_bandwidth),
    COEFFICIENT(layers_s),
    COEFFICIENT(launch_s),
    COEFFICIENT(prompt_error),
    COEFFICIENT(decode_error),
    COEFFICIENT(pooled),
    COEFFICIENT(unfitted),
#undef COEFFICIENT
};
enum { COEFFICIENT_COUNT = sizeof COEFFICIENTS / sizeof *COEFFICIENTS };

void mb_roofline_from_table(lua_State *L, int table, mb_roofline *roofline) {
    for (size_t i = 0; i < COEFFICIENT_COUNT; i++) {
        lua_getfield(L, table, COEFFICIENTS[i].name);
        const double value = lua_tonumber(L, -1);
        memcpy((char *)roofline + COEFFICIENTS[i].offset, &value, sizeof value);
        lua_pop(L, 1);
    }
}

static mb_status put_roofline(lua_State *L, const char *root, const opened *o, mb_error *error) {
    lua_getfield(L, 1, "roofline");
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return MB_OK;
    }
    lua_replace(L, 1); // options are not needed any more
    mb_roofline_efficiency efficiency = mb_roofline_unset;
    efficiency.compute = efficiency.attention = option(L, "compute", NAN);
    efficiency.attention = option(L, "attention", efficiency.attention);
    efficiency.bandwidth = efficiency.kv_bandwidth = option(L, "bandwidth", NAN);
    efficiency.kv_bandwidth = option(L, "kv_bandwidth", efficiency.kv_bandwidth);
    efficiency.link = option(L, "link", NAN);
    efficiency.link_latency_s = option(L, "link_latency", NAN);
    efficiency.layer_s = option(L, "layer", NAN);
    lua_getfield(L, 1, "engine");
    const char *engine = lua_isstring(L, -1) ? lua_tostring(L, -1) : mb_roofline_engines[0];
    mb_status status = mb_roofline_complete(root, o->plan.gpu->name, engine, &efficiency, error);
    lua_pop(L, 1);
    if (status) return status;
    mb_roofline roofline;
    status = mb_roofline_make(&o->plan, &efficiency, &roofline, error);
    if (status) return status;
    lua_createtable(L, 0, COEFFICIENT_COUNT);
    for (size_t i = 0; i < COEFFICIENT_COUNT; i++) {
        double value;
        memcpy(&value, (const char *)&roofline + COEFFICIENTS[i].offset, sizeof value);
        put(L, COEFFICIENTS[i].name, value);
    }
    lua_setfield(L, -2, "roofline");
    return MB_OK;
}

static int plan(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    opened o = {0};
    mb_error error;
    mb_status status = read_options(L, lua_tostring(L, lua_upvalueindex(1)), &o, &error);
    if (!status) {
        push_figures(L, &o);
        status = put_roofline(L, lua_tostring(L, lua_upvalueindex(1)), &o, &error);
    }
    mb_model_config_deinit(&o.model);
    mb_gpu_table_free(&o.gpus);
    free(o.model_path);
    if (!status) return 1;
    lua_pushnil(L);
    lua_pushstring(L, error.message);
    return 2;
}

void mb_push_plan(lua_State *L, const char *root) {
    lua_pushstring(L, root);
    lua_pushcclosure(L, plan, 1);
}
