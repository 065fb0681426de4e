// SPDX-License-Identifier: MIT
#include "policy/policy_lua.h"

#include "base/paths.h"
#include "base/strbuf.h"
#include "policy/params.h"
#include "policy/sandbox.h"
#include "policy/views.h"

#include <stdlib.h>
#include <string.h>

// --- hooks
// ----------------------------------------------------------------------------------------------------

// Push the hook's function and the instance.
static void begin(mb_host *host, mb_hook hook) {
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->hooks[hook]);
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->instance);
}

// The same, and the views of the replica and of the step. The core calls such a hook, never one of our
// functions within another hook.
static void begin_step(mb_host *host, mb_hook hook, uint32_t replica) {
    lua_State *L = host->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->hooks[hook]);
    lua_pushvalue(L, MB_AT_INSTANCE);
    lua_rawgeti(L, MB_AT_REPLICAS, (int)replica + 1);
    lua_pushvalue(L, MB_AT_STEP);
}

// Run a C function of ours protected, since pushing values allocates.
static mb_status call_protected(mb_host *host, lua_CFunction function, void *argument, const char *hook,
                                mb_error *error) {
    lua_pushlightuserdata(host->L, argument);
    return mb_host_run(host, function, hook, 1, error);
}

static int open_views(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_request_views_open(L);
    mb_queue_views_open(L);
    mb_replica_views_open(L);
    mb_step_view_open(L);
    mb_sim_view_open(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->instance);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->sim_view);
    lua_setfield(L, -2, "sim");
    return 0;
}

// Without the hook, every replica must have a plain step.
static mb_status check_served(const mb_host *host, mb_error *error) {
    if (host->hooks[MB_HOOK_SCHEDULE] != LUA_NOREF) return MB_OK;
    for (uint32_t i = 0; i < host->sim->replica_count; i++)
        if (!host->sim->replicas[i]->plain.declared)
            return mb_fail(error, MB_FAILED,
                           "%s: the policy has no hook 'schedule', and after 'init' replica %u has no plain "
                           "step; give it one with replica:plain{ queue = ... }, or write function "
                           "Policy:schedule(replica, step) ... end",
                           host->path, i + 1);
    return MB_OK;
}

static mb_status hook_init(void *self, mb_sim *sim, mb_error *error) {
    mb_host *host = self;
    host->sim = sim;
    host->observing = sim->observer.decision != NULL;
    host->oracle = sim->config->oracle;
    mb_status status = call_protected(host, open_views, NULL, "init", error);
    if (status != MB_OK) return status;
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->instance);
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->step_view);
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->replica_views);
    if (host->hooks[MB_HOOK_INIT] != LUA_NOREF) {
        begin(host, MB_HOOK_INIT);
        status = mb_host_call(host, "init", 1, 0, error);
    }
    return status == MB_OK ? check_served(host, error) : status;
}

typedef struct request_call {
    mb_hook hook;
    uint32_t slot;
    const char *why;
} request_call;

// Make the request's view and call the hook with it, all protected.
static int call_with_request(lua_State *L) {
    const request_call *call = lua_touserdata(L, 1);
    mb_host *host = mb_host_of(L);
    begin(host, call->hook);
    mb_request_view_push(host, call->slot);
    if (call->hook == MB_HOOK_FINISH) {
        const mb_request *request = mb_request_at(&host->sim->requests, call->slot);
        lua_pushinteger(L, request->output_tokens);
        lua_setfield(L, -2, "output_tokens");
        lua_pushstring(L, call->why);
        lua_call(L, 3, 0);
    } else
        lua_call(L, 2, 0);
    return 0;
}

typedef struct handoff_call {
    uint32_t slot, replica;
    uint32_t *to;
} handoff_call;

static int call_handoff(lua_State *L) {
    const handoff_call *call = lua_touserdata(L, 1);
    mb_host *host = mb_host_of(L);
    begin(host, MB_HOOK_HANDOFF);
    mb_request_view_push(host, call->slot);
    mb_replica_view_push(host, call->replica);
    lua_call(L, 3, 1);
    *call->to = mb_handoff_answer(L, call->slot);
    return 0;
}

static mb_status hook_handoff(void *self, mb_sim *sim, uint32_t slot, mb_replica *replica, uint32_t *to,
                              mb_error *error) {
    (void)sim;
    handoff_call call = {slot, replica->engine.id, to};
    return call_protected(self, call_handoff, &call, "handoff", error);
}

