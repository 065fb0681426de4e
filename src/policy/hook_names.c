// SPDX-License-Identifier: MIT
// Functions of a policy that were meant to be hooks and would never be called: misspelt ones, and names that
// other load generators, simulators and engines give to theirs.
#include "policy/hook_names.h"

#include "base/strbuf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const mb_hook_names[MB_HOOK_COUNT] = {"init",   "arrive", "schedule", "stepped",
                                                  "finish", "done",   "handoff",  "signal"};

typedef struct neighbour {
    const char *name, *instead;
} neighbour;

// wrk, sysbench, SimGrid, Vidur, vLLM and SGLang say so.
static const neighbour neighbours[] = {
    {"setup", "init"},
    {"start", "init"},
    {"begin", "init"},
    {"initialize", "init"},
    {"initialise", "init"},
    {"prepare", "init"},
    {"thread_init", "init"},
    {"on_init", "init"},
    {"on_start", "init"},
    {"on_setup", "init"},
    {"arrival", "arrive"},
    {"arrived", "arrive"},
    {"enqueue", "arrive"},
    {"request", "arrive"},
    {"submit", "arrive"},
    {"add_request", "arrive"},
    {"on_arrival", "arrive"},
    {"on_arrive", "arrive"},
    {"on_request", "arrive"},
    {"on_request_arrival", "arrive"},
    {"new_request", "arrive"},
    {"on_new_request", "arrive"},
    {"receive", "arrive"},
    {"on_receive", "arrive"},
    {"on_enqueue", "arrive"},
    {"on_submit", "arrive"},
    {"event", "schedule"},
    {"step", "schedule"},
    {"dispatch", "schedule"},
    {"next_batch", "schedule"},
    {"get_next_batch", "schedule"},
    {"get_next_batch_to_run", "schedule"},
    {"on_schedule", "schedule"},
    {"on_replica_schedule", "schedule"},
    {"step_end", "stepped"},
    {"after_step", "stepped"},
    {"batch_end", "stepped"},
    {"on_step", "stepped"},
    {"on_step_end", "stepped"},
    {"on_batch_end", "stepped"},
    {"update_from_output", "stepped"},
    {"post_step", "stepped"},
    {"iteration_end", "stepped"},
    {"on_iteration_end", "stepped"},
    {"after_batch", "stepped"},
    {"on_step_done", "stepped"},
    {"response", "finish"},
    {"finished", "finish"},
    {"complete", "finish"},
    {"completed", "finish"},
    {"departure", "finish"},
    {"on_finish", "finish"},
    {"on_complete", "finish"},
    {"on_completion", "finish"},
    {"on_departure", "finish"},
    {"finish_requests", "finish"},
    {"teardown", "done"},
    {"exit", "done"},
    {"shutdown", "done"},
    {"cleanup", "done"},
    {"finalize", "done"},
    {"finalise", "done"},
    {"thread_done", "done"},
    {"summary", "done"},
    {"report", "done"},
    {"stop", "done"},
    {"close", "done"},
    {"on_done", "done"},
    {"on_end", "done"},
    {"at_end", "done"},
    {"end_of_run", "done"},
    {"ended", "done"},
    {"end_", "done"},
    {"end_run", "done"},
    {"run_end", "done"},
    {"on_run_end", "done"},
    {"after_run", "done"},
    {"on_exit", "done"},
    {"on_stop", "done"},
    {"on_shutdown", "done"},
    {"on_close", "done"},
    {"tear_down", "done"},
    {"clean_up", "done"},
    {"deinit", "done"},
    {"destroy", "done"},
    {"terminate", "done"},
    {"simulation_end", "done"},
    {"on_simulation_end", "done"},
    {"end_simulation", "done"},
    {"delay", NULL},
    {"timer", NULL},
    {"on_timer", NULL},
    {"tick", NULL},
    {"on_tick", NULL},
    {NULL, NULL},
};

static bool in_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

// Does the text name the function as a member more often than its definition does? Then the policy calls it
// itself.
static bool is_called(const char *text, const char *name) {
    const size_t length = strlen(name);
    unsigned times = 0;
    for (const char *at = text; (at = strstr(at, name)) != NULL; at += length)
        times += at > text && (at[-1] == '.' || at[-1] == ':') && !in_word(at[length]);
    return times > 1;
}

static void refuse(lua_State *L, const char *path, const char *name, const char *advice) {
    luaL_error(L, "%s: there is no hook '%s'; %s (A function of your own needs another name)", path, name,
               advice);
}

// A hook that the policy lacks, and whose name is nearly this one.
static const char *nearest_hook(const int *hooks, const char *name) {
    const char *absent[MB_HOOK_COUNT];
    size_t count = 0;
    for (int i = 0; i < MB_HOOK_COUNT; i++)
        if (hooks[i] == LUA_NOREF) absent[count++] = mb_hook_names[i];
    const char *nearest = mb_nearest_word(name, absent, count);
    const size_t length = strlen(name), hook_length = nearest ? strlen(nearest) : 0;
    if (!nearest || length + 2 < hook_length || hook_length + 2 < length || length < 4) return NULL;
    if (name[0] != nearest[0] && (hook_length < 5 || name[1] != nearest[1]))
        return NULL; // near in letters only
    return nearest;
}

void mb_hook_name_check(lua_State *L, const char *path, const char *text, const int *hooks,
                        const char *name) {
    for (int i = 0; i < MB_HOOK_COUNT; i++)
        if (strcmp(name, mb_hook_names[i]) == 0) return;
    if (is_called(text, name)) return;
    char advice[160];
    for (const neighbour *n = neighbours; n->name; n++) {
        if (strcmp(n->name, name) != 0) continue;
        if (n->instead)
            snprintf(advice, sizeof advice, "what it would do belongs into '%s'.", n->instead);
        else
            snprintf(advice, sizeof advice, "set timers with sim:after and sim:every.");
        refuse(L, path, name, advice);
    }
    const char *nearest = nearest_hook(hooks, name);
    if (nearest) {
        snprintf(advice, sizeof advice, "did you mean '%s'?", nearest);
        refuse(L, path, name, advice);
    }
    if (strncmp(name, "on_", 3) == 0)
        refuse(L, path, name, "there are init, arrive, schedule, stepped, finish and done.");
}
