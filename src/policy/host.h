// SPDX-License-Identifier: MIT
// One Lua state for one policy in one run: its allocator with a limit, protected calls, errors as sentences,
// and the means to stop a hook that never ends.
#pragma once
#include "base/error.h"
#include "base/rng.h"
#include "policy/lua_compat.h"
#include "policy/spec.h"
#include "sim/sim.h"

#include <stdatomic.h>

// What a callback of the script may not do, since the core, or one of our functions, is in the middle of
// something.
typedef enum mb_fence_level {
    MB_FENCE_NONE,
    MB_FENCE_STEP, // fill a step
    MB_FENCE_ALL   // change anything
} mb_fence_level;

typedef struct mb_fence {
    mb_fence_level level;
    const char *who; // "the queue's `by` function"
} mb_fence;

// What lies at the bottom of the state's stack: there the calls that enter Lua find it soonest. Calls within
// calls have a stack of their own, and find the same by references.
enum { MB_AT_HANDLER = 1, MB_AT_INSTANCE, MB_AT_STEP, MB_AT_REPLICAS };

typedef struct mb_timer {
    uint32_t generation, next_free;
    enum { MB_TIMER_FREE, MB_TIMER_WAITS, MB_TIMER_CANCELLED } state;
} mb_timer;

// A property of a view that was read before (views.c).
struct mb_view;
typedef struct mb_known_property {
    const char *name; // as the state keeps it
    int (*read)(lua_State *L, const struct mb_view *view, int property);
    int property;
} mb_known_property;
enum { MB_KNOWN_PROPERTIES = 64 };

typedef struct mb_host {
    lua_State *L;
    mb_sim *sim; // NULL until the run starts
    mb_limits limits;
    size_t memory_used;
    bool out_of_memory;
    int depth;   // of nested calls into Lua
    int nesting; // of our functions that call back into the script, see mb_host_enter
    mb_fence fence;
    // The table of the request that was pushed last, and its slot: most calls are of that one. It stays
    // where it is as long as the request does. NULL: none.
    const void *last_view;
    uint32_t last_slot;
    struct mb_held *held;      // requests that the core has in hand, innermost first
    double deadline_s;         // while the script loads, on its thread's CPU clock; 0: none
    uint64_t instructions;     // used by the script while it loads
    uint64_t work;             // done by our functions in this call, see mb_host_work
    const char *hook;          // name of the hook that runs, for error messages
    atomic_ulong entries;      // odd while Lua runs; read by whoever watches the clock
    atomic_ulong late_entries; // the value of `entries` whose hook has run too long
    atomic_bool reading;       // a sample for the hook: as long as that takes is no fault of it
    atomic_bool stopped_late;  // the time limit was met
    atomic_bool interrupted;   // the program is to stop
    atomic_bool left;          // the hook that runs was left behind
    lua_CFunction function;    // that mb_host_run is about to run
    bool loaded;               // the script has run: no new globals from here on
    bool sealed;               // the run has begun and `init` is over: no file may be opened
    bool observing;            // somebody records sim:observe
    bool oracle;
    bool alike;        // the policy says replicas_alike = true
    bool python_ties;  // the policy says python_ties = true
    uint32_t untold;   // kinds of events that signal_kinds leaves out
    bool says_plain;   // the text of one of its files has ":plain": it may do without `schedule`
    const char *label; // the policy's name, in messages
    const char *path;  // of the policy's script
    const mb_policy_spec *spec;
    char *directory;             // where the policy's script lies
    char *root;                  // the project's data
    const mb_workload *workload; // for sim:sample
    uint64_t seed, replication;
    mb_rng random;                       // the policy's own stream
    uint32_t log_lines, idles, observed; // printed so far; calls of step:idle in this step; of sim:observe
    mb_step_report report;               // of the step that ended, while `stepped` runs
    bool reporting;
    // References in the registry:
    int handler, runner, environment, modules, requests, request_meta, queue_views, queue_meta, bins_meta,
        replica_views, replica_meta, kv_views, kv_meta, seen_meta, step_view, sim_view, timers, instance,
        keys, inbox_bins, slo_views, cluster_views;
    mb_known_property properties[MB_KNOWN_PROPERTIES];
    mb_timer *timers_known;                           // owned
    uint32_t timer_count, timer_capacity, free_timer; // see view_timer.c
    int hooks[8];                                     // by mb_hook
    char *text;                                       // of the policy's script; owned
    char **files; // every script that was loaded, the policy's first; owned
    size_t file_count;
    mb_arrival *sample; // made when first asked for; owned
    size_t sample_count;
    bool sampled, sample_judged; // it was asked for; it is of the very requests that are judged
} mb_host;

// A request that the core is about to file or recycle while a hook looks at it: it may be read, and not
// moved.
typedef struct mb_held {
    uint32_t slot;
    struct mb_held *outer;
} mb_held;

mb_status mb_host_open(mb_host *host, const mb_limits *limits, mb_error *error);
void mb_host_close(mb_host *host);

// Call the function below `arguments` values on the stack; `results` values replace them. On failure the
// stack is as before the function was pushed, and `error` holds the sentence and the traceback.
mb_status mb_host_call(mb_host *host, const char *hook, int arguments, int results, mb_error *error);
// Run a C function of ours with the `arguments` values on top of the stack, protected: whatever allocates has
// to be. Allocates nothing itself; with LuaJIT even pushing a C function would.
mb_status mb_host_run(mb_host *host, lua_CFunction function, const char *hook, int arguments,
                      mb_error *error);
// Load a file as text (never bytecode) into the closed environment; the chunk is left on the stack.
// `name` is how messages call it.
mb_status mb_host_load_file(mb_host *host, const char *path, const char *name, mb_error *error);

// From here to mb_host_end_loading, calls end by the clock: nobody else watches while a script loads.
void mb_host_begin_loading(mb_host *host);
void mb_host_end_loading(mb_host *host);

// Around a call from one of our functions back into the script: too many within each other are an error,
// before they fill the C stack. An error in between resets the count.
void mb_host_enter(lua_State *L);
void mb_host_leave(lua_State *L);
bool mb_host_holds(const mb_host *host, uint32_t slot);

// Until it is set back to what this returns, `who` runs and may not do what `level` says. (An error sets it
// back.)
mb_fence mb_host_fence(mb_host *host, mb_fence_level level, const char *who);
// A Lua error if the callback that runs may not do this.
void mb_host_check_fence(lua_State *L, mb_fence_level level, const char *call);

// Make the hook that runs end with an error at its next instruction, if it is the one of `late_entries`. May
// be called from a signal handler of the thread that runs it.
void mb_host_interrupt(mb_host *host);
// For such a handler: the hook that was interrupted before, if it still runs, never goes on to anything else.
bool mb_host_leave_behind(mb_host *host);

// Raise an error if a limit is met.
void mb_host_look(lua_State *L);

// The host of a state.
static inline mb_host *mb_host_of(lua_State *L) {
    void *host;
    lua_getallocf(L, &host);
    return host;
}
// Nothing interrupts a C function of ours: one whose loop a script can make long counts its work, where a
// unit is about an instruction of Lua. It counts against the limit of instructions, and now and then the
// limits are looked at.
static inline void mb_host_work(lua_State *L, uint64_t units) {
    mb_host *host = mb_host_of(L);
    const uint64_t before = host->work;
    host->work += units;
    if ((before ^ host->work) >> 14) mb_host_look(L);
}
// Raise `error` as a Lua error (position added, as luaL_error does, where it has none). Does not return.
int mb_host_raise(lua_State *L, const mb_error *error);
