// SPDX-License-Identifier: MIT
// What a policy sees of the simulation: requests as plain tables, and small userdata for queues, bins,
// replicas, the step and the simulation itself. A view holds an index, never a pointer, and is checked at
// each use.
#pragma once
#include "policy/host.h"

typedef enum mb_view_kind {
    MB_VIEW_QUEUE = 0x6d625131,
    MB_VIEW_BINS,
    MB_VIEW_REPLICA,
    MB_VIEW_KV,
    MB_VIEW_STEP,
    MB_VIEW_SIM,
    MB_VIEW_CLIENT,
    MB_VIEW_SEEN
} mb_view_kind;

typedef struct mb_view {
    uint32_t kind; // policies have no other userdata, so this one word tells
    uint32_t index;
} mb_view;

void mb_view_new(lua_State *L, mb_view_kind kind, uint32_t index, int metatable); // pushes it
// The view at `index` of the given kind; else a Lua error that says what was expected.
mb_view *mb_view_check(lua_State *L, int index, mb_view_kind kind);
// The simulation at 1; a Lua error in the hook `done`, after which nothing happens any more.
mb_sim *mb_sim_view_going(lua_State *L, const char *call);
// The simulation while the step at 1 is open; a Lua error else, and of the second where a callback may not
// fill it.
mb_sim *mb_step_peek(lua_State *L);
mb_sim *mb_step_open(lua_State *L, const char *call);
// Text of anything without addresses; pushes a string.
void mb_view_describe(lua_State *L, int index);
// Rank of a request or view among keys of a table; false for other values.
bool mb_view_order(lua_State *L, int index, int *type, double *number);
// A member of a kind of view: a method, or (function NULL) the property of that number, which the kind's
// `read` pushes. To add one: a line in the kind's list, and a case in its reader. `MB_CONSTANT | NUMBER` is a
// property that stays what it is while the run lasts: it is read once, like methods, and then costs no call.
typedef struct mb_member {
    const char *name;
    lua_CFunction function;
    int property;
} mb_member;
enum { MB_CONSTANT = 1 << 16 };
typedef int (*mb_property_reader)(lua_State *L, const mb_view *view, int property); // pushes one value

// Push the metatable of a kind; `index` calls mb_view_index.
void mb_view_metatable(lua_State *L, const mb_member *members, lua_CFunction index);
int mb_view_index(lua_State *L, const char *what, mb_property_reader read);
// The view that such a function is asked about.
const mb_view *mb_view_asked(lua_State *L);
// Give the view its table of fields that are found without a call, as it would get it in time; pushes the
// table.
void mb_view_keep(lua_State *L, int view);
// An option in the table at `options` that nobody would read is a mistake; `known` ends with NULL.
void mb_view_check_options(lua_State *L, int options, const char *call, const char *const *known);

// --- the views of each kind: their metatables, and those that exist from the start. To be made protected,
// after mb_sandbox_build.

// src/policy/view_request.c
void mb_request_views_open(lua_State *L);
void mb_view_push_id(lua_State *L, uint64_t id);         // of a unit of a prompt
void mb_request_view_push(mb_host *host, uint32_t slot); // the request's table, made when first asked for
uint32_t mb_request_view_check(lua_State *L,
                               int index); // its slot; a Lua error for anything else, or a stale one
// The same, but MB_NONE for one that has left.
uint32_t mb_request_view_find(lua_State *L, int index);
// What { horizon =, speed =, ttft = } asks; the Lua error where nothing is known of a reader.
typedef struct mb_gain_asked {
    double horizon_s;
    mb_reader other; // where the scenario knows none
} mb_gain_asked;
mb_gain_asked mb_gain_read(lua_State *L, int options, const char *call);
void mb_gain_unknown(lua_State *L, const mb_request *request);
// A Lua error for a request that the core has in hand: one that is leaving, or being filed.
void mb_request_view_movable(lua_State *L, uint32_t slot);
void mb_request_view_forget(mb_host *host, uint32_t slot);

// src/policy/view_queue.c
void mb_queue_views_open(lua_State *L);
void mb_queue_view_push(mb_host *host, uint32_t queue);
// The key on top of the stack, which a function gave for that queue (or bins: MB_BINS_KEYS); pops it.
double mb_key_take(lua_State *L, uint32_t queue);
int mb_queue_make(lua_State *L); // sim:queue{ by = ... }
int mb_bins_make(lua_State *L);  // sim:bins{ ... }

