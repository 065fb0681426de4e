// SPDX-License-Identifier: MIT
// One Lua state for one policy in one run: its allocator with a limit, protected calls, errors as sentences, and the
// means to stop a hook that never ends.
#pragma once
#include "base/error.h"
#include "base/rng.h"
#include "script/lua_compat.h"
#include "script/scenario.h"
#include "sim/sim.h"

#include <stdatomic.h>

// C functions that run within protected calls; see policy_lua.c.
typedef enum mb_inner { MB_INNER_VIEWS, MB_INNER_REQUEST, MB_INNER_TIMER, MB_INNER_KEY, MB_INNER_PARAM, MB_INNER_COUNT } mb_inner;

typedef struct mb_host {
    lua_State *L;
    mb_sim *sim; // NULL until the run starts
    mb_limits limits;
    size_t memory_used;
    bool out_of_memory;
    int depth;                  // of nested calls into Lua
    const char *hook;           // name of the hook that runs, for error messages
    atomic_ulong entries;       // odd while Lua runs; read by whoever watches the clock
    atomic_bool stopped_late;   // somebody called mb_host_interrupt
    bool loaded;                // the script has run: no new globals from here on
    bool observing;             // somebody records sim:observe
    bool oracle;
    const char *label;          // the policy's name, in messages
    char *directory;            // where the policy's script lies
    char *root;                 // the project's data
    const mb_workload *workload; // for sim:sample
    uint64_t seed, replication;
    mb_rng random;              // the policy's own stream
    uint32_t log_lines;
    mb_step_report report;      // of the step that ended, while `stepped` runs
    bool reporting;
    // References in the registry:
    int handler, environment, modules, requests, request_meta, queue_views, queue_meta, bins_meta, replica_views,
        kv_views, step_view, sim_view, timers, instance, keys, inbox_bins;
    uint32_t timer_count;
    int hooks[8]; // by mb_hook
    int inner[MB_INNER_COUNT];
    mb_arrival *sample; // made when first asked for; owned
    size_t sample_count;
    bool sampled;
} mb_host;

mb_status mb_host_open(mb_host *host, const mb_limits *limits, mb_error *error);
void mb_host_close(mb_host *host);

// Call the function below `arguments` values on the stack; `results` values replace them. On failure the stack is as
// before the function was pushed, and `error` holds the sentence and the traceback.
mb_status mb_host_call(mb_host *host, const char *hook, int arguments, int results, mb_error *error);
// Load a file as text (never bytecode) into the closed environment; the chunk is left on the stack.
// `name` is how messages call it.
mb_status mb_host_load_file(mb_host *host, const char *path, const char *name, mb_error *error);

// Make the running hook end with an error at its next instruction. May be called from a signal handler of the thread
// that runs it.
void mb_host_interrupt(mb_host *host);

// The host of a state.
static inline mb_host *mb_host_of(lua_State *L) {
    void *host;
    lua_getallocf(L, &host);
    return host;
}
// Raise `error` as a Lua error (position added, as luaL_error does, where it has none). Does not return.
int mb_host_raise(lua_State *L, const mb_error *error);
