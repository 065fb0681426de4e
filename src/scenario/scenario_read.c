// SPDX-License-Identifier: MIT
#include "scenario/scenario_read.h"

#include "scenario/scenario_describe.h"
#include "scenario/scenario_failures.h"
#include "scenario/scenario_fields.h"
#include "scenario/scenario_link.h"
#include "scenario/scenario_workload.h"

#include <math.h>

// --- cluster, policies

static void read_cluster(lua_State *L, int table, mb_experiment *experiment) {
    experiment->ranks = mb_field_small(L, table, "group");
    if (mb_field_enter(L, table, "front_end")) {
        experiment->front_end = (mb_front_end){mb_field_number(L, lua_gettop(L), "base"),
                                               mb_field_number(L, lua_gettop(L), "per_token")};
        lua_pop(L, 1);
    }
    mb_links_read(L, table, experiment);
    if (mb_field_enter(L, table, "signals")) {
        experiment->signal_period_s = mb_field_number(L, lua_gettop(L), "period");
        experiment->signal_delay_s = mb_field_number(L, lua_gettop(L), "delay");
        lua_pop(L, 1);
    }
    experiment->async = mb_field_boolean(L, table, "async_scheduling");
    if (mb_field_enter(L, table, "swap")) {
        const int swap = lua_gettop(L);
        experiment->swap_tokens = mb_field_whole(L, swap, "tokens");
        experiment->swap_s_per_token = mb_field_number(L, swap, "seconds_per_token");
        lua_pop(L, 1);
    }
    experiment->block_oversize = mb_field_is(L, table, "oversize", "block");
}

static void read_groups(lua_State *L, int table, mb_experiment *experiment, mb_scenario_draft *draft) {
    lua_getfield(L, table, "groups");
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    experiment->groups = mb_field_make(L, n, sizeof *experiment->groups);
    experiment->group_count = n;
    draft->groups = mb_field_make(L, n, sizeof *draft->groups);
    draft->group_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        mb_group_read(L, lua_gettop(L), &experiment->groups[i], &draft->groups[i]);
        experiment->usd_per_hour += draft->groups[i].usd_per_hour;
        experiment->comes_and_goes |= draft->groups[i].comes_and_goes;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_param(lua_State *L, int table, mb_param *param) {
    mb_field_text(L, table, "name", &param->name);
    param->if_declared = mb_field_boolean(L, table, "if_declared");
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
        param->text = mb_field_copy(L, -1);
        break;
    default:
        param->kind = MB_PARAM_NUMBERS;
        mb_field_numbers(L, table, "value", &param->numbers, &param->number_count);
    }
    lua_pop(L, 1);
}

static void read_policy(lua_State *L, int table, mb_policy_spec *policy) {
    mb_field_text(L, table, "label", &policy->label);
    mb_field_text(L, table, "path", &policy->path);
    policy->unlimited_memory = mb_field_boolean(L, table, "unlimited_memory");
    if (!mb_field_enter(L, table, "params")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    policy->params = mb_field_make(L, n, sizeof *policy->params);
    policy->param_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        read_param(L, lua_gettop(L), &policy->params[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_policies(lua_State *L, int table, mb_experiment *experiment) {
    if (!mb_field_enter(L, table, "policies")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    experiment->policies = mb_field_make(L, n, sizeof *experiment->policies);
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
    mb_field_text(L, table, "where", &draft->where);
    mb_field_text(L, table, "before", &draft->before);
    mb_field_text(L, table, "after", &draft->after);
    if (mb_field_enter(L, table, "workload"))
        mb_scenario_read_workload(L, lua_gettop(L), &experiment->workload);
    if (mb_field_enter(L, table, "cluster")) read_cluster(L, lua_gettop(L), experiment);
    read_groups(L, table, experiment, draft);
    mb_failures_read(L, table, experiment);
    experiment->slo = (mb_slo){INFINITY, INFINITY, INFINITY, INFINITY, false, 0};
    if (mb_field_enter(L, table, "slo")) experiment->slo = mb_slo_at(L, lua_gettop(L));
    experiment->fair = (mb_fair){.prompt = 1, .output = 2};
    if (mb_field_enter(L, table, "fair")) {
        const int fair = lua_gettop(L);
        experiment->fair =
            (mb_fair){mb_field_number(L, fair, "w_prompt"), mb_field_number(L, fair, "w_output"), true};
    }
    if (mb_field_enter(L, table, "qoe")) experiment->reader = reader_at(L, lua_gettop(L));
    if (mb_field_enter(L, table, "warmup")) {
        experiment->warmup_requests = mb_field_whole(L, lua_gettop(L), "requests");
        experiment->warmup_s = mb_field_number(L, lua_gettop(L), "seconds");
    }
    if (mb_field_enter(L, table, "limits")) {
        const int limits = lua_gettop(L);
        experiment->limits =
            (mb_limits){.hook_s = mb_field_number(L, limits, "hook_seconds"),
                        .hook_instructions = mb_field_whole(L, limits, "hook_instructions"),
                        .memory_bytes = (uint64_t)(mb_field_number(L, limits, "memory_mb") * 1048576)};
    }
    lua_settop(L, top);
    read_policies(L, table, experiment);
    experiment->why = mb_field_boolean(L, table, "why");
    experiment->by = mb_field_is(L, table, "by", "class")    ? MB_BY_CLASS
                     : mb_field_is(L, table, "by", "client") ? MB_BY_CLIENT
                                                             : MB_BY_NONE;
    experiment->exact_percentiles = mb_field_boolean(L, table, "exact_percentiles");
    experiment->oracle = mb_field_boolean(L, table, "oracle");
    experiment->stop_s = mb_field_number(L, table, "stop_time");
    experiment->seeds = mb_field_small(L, table, "seeds");
    experiment->seed = mb_field_whole(L, table, "seed");
}

// --- preparing

static mb_status describe(mb_experiment *experiment, const mb_scenario_draft *draft, mb_error *error) {
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s, ", draft->before);
    for (size_t i = 0; i < experiment->group_count; i++) {
        const mb_group *group = &experiment->groups[i];
        if (group->name) mb_strbuf_printf(&text, "%s%s: ", i > 0 ? "; " : "", group->name);
        mb_scenario_describe_latency(group, &text);
    }
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
    mb_status status = MB_OK;
    for (size_t i = 0; i < experiment->group_count && !status; i++)
        status = mb_group_prepare(&experiment->groups[i], &draft->groups[i], &own);
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
    for (size_t i = 0; i < draft->group_count; i++)
        mb_group_draft_deinit(&draft->groups[i]);
    free(draft->groups);
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
    for (size_t i = 0; i < experiment->group_count; i++)
        mb_group_deinit(&experiment->groups[i]);
    free(experiment->groups);
    free(experiment->links);
    mb_failures_free(experiment);
    for (size_t i = 0; i < experiment->policy_count; i++)
        free_policy(&experiment->policies[i]);
    free(experiment->policies);
    free(experiment->description);
    *experiment = (mb_experiment){0};
}