// src/policy/view_replica.c
void mb_replica_views_open(lua_State *L);
void mb_replica_view_push(mb_host *host, uint32_t replica);
void mb_replica_view_add(mb_host *host, uint32_t replica); // the views of one that was added
void mb_seen_views_open(lua_State *L);                     // replica.seen, src/policy/view_seen.c
// src/policy/view_lifecycle.c: drain, undrain, remove, fail
int mb_replica_drain_call(lua_State *L);
int mb_replica_undrain_call(lua_State *L);
int mb_replica_remove_call(lua_State *L);
int mb_replica_fail_call(lua_State *L);
// A number of seconds of at least 0, or `otherwise` where there is none.
double mb_view_seconds(lua_State *L, int index, double otherwise, const char *call, const char *what);
int mb_sim_add_call(lua_State *L);  // sim:add{ ... }, src/policy/view_add.c
int mb_replica_plain(lua_State *L); // replica:plain{ ... }; src/policy/view_plain.c

// src/policy/view_step.c, view_sim.c
void mb_step_view_open(lua_State *L);
int mb_step_displace_call(lua_State *L); // step:displace; src/policy/view_plain.c
// A count of requests: at least 0; nil and infinity mean all.
uint32_t mb_step_view_limit(lua_State *L, int index, const char *call);
// "needed" or "spare": what a decode must find free to go on; or a table that says that as `find`, and who is
// the `victim`.
mb_carry_rule mb_step_view_carry(lua_State *L, int index, const char *call);
void mb_sim_view_open(lua_State *L);
// sim:least(what), sim:route(rule); src/policy/view_route.c
int mb_least_call(lua_State *L);
int mb_route_call(lua_State *L);

// src/policy/view_timer.c
int mb_timer_after(lua_State *L);
int mb_timer_every(lua_State *L);
int mb_timer_cancel(lua_State *L);
int mb_timer_call(lua_State *L);                   // (a pointer to the timer's number in events): it fires
bool mb_timer_gone(mb_host *host, uint32_t timer); // was it cancelled? Then it is forgotten

// src/policy/view_slo.c: the bounds that requests of a class are promised, one table for all of them (no
// class: the scenario's).
void mb_slo_push(lua_State *L, uint32_t class_index);
// src/policy/view_cluster.c: what the scenario asks of admission to replicas of this kind, one table for all
// of them (NULL: what it asks of all replicas alike).
void mb_cluster_push(lua_State *L, const mb_hardware *hardware);
int mb_group_call(lua_State *L); // sim:group(name)
// src/policy/view_sums.c
int mb_peak_call(lua_State *L);    // replica:peak{...}
int mb_foresee_call(lua_State *L); // replica:foresee(weight or list)
// One of the answers in the list that are longer than what is generated, drawn; a token more, if in some
// tries none was found.
double mb_expect_drawn(lua_State *L, int list, uint32_t generated);
// What the predictor says of the whole output, as far as it is generated.
uint32_t mb_request_view_says(const mb_host *host, const mb_request *request, mb_saying what,
                              double quantile);
int mb_step_estimate_call(lua_State *L); // step:estimate{...}
int mb_estimate_call(lua_State *L);      // replica:estimate{...}
int mb_longest_chunk_call(lua_State *L); // replica:longest_chunk(...)
int mb_wait_estimate_call(lua_State *L); // queue:wait_estimate([req]), src/policy/view_wait.c
int mb_rank_call(lua_State *L);          // step:rank{...}, src/policy/view_rank.c
// src/policy/view_worth.c
int mb_rank_all_call(lua_State *L);       // sim:rank(whom, by [, options])
int mb_starved_call(lua_State *L);        // queue:starved(seconds [, ratio])
int mb_longest_cached_call(lua_State *L); // queue:longest_cached(replica [, most [, beginning, met]])

// src/policy/view_signal.c: pushes the table of an event.
void mb_signal_push(mb_host *host, const mb_notice *notice);
// The kinds that the policy's table at 1 leaves out of its list `signal_kinds`, a bit each; 0: it has none.
uint32_t mb_signal_untold(lua_State *L);

// src/policy/view_transfer.c
int mb_migrate_call(lua_State *L);                       // sim:migrate
int mb_copy_call(lua_State *L);                          // sim:copy
int mb_abort_call(lua_State *L);                         // sim:abort
int mb_send_call(lua_State *L);                          // sim:send
uint32_t mb_handoff_answer(lua_State *L, uint32_t slot); // the replica that `handoff` returned, or MB_NONE
void mb_role_set(lua_State *L, mb_replica *replica);     // (replica, "role", name)

// src/policy/view_client.c: pushes sim.clients.
void mb_clients_push(lua_State *L);

#define MB_MAX_BINS 4096
// src/policy/edges.c: edges by a bin-boundary rule; pushes nothing, gives a malloc'ed array.
int mb_edges_from_options(lua_State *L, int options, mb_key key, double **edges, uint32_t *count);
// src/policy/sample.c: make the sample of the workload, once.
mb_status mb_sample_load(mb_host *host, mb_error *error);
// Pushes the sorted sample of a length.
void mb_sample_push(lua_State *L, mb_key key);