static mb_status hook_arrive(void *self, mb_sim *sim, uint32_t slot, mb_error *error) {
    (void)sim;
    request_call call = {.hook = MB_HOOK_ARRIVE, .slot = slot};
    return call_protected(self, call_with_request, &call, "arrive", error);
}

static mb_status call_finish(mb_host *host, uint32_t slot, mb_end why, mb_error *error) {
    mb_held held = {.slot = slot, .outer = host->held}; // it leaves: neither pushed nor rejected again
    request_call call = {
        .hook = MB_HOOK_FINISH, .slot = slot, .why = why == MB_END_DONE ? "done" : "rejected"};
    const mb_fence outer = mb_host_fence(host, MB_FENCE_STEP, "the hook 'finish'");
    host->held = &held;
    const mb_status status = call_protected(host, call_with_request, &call, "finish", error);
    host->held = held.outer;
    host->fence = outer;
    return status;
}

static mb_status hook_finish(void *self, mb_sim *sim, uint32_t slot, mb_end why, mb_error *error) {
    mb_host *host = self;
    const mb_status status =
        host->hooks[MB_HOOK_FINISH] != LUA_NOREF ? call_finish(host, slot, why, error) : MB_OK;
    if (mb_request_at(&sim->requests, slot)->script_view) mb_request_view_forget(host, slot);
    return status;
}

static mb_status hook_done(void *self, mb_sim *sim, mb_error *error) {
    (void)sim;
    begin(self, MB_HOOK_DONE);
    return mb_host_call(self, "done", 1, 0, error);
}

static mb_status hook_schedule(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_host *host = self;
    (void)sim;
    host->idles = 0;
    if (host->hooks[MB_HOOK_SCHEDULE] == LUA_NOREF)
        return mb_fail(
            error, MB_FAILED,
            "%s: the policy has no hook 'schedule', and replica %u, which was added, has no plain step",
            host->path, replica->engine.id + 1);
    begin_step(host, MB_HOOK_SCHEDULE, replica->engine.id);
    return mb_host_call(host, "schedule", 3, 0, error);
}

static mb_status hook_stepped(void *self, mb_sim *sim, mb_replica *replica, const mb_step_report *report,
                              mb_error *error) {
    (void)sim;
    mb_host *host = self;
    host->report = *report;
    host->reporting = true;
    begin_step(host, MB_HOOK_STEPPED, replica->engine.id);
    const mb_status status = mb_host_call(host, "stepped", 3, 0, error);
    host->reporting = false;
    return status;
}

static int call_with_notice(lua_State *L) {
    const mb_notice *notice = lua_touserdata(L, 1);
    mb_host *host = mb_host_of(L);
    begin(host, MB_HOOK_SIGNAL);
    mb_signal_push(host, notice);
    lua_call(L, 2, 0);
    return 0;
}

static mb_status hook_signal(void *self, mb_sim *sim, const mb_notice *notice, mb_error *error) {
    (void)sim;
    mb_host *host = self;
    mb_held held = {.slot = notice->request, .outer = host->held};
    const mb_fence outer =
        notice->leaves ? mb_host_fence(host, MB_FENCE_STEP, "the hook 'signal'") : host->fence;
    if (notice->leaves) host->held = &held;
    const mb_status status =
        call_protected(self, call_with_notice, (void *)(uintptr_t)notice, "signal", error);
    host->held = held.outer;
    host->fence = outer;
    return status;
}

static mb_status hook_timer(void *self, mb_sim *sim, uint32_t timer, mb_error *error) {
    (void)sim;
    return call_protected(self, mb_timer_call, &timer, "timer", error);
}

static bool timer_gone(void *self, uint32_t timer) {
    return mb_timer_gone(self, timer);
}

typedef struct key_call {
    uint32_t queue, slot;
    double *key;
} key_call;

static int call_key(lua_State *L) {
    const key_call *call = lua_touserdata(L, 1);
    mb_host *host = mb_host_of(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->keys);
    lua_rawgeti(L, -1, (int)call->queue + 1);
    mb_request_view_push(host, call->slot);
    lua_call(L, 1, 1);
    *call->key = mb_key_take(L, call->queue);
    return 0;
}

