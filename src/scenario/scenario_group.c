// SPDX-License-Identifier: MIT
#include "scenario/scenario_group.h"

#include "fit/batch.h"
#include "model/link.h"
#include "model/profile.h"
#include "model/roofline.h"
#include "scenario/plan_lua.h"
#include "scenario/scenario_fields.h"

#include <math.h>

static mb_step_coefficients read_coefficients(lua_State *L, int table) {
    return (mb_step_coefficients){mb_field_number(L, table, "base"), mb_field_number(L, table, "per_token"),
                                  mb_field_number(L, table, "per_context"),
                                  mb_field_number(L, table, "per_request")};
}

static void read_step_model(lua_State *L, int table, mb_group *group, mb_group_draft *draft) {
    mb_latency *latency = &group->latency;
    const mb_step_coefficients c = read_coefficients(L, table);
    latency->step = (mb_step_law){c.base_s, c.per_token_s, c.per_context_s, c.per_request_s, .split = false};
    latency->step.max_tokens = mb_field_number(L, table, "max_tokens");
    latency->step.max_context = mb_field_number(L, table, "max_context");
    if (mb_field_enter(L, table, "prompts")) {
        latency->step.split = true;
        latency->step.prompts = read_coefficients(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    latency->host_s = mb_field_number(L, table, "host");
    latency->scheduling_s_per_request = mb_field_number(L, table, "scheduling");
    draft->layers = mb_field_small(L, table, "layers");
    draft->hidden = mb_field_small(L, table, "hidden");
    draft->tp = mb_field_small(L, table, "gpus");
    draft->shared =
        (mb_expert_ranks){mb_field_small(L, table, "expert_gpus"), mb_field_small(L, table, "expert_ranks")};
    mb_field_text(L, table, "links", &draft->links_path);
    mb_field_text(L, table, "exchange", &draft->exchange_path);
    mb_field_text(L, table, "corrections", &draft->corrections_path);
    double *sizes = NULL;
    size_t count = 0;
    mb_field_numbers(L, table, "graph_sizes", &sizes, &count);
    draft->graph_sizes = sizes; // released with the draft, whatever happens next
    group->graph_sizes = mb_field_make(L, count, sizeof *group->graph_sizes);
    for (size_t i = 0; i < count; i++)
        group->graph_sizes[i] = (uint32_t)sizes[i];
    latency->graph_sizes = group->graph_sizes;
    latency->graph_size_count = count;
}

// Stands in until a job opens the clock of latency.custom.
static mb_status no_clock(void *self, const mb_step_shape *shape, double *seconds, mb_error *error) {
    (void)self, (void)shape, (void)seconds;
    return mb_fail(error, MB_FAILED, "latency.custom: the job has not opened the function");
}

static void read_latency(lua_State *L, int table, mb_group *group, mb_group_draft *draft) {
    static const char *const names[] = {"latency.batch",   "latency.table",   "latency.jobs",
                                        "latency.step",    "latency.profile", "latency.custom",
                                        "latency.roofline"};
    mb_latency *latency = &group->latency;
    latency->kind = (mb_latency_kind)MB_FIELD_CHOOSE(L, table, names);
    latency->law = (mb_batch_law){.alpha_s = mb_field_number(L, table, "alpha"),
                                  .beta_s_per_token = mb_field_number(L, table, "beta"),
                                  .gamma = mb_field_number(L, table, "gamma"),
                                  .floor_s = mb_field_number(L, table, "floor")};
    latency->tbt_s = mb_field_number(L, table, "tbt");
    latency->noise = mb_field_number(L, table, "noise");
    mb_field_text(L, table, "path", &draft->grid_path);
    draft->absolute_weight = mb_field_is(L, table, "weight", "absolute");
    if (latency->kind == MB_LATENCY_CUSTOM) latency->custom = no_clock;
    if (mb_latency_is_step(latency)) read_step_model(L, table, group, draft);
    if (latency->kind == MB_LATENCY_ROOFLINE && mb_field_enter(L, table, "coefficients")) {
        group->roofline = mb_field_make(L, 1, sizeof *group->roofline);
        mb_roofline_from_table(L, lua_gettop(L), group->roofline);
        latency->roofline = group->roofline;
        lua_pop(L, 1);
    }
}

static mb_reserve read_reserve(lua_State *L, int table) {
    for (mb_reserve reserve = MB_RESERVE_CHUNK; reserve < MB_RESERVE_COUNT; reserve++)
        if (mb_field_is(L, table, "reserve", mb_reserve_name(reserve))) return reserve;
    return MB_RESERVE_COUNT;
}

static mb_role read_role(lua_State *L, int table) {
    for (mb_role role = MB_ROLE_PREFILL; role < MB_ROLE_COUNT; role++)
        if (mb_field_is(L, table, "role", mb_role_name(role))) return role;
    return MB_ROLE_BOTH;
}

static void read_memory(lua_State *L, int table, mb_group *group) {
    mb_hardware *hardware = &group->hardware;
    const bool contiguous = mb_field_is(L, table, "kv", "contiguous"),
               paged = mb_field_is(L, table, "kv", "paged");
    const double capacity = mb_field_number(L, table, "capacity");
    const uint32_t longest = mb_field_small(L, table, "kv_max_length");
    // An engine's pool is always of blocks: of a token, with the final length reserved, or of the longest
    // request.
    hardware->memory = (mb_engine_memory){
        .kind = contiguous ? MB_KV_CONTIGUOUS : MB_KV_TOKENS,
        .capacity = capacity > 0 ? (uint64_t)capacity : MB_UNLIMITED,
        .max_length = longest,
        .block = paged        ? mb_field_small(L, table, "kv_block")
                 : contiguous ? longest
                              : 1,
        .prefix_cache = paged && mb_field_boolean(L, table, "prefix_cache"),
    };
    hardware->reserve = paged ? read_reserve(L, table) : contiguous ? MB_RESERVE_CHUNK : MB_RESERVE_FINAL;
    hardware->reserve_given = hardware->reserve != MB_RESERVE_COUNT && paged;
    if (paged && !hardware->reserve_given) hardware->reserve = MB_RESERVE_CHUNK;
    hardware->watermark =
        paged ? mb_field_number(L, table, "watermark") : 0; // room to grow, which only pages need
}

static void read_pipeline(lua_State *L, int table, mb_group *group) {
    mb_pipeline_plan *plan = &group->hardware.pipeline;
    size_t count = 0;
    if (!mb_field_enter(L, table, "pipeline")) return;
    const int line = lua_gettop(L);
    plan->stages = mb_field_small(L, line, "stages");
    plan->batches = mb_field_small(L, line, "batches");
    plan->batch_requests = mb_field_small(L, line, "batch_requests");
    plan->ahead = mb_field_boolean(L, line, "ahead");
    plan->send_s_per_token = mb_field_number(L, line, "send_per_token");
    mb_field_numbers(L, line, "shares", &group->shares, &count);
    plan->shares = group->shares;
    if (mb_field_enter(L, line, "send")) plan->send_s = mb_field_number(L, lua_gettop(L), "latency");
}

static void read_request_kv(lua_State *L, int cluster, mb_request_kv *r) {
    if (!mb_field_enter(L, cluster, "request_kv")) return;
    const int table = lua_gettop(L);
    *r = (mb_request_kv){.token = mb_field_number(L, table, "token"),
                         .whole = mb_field_number(L, table, "whole"),
                         .window = mb_field_number(L, table, "window"),
                         .state = mb_field_number(L, table, "state"),
                         .window_tokens = mb_field_number_or(L, table, "window_tokens", INFINITY),
                         .step_tokens = mb_field_number(L, table, "step_tokens"),
                         .block = mb_field_number(L, table, "block")};
    lua_pop(L, 1);
}

void mb_group_read(lua_State *L, int table, mb_group *group, mb_group_draft *draft) {
    const int top = lua_gettop(L);
    mb_hardware *hardware = &group->hardware;
    mb_field_text(L, table, "name", &group->name);
    hardware->group = group->name;
    if (mb_field_enter(L, table, "latency")) read_latency(L, lua_gettop(L), group, draft);
    if (mb_field_enter(L, table, "cluster")) {
        const int cluster = lua_gettop(L);
        mb_field_text(L, cluster, "model", &group->model);
        mb_field_text(L, cluster, "gpu", &group->gpu);
        hardware->model = group->model;
        hardware->gpu = group->gpu;
        hardware->tp = mb_field_small(L, cluster, "tp");
        hardware->replicas = mb_field_small(L, cluster, "replicas");
        hardware->max_requests = mb_field_small(L, cluster, "max_requests");
        hardware->token_budget = mb_field_whole(L, cluster, "token_budget");
        draft->usd_per_hour = mb_field_number(L, cluster, "all_usd_per_hour");
        draft->comes_and_goes = mb_field_boolean(L, cluster, "comes_and_goes");
        hardware->max_replicas = mb_field_small(L, cluster, "max_replicas");
        hardware->start_s = mb_field_number(L, cluster, "start_delay");
        hardware->usd_per_hour = mb_field_number(L, cluster, "replica_usd_per_hour");
        mb_field_text(L, cluster, "model_path", &group->model_path);
        read_request_kv(L, cluster, &group->request_kv);
        read_memory(L, cluster, group);
        read_pipeline(L, cluster, group);
        hardware->kv_bytes_per_token = mb_field_number(L, cluster, "kv_bytes_per_token");
        hardware->role = read_role(L, cluster);
    }
    lua_settop(L, top);
}

// --- preparing

// What was measured beside the operators. Of a roofline the table replaces its own all-reduces.
static mb_status prepare_measured(mb_group *group, const mb_group_draft *draft, mb_error *error) {
    mb_latency *latency = &group->latency;
    mb_status status = MB_OK;
    const bool exchanged = draft->shared.ranks > 1; // not added up a second time, after the MLP
    if (draft->links_path)
        status = mb_link_read(draft->links_path, draft->tp, (exchanged ? 1 : 2) * draft->layers,
                              draft->hidden, &group->link, error);
    if (!status && draft->exchange_path)
        status = mb_link_read(draft->exchange_path, draft->shared.gpus, draft->layers,
                              (double)draft->shared.ranks * draft->hidden, &group->exchange, error);
    if (!status && draft->corrections_path)
        status = mb_corrections_read(draft->corrections_path, &group->corrections, error);
    latency->link = group->link;
    latency->exchange = group->exchange;
    latency->corrections = group->corrections;
    if (group->link && group->roofline)
        group->roofline->reduce_seconds = group->roofline->reduce_latency_s = 0;
    if (group->exchange && group->roofline)
        group->roofline->exchange_seconds = group->roofline->exchange_latency_s = 0;
    return status;
}

mb_status mb_group_prepare(mb_group *group, const mb_group_draft *draft, mb_error *error) {
    mb_latency *latency = &group->latency;
    if (latency->kind == MB_LATENCY_PROFILE) {
        const mb_status status =
            mb_profile_read(draft->grid_path, draft->layers, draft->shared, &group->profile, error);
        if (status) return status;
        latency->profile = group->profile;
    }
    const mb_status measured = prepare_measured(group, draft, error);
    if (measured) return measured;
    if (draft->grid_path && !mb_latency_is_step(latency)) {
        mb_status status = mb_grid_read(draft->grid_path, &group->grid, error);
        if (status) return status;
        if (latency->kind == MB_LATENCY_BATCH) {
            mb_fit fit;
            status = mb_fit_batch_law(group->grid, draft->absolute_weight ? MB_FIT_ABSOLUTE : MB_FIT_RELATIVE,
                                      &fit, error);
            if (status) return status;
            fit.law.floor_s = latency->law.floor_s;
            latency->law = fit.law;
            latency->max_batch = fit.max_batch;
            latency->max_length = fit.max_length;
        } else {
            latency->grid = group->grid;
        }
    }
    return mb_latency_check(latency, error);
}

// --- release

void mb_group_draft_deinit(mb_group_draft *draft) {
    free(draft->grid_path);
    free(draft->graph_sizes);
    free(draft->links_path);
    free(draft->exchange_path);
    free(draft->corrections_path);
}

void mb_group_deinit(mb_group *group) {
    mb_grid_free(group->grid);
    mb_profile_free(group->profile);
    free(group->graph_sizes);
    free(group->shares);
    free(group->roofline);
    mb_link_free(group->link);
    mb_link_free(group->exchange);
    mb_corrections_free(group->corrections);
    free(group->model_path);
    free(group->model);
    free(group->gpu);
    free(group->name);
}
