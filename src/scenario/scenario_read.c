// SPDX-License-Identifier: MIT
#include "scenario/scenario_read.h"

#include "fit/batch.h"
#include "model/link.h"
#include "model/profile.h"
#include "model/roofline.h"
#include "scenario/plan_lua.h"
#include "scenario/scenario_describe.h"
#include "scenario/scenario_fields.h"
#include "scenario/scenario_workload.h"

#include <math.h>

// --- latency, cluster, policies

static mb_step_coefficients read_coefficients(lua_State *L, int table) {
    return (mb_step_coefficients){number(L, table, "base"), number(L, table, "per_token"),
                                  number(L, table, "per_context"), number(L, table, "per_request")};
}

static void read_step_model(lua_State *L, int table, mb_experiment *experiment, mb_scenario_draft *draft) {
    mb_latency *latency = &experiment->latency;
    const mb_step_coefficients c = read_coefficients(L, table);
    latency->step = (mb_step_law){c.base_s, c.per_token_s, c.per_context_s, c.per_request_s, .split = false};
    if (enter(L, table, "prompts")) {
        latency->step.split = true;
        latency->step.prompts = read_coefficients(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    latency->host_s = number(L, table, "host");
    latency->scheduling_s_per_request = number(L, table, "scheduling");
    draft->layers = small(L, table, "layers");
    draft->hidden = small(L, table, "hidden");
    draft->tp = small(L, table, "gpus");
    draft->shared = (mb_expert_ranks){small(L, table, "expert_gpus"), small(L, table, "expert_ranks")};
    read_text(L, table, "links", &draft->links_path);
    read_text(L, table, "exchange", &draft->exchange_path);
    read_text(L, table, "corrections", &draft->corrections_path);
    double *sizes = NULL;
    size_t count = 0;
    read_numbers(L, table, "graph_sizes", &sizes, &count);
    draft->graph_sizes = sizes; // released with the draft, whatever happens next
    experiment->graph_sizes = make(L, count, sizeof *experiment->graph_sizes);
    for (size_t i = 0; i < count; i++)
        experiment->graph_sizes[i] = (uint32_t)sizes[i];
    latency->graph_sizes = experiment->graph_sizes;
    latency->graph_size_count = count;
}

// Stands in until a job opens the clock of latency.custom.
static mb_status no_clock(void *self, const mb_step_shape *shape, double *seconds, mb_error *error) {
    (void)self, (void)shape, (void)seconds;
    return mb_fail(error, MB_FAILED, "latency.custom: the job has not opened the function");
}

static void read_latency(lua_State *L, int table, mb_experiment *experiment, mb_scenario_draft *draft) {
    static const char *const names[] = {"latency.batch",   "latency.table",   "latency.jobs",
                                        "latency.step",    "latency.profile", "latency.custom",
                                        "latency.roofline"};
    mb_latency *latency = &experiment->latency;
    latency->kind = (mb_latency_kind)CHOOSE(L, table, names);
    latency->law = (mb_batch_law){.alpha_s = number(L, table, "alpha"),
                                  .beta_s_per_token = number(L, table, "beta"),
                                  .gamma = number(L, table, "gamma"),
                                  .floor_s = number(L, table, "floor")};
    latency->tbt_s = number(L, table, "tbt");
    latency->noise = number(L, table, "noise");
    read_text(L, table, "path", &draft->grid_path);
    draft->absolute_weight = is(L, table, "weight", "absolute");
    if (latency->kind == MB_LATENCY_CUSTOM) latency->custom = no_clock;
    if (mb_latency_is_step(latency)) read_step_model(L, table, experiment, draft);
    if (latency->kind == MB_LATENCY_ROOFLINE && enter(L, table, "coefficients")) {
        experiment->roofline = make(L, 1, sizeof *experiment->roofline);
        mb_roofline_from_table(L, lua_gettop(L), experiment->roofline);
        latency->roofline = experiment->roofline;
        lua_pop(L, 1);
    }
}

static mb_reserve read_reserve(lua_State *L, int table) {
    for (mb_reserve reserve = MB_RESERVE_CHUNK; reserve < MB_RESERVE_COUNT; reserve++)
        if (is(L, table, "reserve", mb_reserve_name(reserve))) return reserve;
    return MB_RESERVE_COUNT;
}

static void read_cluster(lua_State *L, int table, mb_experiment *experiment) {
    experiment->replicas = small(L, table, "replicas");
    experiment->group = small(L, table, "group");
    if (enter(L, table, "front_end")) {
        experiment->front_end =
            (mb_front_end){number(L, lua_gettop(L), "base"), number(L, lua_gettop(L), "per_token")};
        lua_pop(L, 1);
    }
    read_text(L, table, "model_path", &experiment->model_path);
    experiment->usd_per_hour = number(L, table, "all_usd_per_hour");
    const bool contiguous = is(L, table, "kv", "contiguous"), paged = is(L, table, "kv", "paged");
    experiment->kv_kind = contiguous ? MB_KV_CONTIGUOUS : MB_KV_TOKENS;
    const double capacity = number(L, table, "capacity");
    experiment->kv_capacity = capacity > 0 ? (uint64_t)capacity : MB_UNLIMITED;
    experiment->kv_max_length = small(L, table, "kv_max_length");
    // An engine's pool is always of blocks: of a token, with the final length reserved, or of the longest
    // request.
    experiment->kv_block = paged ? small(L, table, "kv_block") : contiguous ? experiment->kv_max_length : 1;
    experiment->reserve = paged ? read_reserve(L, table) : contiguous ? MB_RESERVE_CHUNK : MB_RESERVE_FINAL;
    experiment->reserve_given = experiment->reserve != MB_RESERVE_COUNT && paged;
    if (paged && !experiment->reserve_given) experiment->reserve = MB_RESERVE_CHUNK;
    experiment->prefix_cache = paged && boolean(L, table, "prefix_cache");
    experiment->async = boolean(L, table, "async_scheduling");
    experiment->watermark = paged ? number(L, table, "watermark") : 0; // room to grow, which only pages need
    experiment->max_requests = small(L, table, "max_requests");
    experiment->token_budget = whole(L, table, "token_budget");
    if (enter(L, table, "swap")) {
        const int swap = lua_gettop(L);
        experiment->swap_tokens = whole(L, swap, "tokens");
        experiment->swap_s_per_token = number(L, swap, "seconds_per_token");
        lua_pop(L, 1);
    }
    experiment->block_oversize = is(L, table, "oversize", "block");
}

static void read_param(lua_State *L, int table, mb_param *param) {
    read_text(L, table, "name", &param->name);
    param->if_declared = boolean(L, table, "if_declared");
    lua_getfield(L, table, "value");
    switch (lua_type(L, -1)) {
    case LUA_TNUMBER:
        param->kind = MB_PARAM_NUMBER;
        param->number = lua_tonumber(L, -1);
        break;
    case LUA_TBOOLEAN:
        param->kind = MB_PARAM_BOOLEAN;
        param->boolean = lua_toboolean(L, -1);
        break;
    case LUA_TSTRING:
        param->kind = MB_PARAM_TEXT;
        param->text = copy(L, -1);
        break;
    default:
        param->kind = MB_PARAM_NUMBERS;
        read_numbers(L, table, "value", &param->numbers, &param->number_count);
    }
    lua_pop(L, 1);
}

static void read_policy(lua_State *L, int table, mb_policy_spec *policy) {
    read_text(L, table, "label", &policy->label);
    read_text(L, table, "path", &policy->path);
    policy->unlimited_memory = boolean(L, table, "unlimited_memory");
    if (!enter(L, table, "params")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    policy->params = make(L, n, sizeof *policy->params);
    policy->param_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        read_param(L, lua_gettop(L), &policy->params[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_policies(lua_State *L, int table, mb_experiment *experiment) {
    if (!enter(L, table, "policies")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    experiment->policies = make(L, n, sizeof *experiment->policies);
    experiment->policy_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        read_policy(L, lua_gettop(L), &experiment->policies[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void mb_scenario_read_experiment(lua_State *L, int index, mb_experiment *experiment,
                                 mb_scenario_draft *draft) {
    luaL_checkstack(L, 40, "scenario");
    const int table = mb_lua_absolute(L, index), top = lua_gettop(L);
    read_text(L, table, "where", &draft->where);
    read_text(L, table, "before", &draft->before);
    read_text(L, table, "after", &draft->after);
    if (enter(L, table, "workload")) mb_scenario_read_workload(L, lua_gettop(L), &experiment->workload);
    if (enter(L, table, "latency")) read_latency(L, lua_gettop(L), experiment, draft);
    if (enter(L, table, "cluster")) read_cluster(L, lua_gettop(L), experiment);
    experiment->slo = (mb_slo){INFINITY, INFINITY, INFINITY, INFINITY};
    if (enter(L, table, "slo")) {
        experiment->slo.ttft_s = number_or(L, lua_gettop(L), "ttft", INFINITY);
        experiment->slo.tbt_s = number_or(L, lua_gettop(L), "tbt", INFINITY);
        experiment->slo.e2e_s = number_or(L, lua_gettop(L), "e2e", INFINITY);
        experiment->slo.gap_s = number_or(L, lua_gettop(L), "gap", INFINITY);
    }
    experiment->fair = (mb_fair){.prompt = 1, .output = 2};
    if (enter(L, table, "fair")) {
        const int fair = lua_gettop(L);
        experiment->fair = (mb_fair){number(L, fair, "w_prompt"), number(L, fair, "w_output"), true};
    }
    if (enter(L, table, "qoe")) experiment->reader = reader_at(L, lua_gettop(L));
    if (enter(L, table, "warmup")) {
        experiment->warmup_requests = whole(L, lua_gettop(L), "requests");
        experiment->warmup_s = number(L, lua_gettop(L), "seconds");
    }
    if (enter(L, table, "limits")) {
        const int limits = lua_gettop(L);
        experiment->limits =
            (mb_limits){.hook_s = number(L, limits, "hook_seconds"),
                        .hook_instructions = whole(L, limits, "hook_instructions"),
                        .memory_bytes = (uint64_t)(number(L, limits, "memory_mb") * 1048576)};
    }
    lua_settop(L, top);
    read_policies(L, table, experiment);
    experiment->why = boolean(L, table, "why");
    experiment->exact_percentiles = boolean(L, table, "exact_percentiles");
    experiment->oracle = boolean(L, table, "oracle");
    experiment->stop_s = number(L, table, "stop_time");
    experiment->seeds = small(L, table, "seeds");
    experiment->seed = whole(L, table, "seed");
}

// --- preparing

// What was measured beside the operators. Of a roofline the table replaces its own all-reduces.
static mb_status prepare_measured(mb_experiment *experiment, const mb_scenario_draft *draft,
                                  mb_error *error) {
    mb_latency *latency = &experiment->latency;
    mb_status status = MB_OK;
    const bool exchanged = draft->shared.ranks > 1; // not added up a second time, after the MLP
    if (draft->links_path)
        status = mb_link_read(draft->links_path, draft->tp, (exchanged ? 1 : 2) * draft->layers,
                              draft->hidden, &experiment->link, error);
    if (!status && draft->exchange_path)
        status = mb_link_read(draft->exchange_path, draft->shared.gpus, draft->layers,
                              (double)draft->shared.ranks * draft->hidden, &experiment->exchange, error);
    if (!status && draft->corrections_path)
        status = mb_corrections_read(draft->corrections_path, &experiment->corrections, error);
    latency->link = experiment->link;
    latency->exchange = experiment->exchange;
    latency->corrections = experiment->corrections;
    if (experiment->link && experiment->roofline)
        experiment->roofline->reduce_seconds = experiment->roofline->reduce_latency_s = 0;
    if (experiment->exchange && experiment->roofline)
        experiment->roofline->exchange_seconds = experiment->roofline->exchange_latency_s = 0;
    return status;
}

static mb_status prepare_latency(mb_experiment *experiment, const mb_scenario_draft *draft, mb_error *error) {
    mb_latency *latency = &experiment->latency;
    if (latency->kind == MB_LATENCY_PROFILE) {
        const mb_status status =
            mb_profile_read(draft->grid_path, draft->layers, draft->shared, &experiment->profile, error);
        if (status) return status;
        latency->profile = experiment->profile;
    }
    const mb_status measured = prepare_measured(experiment, draft, error);
    if (measured) return measured;
    if (draft->grid_path && !mb_latency_is_step(latency)) {
        mb_status status = mb_grid_read(draft->grid_path, &experiment->grid, error);
        if (status) return status;
        if (latency->kind == MB_LATENCY_BATCH) {
            mb_fit fit;
            status = mb_fit_batch_law(
                experiment->grid, draft->absolute_weight ? MB_FIT_ABSOLUTE : MB_FIT_RELATIVE, &fit, error);
            if (status) return status;
            fit.law.floor_s = latency->law.floor_s;
            latency->law = fit.law;
            latency->max_batch = fit.max_batch;
            latency->max_length = fit.max_length;
        } else {
            latency->grid = experiment->grid;
        }
    }
    return mb_latency_check(latency, error);
}

static mb_status describe(mb_experiment *experiment, const mb_scenario_draft *draft, mb_error *error) {
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s, ", draft->before);
    mb_scenario_describe_latency(experiment, &text);
    mb_strbuf_printf(&text, ", %s", draft->after);
    experiment->description = text.text;
    if (!text.failed) return MB_OK;
    return mb_fail_memory(error);
}

// Does the message start with "file:line: " already?
static bool has_place(const char *message) {
    const char *colon = strchr(message, ':');
    if (!colon) return false;
    const size_t digits = strspn(colon + 1, "0123456789");
    return digits > 0 && colon[1 + digits] == ':';
}

mb_status mb_scenario_prepare(mb_experiment *experiment, const mb_scenario_draft *draft, mb_error *error) {
    mb_error own;
    mb_status status = prepare_latency(experiment, draft, &own);
    if (!status) status = mb_workload_prepare(&experiment->workload, &own);
    if (!status) return describe(experiment, draft, error);
    if (has_place(own.message)) return mb_fail(error, status, "%s", own.message);
    return mb_fail(error, status, "%s: %s", draft->where, own.message);
}

// --- release

void mb_scenario_draft_deinit(mb_scenario_draft *draft) {
    free(draft->where);
    free(draft->before);
    free(draft->after);
    free(draft->grid_path);
    free(draft->graph_sizes);
    free(draft->links_path);
    free(draft->exchange_path);
    free(draft->corrections_path);
    *draft = (mb_scenario_draft){0};
}

static void free_policy(mb_policy_spec *policy) {
    for (size_t i = 0; i < policy->param_count; i++) {
        free(policy->params[i].name);
        free(policy->params[i].text);
        free(policy->params[i].numbers);
    }
    free(policy->params);
    free(policy->label);
    free(policy->path);
}

void mb_experiment_deinit(mb_experiment *experiment) {
    mb_workload_deinit(&experiment->workload);
    mb_grid_free(experiment->grid);
    mb_profile_free(experiment->profile);
    for (size_t i = 0; i < experiment->policy_count; i++)
        free_policy(&experiment->policies[i]);
    free(experiment->policies);
    free(experiment->graph_sizes);
    free(experiment->roofline);
    mb_link_free(experiment->link);
    mb_link_free(experiment->exchange);
    mb_corrections_free(experiment->corrections);
    free(experiment->model_path);
    free(experiment->description);
    *experiment = (mb_experiment){0};
}