static mb_status hook_key(void *self, mb_sim *sim, uint32_t queue, uint32_t slot, double *key,
                          mb_error *error) {
    (void)sim;
    mb_host *host = self;
    key_call call = {queue, slot, key};
    mb_held held = {.slot = slot, .outer = host->held}; // the core is about to push it
    const mb_fence outer = mb_host_fence(host, MB_FENCE_ALL, "the queue's `by` function");
    host->held = &held;
    const mb_status status = call_protected(self, call_key, &call, "by", error);
    host->held = held.outer;
    host->fence = outer;
    return status;
}

// --- loading
// --------------------------------------------------------------------------------------------------

static int build_sandbox(lua_State *L) {
    mb_sandbox_build(L);
    return 0;
}

// A field of the policy's table that is true or false; absent: false.
static bool read_flag(lua_State *L, const char *name) {
    lua_getfield(L, 1, name);
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
        luaL_error(L, "%s: '%s' is true or false, not %s", mb_host_of(L)->path, name, luaL_typename(L, -1));
    const bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

// Position of a policy's hooks in its table; an unknown function that looks like a misspelt hook is an error.
static int find_hooks(lua_State *L) { // (policy table)
    mb_host *host = mb_host_of(L);
    mb_params_settle(L, 1, host->spec, host->label); // may add hooks
    for (int i = 0; i < MB_HOOK_COUNT; i++) {
        lua_getfield(L, 1, mb_hook_names[i]);
        if (!lua_isnil(L, -1) && !lua_isfunction(L, -1))
            return luaL_error(L, "%s: '%s' is a hook and must be a function, not %s", host->path,
                              mb_hook_names[i], luaL_typename(L, -1));
        host->hooks[i] = LUA_NOREF;
        if (lua_isfunction(L, -1))
            host->hooks[i] = luaL_ref(L, LUA_REGISTRYINDEX);
        else
            lua_pop(L, 1);
    }
    host->alike = read_flag(L, "replicas_alike");
    host->python_ties = read_flag(L, "python_ties");
    host->untold = mb_signal_untold(L);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1))
            mb_hook_name_check(L, host->path, host->text, host->hooks, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    if (host->hooks[MB_HOOK_SCHEDULE] != LUA_NOREF || host->says_plain) return 0;
    return luaL_error(
        L, "%s: the policy has no hook 'schedule'; write function Policy:schedule(replica, step) ... end",
        host->path);
}

// The instance: { sim, params }, indexing the policy's table.
static int make_instance(lua_State *L) { // (policy table, spec)
    mb_host *host = mb_host_of(L);
    const mb_policy_spec *spec = lua_touserdata(L, 2);
    lua_newtable(L);
    mb_params_merge(L, 1, spec, host->label);
    lua_setfield(L, -2, "params");
    lua_newtable(L);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    host->instance = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static mb_status run_script(mb_host *host, const mb_policy_spec *spec, bool *broken, mb_error *error) {
    lua_State *L = host->L;
    mb_status status = mb_host_run(host, build_sandbox, "the script", 0, error);
    if (status == MB_OK) status = mb_host_load_file(host, spec->path, spec->path, error);
    if (status != MB_OK) return status;
    status = mb_host_call(host, "the script", 0, 1, error);
    if (status != MB_OK) return status;
    if (!lua_istable(L, -1)) {
        if (lua_isfunction(L, -1))
            status =
                mb_fail(error, MB_BAD_INPUT,
                        "%s: returns a function, as a bin-boundary rule does; a policy returns a table of "
                        "hooks, and takes a rule as its parameter: rule = \"%s\"",
                        spec->path, spec->path);
        else
            status = mb_fail(
                error, MB_BAD_INPUT,
                "%s: must return a table of hooks, and returns %s; is `return Policy` missing at the end?",
                spec->path, lua_isnil(L, -1) ? "nothing" : luaL_typename(L, -1));
        lua_pop(L, 1);
        return status;
    }
    lua_pushvalue(L, -1);
    status = mb_host_run(host, find_hooks, "the script", 1, error);
    *broken = status != MB_OK;
    if (status == MB_OK) {
        lua_pushvalue(L, -1);
        lua_pushlightuserdata(L, (void *)(uintptr_t)spec);
        status = mb_host_run(host, make_instance, "the script", 2, error);
    }
    lua_pop(L, 1);
    return status;
}

static void fill_ops(mb_lua_policy *policy) {
    const int *hooks = policy->host.hooks;
    policy->ops = (mb_policy_ops){.init = hook_init,
                                  .alike = policy->host.alike,
                                  .python_ties = policy->host.python_ties,
                                  .untold = policy->host.untold,
                                  .schedule = hook_schedule,
                                  .timer = hook_timer,
                                  .timer_gone = timer_gone,
                                  .key = hook_key,
                                  .finish = hook_finish};
    if (hooks[MB_HOOK_ARRIVE] != LUA_NOREF) policy->ops.arrive = hook_arrive;
    if (hooks[MB_HOOK_STEPPED] != LUA_NOREF) policy->ops.stepped = hook_stepped;
    if (hooks[MB_HOOK_HANDOFF] != LUA_NOREF) policy->ops.handoff = hook_handoff;
    if (hooks[MB_HOOK_SIGNAL] != LUA_NOREF) policy->ops.signal = hook_signal;
    if (hooks[MB_HOOK_DONE] != LUA_NOREF) policy->ops.done = hook_done;
}

mb_status mb_lua_policy_open(mb_lua_policy *policy, const mb_policy_spec *spec, const mb_limits *limits,
                             const mb_workload *workload, uint64_t seed, uint64_t replication,
                             mb_error *error) {
    mb_host *host = &policy->host;
    policy->late = false;
    policy->broken = true;
    mb_status status = mb_host_open(host, limits, error);
    if (status != MB_OK) return status;
    host->workload = workload;
    host->seed = seed;
    host->replication = replication;
    host->label = spec->label;
    host->path = spec->path;
    host->spec = spec;
    mb_rng_init(&host->random, seed, replication, "policy");
    host->directory = mb_paths_folder(spec->path);
    status = host->directory ? mb_paths_root(&host->root, error) : mb_fail_memory(error);
    mb_host_begin_loading(host);
    if (status == MB_OK) status = run_script(host, spec, &policy->broken, error);
    mb_host_end_loading(host);
    if (status != MB_OK) {
        policy->late = atomic_load(&host->stopped_late);
        if (status == MB_FAILED) error->status = status = MB_BAD_INPUT; // it never ran: the input is wrong
        mb_lua_policy_close(policy);
        return status;
    }
    mb_sandbox_close(host);
    fill_ops(policy);
    return MB_OK;
}

void mb_lua_policy_close(mb_lua_policy *policy) {
    mb_host_close(&policy->host);
}

typedef struct param_question {
    const char *name;
    char *text; // of MB_PARAM_TEXT_SIZE; "" for what is neither a number, a text nor a boolean
    bool found;
} param_question;

static int find_param(lua_State *L) { // (light userdata)
    param_question *question = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb_host_of(L)->instance);
    lua_getfield(L, -1, "params");
    lua_getfield(L, -1, question->name);
    question->found = !lua_isnil(L, -1);
    const char *text = lua_isboolean(L, -1) ? (lua_toboolean(L, -1) ? "true" : "false") : NULL;
    if (lua_type(L, -1) == LUA_TNUMBER) // (in Lua 5.4, 8.0 would be "8.0")
        snprintf(question->text, MB_PARAM_TEXT_SIZE, "%.14g", lua_tonumber(L, -1));
    else if (text || (lua_isstring(L, -1) && lua_rawlen(L, -1) < MB_PARAM_TEXT_SIZE))
        snprintf(question->text, MB_PARAM_TEXT_SIZE, "%s", text ? text : lua_tostring(L, -1));
    return 0;
}

bool mb_lua_policy_param(mb_lua_policy *policy, const char *name, char text[MB_PARAM_TEXT_SIZE]) {
    param_question question = {.name = name, .text = text};
    text[0] = '\0';
    const mb_status status = call_protected(&policy->host, find_param, &question, "the script", NULL);
    return status == MB_OK && question.found;
}

mb_status mb_lua_policy_check(const char *path, mb_error *error) {
    char *label = mb_strdup(path), *copy = mb_strdup(path);
    const mb_limits limits = {.hook_s = 1, .memory_bytes = 64u << 20};
    mb_policy_spec spec = {.label = label, .path = copy};
    mb_lua_policy policy;
    const mb_status status = label && copy ? mb_lua_policy_open(&policy, &spec, &limits, NULL, 0, 0, error)
                                           : mb_fail_memory(error);
    if (status == MB_OK) mb_lua_policy_close(&policy);
    free(label);
    free(copy);
    return status;
}

const char *mb_lua_engine(void) {
    return MB_LUA_ENGINE;
}
